"""Keep what was used most recently, within a bound of bytes. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Values by key, the least recently used dropped where they take more than `capacity` bytes together.

    A value of more than `largest` bytes is not kept: a few of them would push out everything else.
    """

    def __init__(self, capacity: int, largest: int) -> None:
        self._capacity = capacity
        self._largest = largest
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._size = 0

    def find(self, key: K) -> V | None:
        """Return the value of a key, if it is kept."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def keep(self, key: K, value: V, size: int) -> None:
        """Keep a value of so many bytes instead of the one that the key had."""
        _, old = self._values.pop(key, (None, 0))
        self._size -= old
        if size > self._largest:
            return
        self._values[key] = value, size
        self._size += size
        while self._size > self._capacity:
            _, (_, dropped) = self._values.popitem(last=False)
            self._size -= dropped
