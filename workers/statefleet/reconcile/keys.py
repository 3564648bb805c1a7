"""Name what a controller works on, and spread the names over shards. Pure: no I/O, clock or randomness."""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple


class Key(NamedTuple):
    """A namespace, empty for what lives in none, and a name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def key_of(message: Any) -> Key:
    """Return the key of an object of any kind."""
    meta = message.metadata
    return Key(meta.namespace, meta.name)


def shard_name(controller: str, index: int) -> str:
    """Return the name of one of a controller's shards."""
    return f"{controller}/{index}"


def shard_of(key: Key, count: int) -> int:
    """Return which of `count` shards a key belongs to: the same in every process and for ever."""
    return zlib.crc32(f"{key.namespace}/{key.name}".encode()) % count if count > 1 else 0
