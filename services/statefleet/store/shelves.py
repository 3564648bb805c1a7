"""The objects of a state, by kind, namespace and name, always in order. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from statefleet.store.entries import Entry, Key


class _Shelf:
    """The objects of one kind in one namespace."""

    __slots__ = ("entries", "names")

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.names: list[str] = []

    def in_order(self) -> Iterator[Entry]:
        return map(self.entries.__getitem__, self.names)


class Shelves:
    """Entries that are found by key in constant time and listed in order without sorting."""

    __slots__ = ("_count", "_kinds")

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, _Shelf]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Entry]:
        """Every entry by kind, namespace and name."""
        for kind in sorted(self._kinds):
            yield from self.list(kind)

    def get(self, key: Key) -> Entry | None:
        """Return the entry of a key, if any."""
        shelf = self._kinds.get(key.kind, {}).get(key.namespace)
        return None if shelf is None else shelf.entries.get(key.name)

    def put(self, entry: Entry) -> None:
        """Add an entry or replace the one of its key."""
        kind, namespace, name = entry.key
        shelves = self._kinds.get(kind)
        if shelves is None:
            shelves = self._kinds[kind] = {}
        shelf = shelves.get(namespace)
        if shelf is None:
            shelf = shelves[namespace] = _Shelf()
        if name not in shelf.entries:
            insort(shelf.names, name)
            self._count += 1
        shelf.entries[name] = entry

    def remove(self, key: Key) -> None:
        """Remove the entry of a key. KeyError where there is none."""
        kind, namespace, name = key
        shelves = self._kinds[kind]
        shelf = shelves[namespace]
        del shelf.entries[name]
        del shelf.names[bisect_left(shelf.names, name)]
        self._count -= 1
        if not shelf.names:
            del shelves[namespace]
        if not shelves:
            del self._kinds[kind]

    def list(self, kind: str, namespace: str = "") -> list[Entry]:
        """Return the entries of a kind by namespace and name; of one namespace where it is not empty."""
        shelves = self._kinds.get(kind)
        if shelves is None:
            return []
        if namespace:
            shelf = shelves.get(namespace)
            return [] if shelf is None else list(shelf.in_order())
        return [entry for _, shelf in sorted(shelves.items()) for entry in shelf.in_order()]
