"""Decide which member owns what by rendezvous hashing. Pure: no I/O, clock or randomness.

Every member scores each key alike in every process and release; the highest score owns. A member that comes or goes
moves only the keys that it gains or had.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def rank(key: str, members: Iterable[str]) -> list[str]:
    """Return the members by their claim to a key, the owner first."""
    return sorted(members, key=lambda member: (_number(f"{len(member)}:{member}{key}"), member), reverse=True)


def owner(key: str, members: Iterable[str]) -> str | None:
    """Return the member that owns a key; None where there are no members."""
    return max(members, key=lambda member: (_number(f"{len(member)}:{member}{key}"), member), default=None)


def owned(member: str, keys: Iterable[str], members: Iterable[str]) -> list[str]:
    """Return those of some keys that a member owns, in the order given."""
    everyone = list(members)
    return [key for key in keys if owner(key, everyone) == member]


def shard_of(key: str, shards: int) -> int:
    """Return the shard, from 0 to shards - 1, of a key. It never changes while the number of shards does not."""
    return _number(key) % shards
