"""Decide what each record of a log does to a service's objects. Pure: no I/O, clock or randomness.

Every replica applies the same records in the same order and so holds the same state. A record is decided by its
epoch, then by its request id, then by what its operation demands of the state; what is refused changes no object.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from types import MappingProxyType

from statefleet.api.log.v1.log_pb2 import Change, Record, ShardClaim, Transaction
from statefleet.objects.kinds import KINDS
from statefleet.store.entries import (
    Changed,
    Claim,
    Entry,
    Key,
    LastWrite,
    Outcome,
    Refusal,
    Remembered,
    VersionTime,
    last_write,
)
from statefleet.store.image import Image
from statefleet.store.shelves import Shelves
from statefleet.store.stamp import stamp

__all__ = ["FEATURE_LEVEL", "Changed", "Claim", "Entry", "Key", "LevelTooNewError", "Outcome", "Refusal", "State"]

FEATURE_LEVEL = 1
"""The newest rules of apply that this code knows. Each level's are those of the one before, and more:

1. The state keeps who wrote each object last, and when, also after the log's records of it are trimmed.
"""

_SECOND_NS = 1_000_000_000
REQUEST_MEMORY_NS = 600 * _SECOND_NS
"""How long the outcome of a request is remembered, in record time."""
REQUESTS_REMEMBERED = 100_000
"""How many outcomes are remembered at most: half a minute of retries at thousands of writes a second."""
MARK_MEMORY_NS = 300 * _SECOND_NS
"""How long a mark is remembered at least, in record time."""
_VERSION_TIME_STEP_NS = 30 * _SECOND_NS


class LevelTooNewError(Exception):
    """The log follows rules that this code does not know: a newer release must run it."""


class State:
    """The objects of one service and what guards their changes.

    Read `version`, `epoch`, `feature_level`, `time_ns`, `slots` and `claims`; only `apply` and `load` change them.
    """

    def __init__(self, knows: int = FEATURE_LEVEL) -> None:
        """Begin empty. `knows` is the newest feature level that is followed: less plays an older release."""
        self._knows = knows
        self.load(Image())

    def load(self, image: Image) -> None:
        """Become what the image holds. LevelTooNewError where its rules are not known here."""
        self._check_level(image.feature_level)
        self.version = image.version
        self.epoch = image.epoch
        self.feature_level = image.feature_level
        self.time_ns = image.time_ns
        self._marks_floor = image.marks_floor
        self._version_times = deque(image.version_times)
        self._marks = OrderedDict(image.marks)
        self._claims = dict(image.claims)
        self._requests = OrderedDict(image.requests)
        self._shelves = Shelves()
        self._unchanged_since(image.version)
        self._slots: dict[str, int] = {}
        for entry in image.entries:
            self._shelves.put(entry)
            self._take_slot(entry.slot, 1)

    def image(self) -> Image:
        """Return all that the state holds now; it is not touched by what is applied later."""
        return Image(
            version=self.version,
            epoch=self.epoch,
            feature_level=self.feature_level,
            time_ns=self.time_ns,
            marks_floor=self._marks_floor,
            version_times=tuple(self._version_times),
            entries=tuple(self._shelves),
            marks=dict(self._marks),
            claims=dict(self._claims),
            requests=dict(self._requests),
        )

    def __len__(self) -> int:
        return len(self._shelves)

    def get(self, key: Key) -> Entry | None:
        """Return the object of a key, if any."""
        return self._shelves.get(key)

    def list(self, kind: str, namespace: str = "") -> list[Entry]:
        """Return a kind's objects ordered by namespace and name; of one namespace where it is not empty."""
        return self._shelves.list(kind, namespace)

    def changed(self, kind: str) -> int:
        """Return a version since which no object of a kind has changed."""
        return self._changed.get(kind, self._changed_floor)

    def mark(self, name: str) -> int:
        """Return the version at which a mark was last set, 0 where it was not or that is forgotten."""
        return self._marks.get(name, 0)

    def remembered(self, request_id: str) -> Outcome | None:
        """Return the first outcome of a recent request, without its changes."""
        first = self._requests.get(request_id)
        return None if first is None else Outcome(first.version, first.refusal, first.subject, repeated=True)

    @property
    def slots(self) -> Mapping[str, int]:
        """How many objects each slot holds; slots that hold none are absent."""
        return MappingProxyType(self._slots)

    @property
    def claims(self) -> Mapping[str, Claim]:
        """The newest claim of each shard."""
        return MappingProxyType(self._claims)

    def apply(self, record: Record) -> Outcome:
        """Decide a record and take on what it changes.

        A record of another epoch than the state's has no effect at all, save a claim of a greater one. A request id
        seen in the last ten minutes, and among the last REQUESTS_REMEMBERED, gets its first outcome again.
        LevelTooNewError where the record raises the feature level beyond FEATURE_LEVEL: nothing is changed then.
        """
        operation = record.WhichOneof("operation")
        if operation == "epoch_claim":
            return self._begin_epoch(record)
        if record.epoch != self.epoch:
            return Outcome(self.version, Refusal.STALE_EPOCH)
        self._pass_time(record.time_ns)
        request_id = record.request_id
        if request_id and (first := self.remembered(request_id)) is not None:
            return first
        if operation == "transaction":
            outcome = self._transact(record)
        elif operation == "shard_claim":
            outcome = self._claim_shard(record.shard_claim)
        elif operation == "feature_level":
            outcome = self._raise_level(record.feature_level.level)
        else:
            outcome = Outcome(self.version, Refusal.UNSUPPORTED)
        if request_id:
            self._requests[request_id] = Remembered(record.time_ns, outcome.version, outcome.refusal, outcome.subject)
            if len(self._requests) > REQUESTS_REMEMBERED:
                self._requests.popitem(last=False)
        return outcome

    def _begin_epoch(self, record: Record) -> Outcome:
        if record.epoch <= self.epoch:
            return Outcome(self.version, Refusal.STALE_EPOCH)
        self.epoch = record.epoch
        if record.epoch_claim.version_gap:
            self.version += record.epoch_claim.version_gap
            self._unchanged_since(self.version)
        self._pass_time(record.time_ns)
        return Outcome(self.version)

    def _claim_shard(self, claim: ShardClaim) -> Outcome:
        last = self._claims.get(claim.shard)
        epoch = 1 if last is None else last.epoch + 1
        self._claims[claim.shard] = Claim(epoch, claim.holder)
        return Outcome(self.version, epoch=epoch)

    def _raise_level(self, level: int) -> Outcome:
        self._check_level(level)
        self.feature_level = max(self.feature_level, level)
        return Outcome(self.version)

    def _check_level(self, level: int) -> None:
        if level > self._knows:
            raise LevelTooNewError(
                f"the log follows feature level {level}, this release knows {self._knows}: run a newer release"
            )

    def _transact(self, record: Record) -> Outcome:
        transaction = record.transaction
        refused = self._forbid(transaction)
        if refused is not None:
            return refused
        draft = _Draft(self, last_write(record.time_ns, transaction.author) if self.feature_level >= 1 else None)
        for change in transaction.changes:
            refused = draft.add(change)
            if refused is not None:
                return refused
        return self._commit(draft, transaction)

    def _forbid(self, transaction: Transaction) -> Outcome | None:
        """Check what the transaction demands beyond its objects: the worker's claim and the marks."""
        if transaction.HasField("fence"):
            fence = transaction.fence
            claim = self._claims.get(fence.shard)
            if claim is None or claim.epoch != fence.epoch:
                return Outcome(self.version, Refusal.FENCED, fence.shard)
        for check in transaction.checks:
            if check.not_after < max(self._marks_floor, self._marks.get(check.mark, 0)):
                return Outcome(self.version, Refusal.MARK_MOVED, check.mark)
        return None

    def _commit(self, draft: _Draft, transaction: Transaction) -> Outcome:
        self.version = draft.version
        for changed in draft.changes:
            if changed.after is None:
                self._shelves.remove(changed.key)
            else:
                self._shelves.put(changed.after)
            self._changed[changed.key.kind] = changed.version
        for slot, taken in draft.slots.items():
            self._take_slot(slot, taken)
        for mark in transaction.marks:
            self._marks[mark] = draft.version
            self._marks.move_to_end(mark)
        return Outcome(draft.version, changes=tuple(draft.changes))

    def _unchanged_since(self, version: int) -> None:
        """Count all kinds as changed at a version: what was seen at those before may have been lost."""
        self._changed: dict[str, int] = {}
        self._changed_floor = version

    def _take_slot(self, slot: str, taken: int) -> None:
        if not slot:
            return
        held = self._slots.get(slot, 0) + taken
        if held:
            self._slots[slot] = held
        else:
            self._slots.pop(slot, None)

    def _pass_time(self, time_ns: int) -> None:
        """Take on a record's time and forget what is too old, or so far ahead that a clock must have been wrong."""
        self.time_ns = time_ns
        times = self._version_times
        if not times or abs(time_ns - times[-1].time_ns) >= _VERSION_TIME_STEP_NS:
            times.append(VersionTime(time_ns, self.version))
            while abs(time_ns - times[0].time_ns) > MARK_MEMORY_NS:
                self._forget_marks(times.popleft().version)
        requests = self._requests
        while requests and abs(time_ns - next(iter(requests.values())).time_ns) > REQUEST_MEMORY_NS:
            requests.popitem(last=False)

    def _forget_marks(self, version: int) -> None:
        self._marks_floor = version
        marks = self._marks
        while marks and next(iter(marks.values())) <= version:
            marks.popitem(last=False)


class _Draft:
    """The changes of one transaction, decided one by one on top of a state that they do not touch yet."""

    __slots__ = ("_last_write", "_staged", "_state", "changes", "slots", "version")

    def __init__(self, state: State, last_write: LastWrite | None) -> None:
        self._state = state
        self._last_write = last_write
        self._staged: dict[Key, Entry | None] = {}
        self.version = state.version
        self.changes: list[Changed] = []
        self.slots: dict[str, int] = {}
        """By how much the number of objects in a slot changes."""

    def add(self, change: Change) -> Outcome | None:
        """Decide one more change; return why the transaction is refused, if it is."""
        key = Key.of(change.key)
        before = self._staged[key] if key in self._staged else self._state.get(key)
        refusal = _precondition(key, change, before)
        if refusal:
            return Outcome(self._state.version, refusal, str(key))
        slot = before.slot if before is not None else change.slot.name
        if before is None and slot and not self._has_room(slot, change.slot.limit):
            return Outcome(self._state.version, Refusal.SLOT_TAKEN, slot)
        self.version += 1
        after: Entry | None = None
        if change.object:
            after = Entry(key, self.version, stamp(key.kind, change.object, self.version), slot, self._last_write)
        if slot and (before is None) != (after is None):
            self.slots[slot] = self.slots.get(slot, 0) + (1 if before is None else -1)
        self._staged[key] = after
        self.changes.append(Changed(key, self.version, before, after))
        return None

    def _has_room(self, slot: str, limit: int) -> bool:
        return self._state.slots.get(slot, 0) + self.slots.get(slot, 0) < limit


def _precondition(key: Key, change: Change, before: Entry | None) -> Refusal:
    if key.kind not in KINDS:
        return Refusal.UNSUPPORTED
    if before is None:
        return Refusal.ACCEPTED if change.object and not change.expected_version else Refusal.NOT_FOUND
    if change.expected_version == before.version:
        return Refusal.ACCEPTED
    return Refusal.CONFLICT if change.expected_version else Refusal.ALREADY_EXISTS
