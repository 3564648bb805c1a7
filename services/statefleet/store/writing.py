"""Decide a write on the newest state, propose it, and decide anew where another write came first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from statefleet.api.object.v1.verbs_pb2 import WriteOptions
from statefleet.errors import Conflict, NotLeader
from statefleet.runtime.clock import Clock
from statefleet.runtime.rand import Rand
from statefleet.store.draft import Draft
from statefleet.store.entries import Changed, Outcome, Refusal
from statefleet.store.refusals import error_of
from statefleet.store.replica import Replica, attempt_id

T = TypeVar("T")

ATTEMPTS = 5
"""How often a write is decided before a conflict is the caller's."""

_OVERTAKEN = frozenset(
    {Refusal.CONFLICT, Refusal.NOT_FOUND, Refusal.ALREADY_EXISTS, Refusal.SLOT_TAKEN, Refusal.MARK_MOVED}
)
"""Refusals that say that another write came first."""


class Written(NamedTuple, Generic[T]):
    """What became of a write."""

    decided: T | None
    """What the decision returned; None for a repeated request, which is not decided again."""
    outcome: Outcome | None
    """What the log made of it; None where there was nothing to propose, or by dry run."""
    warnings: tuple[str, ...] = ()
    changes: tuple[Changed, ...] = ()
    """What it changed; of a repeated request, as far as that is still remembered."""

    def changed(self, kind: str, namespace: str, name: str = "") -> Changed | None:
        """Return what the write did to the object so named, or to the first of its kind and namespace."""
        for changed in self.changes:
            key = changed.key
            if key.kind == kind and key.namespace == namespace and name in ("", key.name):
                return changed
        return None


class Writer:
    """Carries writes into one replica's log. Only the leader's can.

    Where the log is not `fenced`, such as that of events, workers do not claim shards in it and need none.
    """

    def __init__(self, replica: Replica, clock: Clock, rand: Rand, *, fenced: bool = True) -> None:
        self.replica = replica
        self._clock = clock
        self._rand = rand
        self._fenced = fenced

    async def write(
        self, options: WriteOptions, decide: Callable[[Draft], T], *, attempts: int = ATTEMPTS
    ) -> Written[T]:
        """Call `decide` with a draft and propose what it puts there; where another write came first, do both again.

        What a write rests on, `decide` checks: called again, it refuses by itself what no longer holds. A request
        that was decided before is answered with its first outcome.
        Raises what `decide` raises, Conflict after the last attempt, NotLeader, Fenced and Unavailable.
        """
        replica = self.replica
        if not replica.is_leader:
            raise NotLeader(f"this replica of {replica.name} does not lead")
        fence = options.fence if self._fenced and options.HasField("fence") else None
        request_id = options.request_id
        outcome: Outcome | None = None
        for attempt in range(attempts):
            outcome = replica.state.remembered(attempt_id(request_id, attempt)) if request_id else None
            if outcome is None:
                draft = Draft(replica.state, self._clock.now(), self._rand, options.field_manager)
                decided = decide(draft)
                if not draft or options.dry_run:
                    return Written(decided, None, tuple(draft.warnings))
                outcome = await replica.decide(draft.transaction(fence), request_id=request_id, attempt=attempt)
                if not (outcome.refusal or outcome.repeated):
                    return Written(decided, outcome, tuple(draft.warnings), outcome.changes)
            if not outcome.refusal:
                return Written(None, outcome, changes=self._changes_of(outcome))
            if outcome.refusal not in _OVERTAKEN:
                raise error_of(outcome)
        raise error_of(outcome) if outcome is not None else Conflict("no attempt was made")

    def _changes_of(self, outcome: Outcome) -> tuple[Changed, ...]:
        """Return what an earlier request changed, nothing where that is forgotten."""
        history = self.replica.history
        if outcome.version <= history.floor:
            return ()
        first = next(iter(history.since(outcome.version - 1)), None)
        return first.changes if first is not None and first.version == outcome.version else ()
