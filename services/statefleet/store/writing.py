"""Decide a write on the newest state, propose it, and decide anew where another write came first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from statefleet.api.log.v1.log_pb2 import Author
from statefleet.api.object.v1.verbs_pb2 import WriteOptions
from statefleet.errors import FleetError, NotLeader
from statefleet.rpc.identity import CALLED_FOR
from statefleet.runtime.clock import Clock
from statefleet.runtime.rand import Rand
from statefleet.store.draft import Draft
from statefleet.store.entries import Changed, Outcome, Refusal
from statefleet.store.refusals import error_of
from statefleet.store.replica import Replica, attempt_id

T = TypeVar("T")

ATTEMPTS = 100
"""How often a write is decided before a conflict is the caller's.

Of those whom the same write overtook, whoever was first among them is first the next time: so many callers may write
to one object at once, and none that named no version is told of the others.
"""

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

    async def write(self, options: WriteOptions, decide: Callable[[Draft], T]) -> Written[T]:
        """Call `decide` with a draft and propose what it puts there; where another write came first, do both again.

        What a write rests on, `decide` checks: called again, it refuses by itself what no longer holds. A request
        that was decided before is answered with its first outcome.
        Raises what `decide` raises, Conflict after the last attempt, NotLeader, Fenced and Unavailable.
        """
        replica = self.replica
        if not replica.is_leader:
            raise NotLeader(f"this replica of {replica.name} does not lead")
        fence = options.fence if self._fenced and options.HasField("fence") else None
        request_id, author = options.request_id, _author(options)
        outcome: Outcome | None = None
        for attempt in range(ATTEMPTS):
            outcome = replica.state.remembered(attempt_id(request_id, attempt)) if request_id else None
            if outcome is None:
                draft, decided = await self._decide(options, decide)
                if not draft or options.dry_run:
                    return Written(decided, None, tuple(draft.warnings))
                outcome = await replica.decide(
                    draft.transaction(fence, author), request_id=request_id, attempt=attempt
                )
                if not (outcome.refusal or outcome.repeated):
                    return Written(decided, outcome, tuple(draft.warnings), outcome.changes)
            if not outcome.refusal:
                return Written(None, outcome, changes=self._changes_of(outcome))
            if outcome.refusal not in _OVERTAKEN:
                raise error_of(outcome)
        assert outcome is not None
        raise error_of(outcome)

    async def _decide(self, options: WriteOptions, decide: Callable[[Draft], T]) -> tuple[Draft, T]:
        """Return a draft and what was decided with it.

        What will be proposed is decided at once: the log refuses it where it rests on an old state. An answer that is
        not proposed, such as a refusal, must not rest on one either, and this leader may be behind without knowing.
        """
        draft = self._draft(options)
        try:
            decided = decide(draft)
        except FleetError:
            pass
        else:
            if draft and not options.dry_run:
                return draft, decided
        await self.replica.read_barrier()
        draft = self._draft(options)
        return draft, decide(draft)

    def _draft(self, options: WriteOptions) -> Draft:
        return Draft(self.replica.state, self._clock.now(), self._rand, options.field_manager)

    def _changes_of(self, outcome: Outcome) -> tuple[Changed, ...]:
        """Return what an earlier request changed, nothing where that is forgotten."""
        history = self.replica.history
        if outcome.version <= history.floor:
            return ()
        first = next(iter(history.since(outcome.version - 1)), None)
        return first.changes if first is not None and first.version == outcome.version else ()


def _author(options: WriteOptions) -> Author | None:
    """Return for whom the request being served is; None: nobody's, the service writes by itself."""
    identity = CALLED_FOR.get()
    return None if identity is None else Author(user=identity.name, field_manager=options.field_manager)
