"""What changed lately: enough to show the state of a recent version and to resume a watch from it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from statefleet.errors import Expired
from statefleet.store.entries import Changed, Entry, Key
from statefleet.store.state import State

KEEP_NS = 300 * 1_000_000_000
"""How long a change is kept at least, in record time, while there are not more than MOST of them."""
MOST = 50_000
"""How many changes are kept at most."""
_DECODED = 256
"""After how many newer transactions the decoded form of a replaced object is dropped."""


class Batch(NamedTuple):
    """The changes of one transaction; its version is that of the last of them."""

    version: int
    time_ns: int
    changes: tuple[Changed, ...]


class History:
    """The recent changes of one state, bounded by age and number."""

    def __init__(self, state: State, *, keep_ns: int = KEEP_NS, most: int = MOST) -> None:
        self._state = state
        self._keep_ns = keep_ns
        self._most = most
        self.reset()

    def reset(self) -> None:
        """Forget everything: the state was loaded anew, or versions before its own may have named other things."""
        self.floor = self._state.version
        """The oldest version that is remembered."""
        self._batches: deque[Batch] = deque()
        self._kinds: dict[str, deque[Changed]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def record(self, batch: Batch) -> None:
        """Add the changes that a record made."""
        self._batches.append(batch)
        self._count += len(batch.changes)
        for changed in batch.changes:
            kind = self._kinds.get(changed.key.kind)
            if kind is None:
                kind = self._kinds[changed.key.kind] = deque()
            kind.append(changed)
        if len(self._batches) > _DECODED:
            for changed in self._batches[-_DECODED].changes:
                if changed.before is not None:
                    changed.before.forget_decoded()
        self._prune(batch.time_ns)

    def since(self, version: int) -> list[Batch]:
        """Return the changes after a version in their batches, oldest first. Expired below the floor.

        A version amid a transaction leaves only the rest of its batch.
        """
        self.check(version)
        later = []
        for batch in reversed(self._batches):
            if batch.version <= version:
                break
            if batch.changes[0].version <= version:
                later.append(batch._replace(changes=tuple(c for c in batch.changes if c.version > version)))
            else:
                later.append(batch)
        later.reverse()
        return later

    def list_at(self, kind: str, namespace: str, version: int) -> list[Entry]:
        """Return the objects of a kind as they were at a version, ordered by namespace and name.

        Of one namespace where it is not empty. Expired where the version is no longer remembered. A version ahead of
        the state shows the state as it is.
        """
        self.check(version)
        entries = self._state.list(kind, namespace)
        undone = _before(self._later(kind, version), namespace)
        if not undone:
            return entries
        shown = [entry for entry in entries if entry.key not in undone]
        shown.extend(entry for entry in undone.values() if entry is not None)
        shown.sort(key=lambda entry: entry.key)
        return shown

    def check(self, version: int) -> None:
        """Raise Expired where a version is no longer remembered."""
        if version < self.floor:
            raise Expired(f"too old resource version: {version} ({self.floor})")

    def _later(self, kind: str, version: int) -> Iterator[Changed]:
        """Yield the changes of a kind after a version, newest first."""
        for changed in reversed(self._kinds.get(kind, ())):
            if changed.version <= version:
                return
            yield changed

    def _prune(self, time_ns: int) -> None:
        batches = self._batches
        while batches and (self._count > self._most or time_ns - batches[0].time_ns > self._keep_ns):
            oldest = batches.popleft()
            self.floor = oldest.version
            self._count -= len(oldest.changes)
            for changed in oldest.changes:
                self._kinds[changed.key.kind].popleft()


def _before(newest_first: Iterable[Changed], namespace: str) -> dict[Key, Entry | None]:
    """Return what each changed object was before all of the changes; None: it was not."""
    before: dict[Key, Entry | None] = {}
    for changed in newest_first:
        if not namespace or changed.key.namespace == namespace:
            before[changed.key] = changed.before
    return before
