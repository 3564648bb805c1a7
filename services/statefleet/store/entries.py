"""Keys, entries, changes and outcomes: what a state holds and what applying a record gives.

Pure: no I/O, clock or randomness.
"""

from __future__ import annotations

from enum import StrEnum
from sys import intern
from typing import Any, NamedTuple, Self

from statefleet.api.log.v1.log_pb2 import Author
from statefleet.api.object.v1.object_pb2 import Object, ObjectKey
from statefleet.objects.kinds import KINDS
from statefleet.store.stamp import stamp


class Key(NamedTuple):
    """What names an object within one service; the namespace is empty for kinds that live in none."""

    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, key: ObjectKey) -> Self:
        """Return the key that a message holds."""
        return cls(key.kind, key.namespace, key.name)

    def to_message(self) -> ObjectKey:
        """Return the key as a message."""
        return ObjectKey(kind=self.kind, namespace=self.namespace, name=self.name)

    def __str__(self) -> str:
        return "/".join(part for part in self if part)


class LastWrite(NamedTuple):
    """Who wrote an object last, and when."""

    time_ns: int
    """When the write was proposed, nanoseconds since the Unix epoch."""
    user: str
    """The user, worker or agent; empty: the service itself."""
    manager: str
    """The field manager, empty where it did not say."""


def last_write(time_ns: int, author: Author) -> LastWrite:
    """Return who wrote and when; the same few names are held once for all the objects that bear them."""
    return LastWrite(time_ns, intern(author.user), intern(author.field_manager))


class Entry:
    """One object at one version, as bytes that are decoded when first asked for. Never changed once made."""

    __slots__ = ("_decoded", "data", "key", "last_write", "slot", "version")

    def __init__(
        self, key: Key, version: int, data: bytes, slot: str = "", last_write: LastWrite | None = None
    ) -> None:
        self.key = key
        self.version = version
        self.data = data
        """A serialised Object whose metadata.resourceVersion is the version."""
        self.slot = slot
        """The slot that the object holds; empty: none."""
        self.last_write = last_write
        """Who wrote it last; None where that was before feature level 1."""
        self._decoded: Object | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Entry):
            return NotImplemented
        return (self.key, self.version, self.data, self.slot, self.last_write) == (
            other.key, other.version, other.data, other.slot, other.last_write
        )  # fmt: skip

    def __hash__(self) -> int:
        return hash((self.key, self.version))

    def __repr__(self) -> str:
        return f"Entry({self.key}@{self.version})"

    @property
    def object(self) -> Object:
        """The decoded object, shared by all who ask: READ ONLY."""
        decoded = self._decoded
        if decoded is None:
            decoded = self._decoded = Object.FromString(self.data)
        return decoded

    @property
    def message(self) -> Any:
        """The message of the object's kind, such as a Pod, shared by all who ask: READ ONLY."""
        return getattr(self.object, KINDS[self.key.kind].oneof)

    def copy(self) -> Any:
        """Return the message of the object's kind, decoded anew: the caller's to change."""
        return getattr(Object.FromString(self.data), KINDS[self.key.kind].oneof)

    def at(self, version: int) -> Entry:
        """Return the same object stamped with another version."""
        return Entry(self.key, version, stamp(self.key.kind, self.data, version), self.slot, self.last_write)

    def forget_decoded(self) -> None:
        """Drop the decoded object; it is decoded again when asked for."""
        self._decoded = None


class Changed:
    """What a version did to one object. `before` is None for a creation, `after` for a deletion."""

    __slots__ = ("_last", "after", "before", "key", "version")

    def __init__(self, key: Key, version: int, before: Entry | None, after: Entry | None) -> None:
        self.key = key
        self.version = version
        self.before = before
        self.after = after
        self._last = after

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Changed):
            return NotImplemented
        return (self.version, self.before, self.after) == (other.version, other.before, other.after)

    def __hash__(self) -> int:
        return hash((self.key, self.version))

    def __repr__(self) -> str:
        return f"Changed({self.key}@{self.version}: {self.before!r} -> {self.after!r})"

    @property
    def last(self) -> Entry:
        """The object after the change; of a deleted one, as it last was but at the version of its deletion."""
        if self._last is None:
            if self.before is None:
                raise ValueError("a change of nothing to nothing")
            self._last = self.before.at(self.version)
        return self._last


class Refusal(StrEnum):
    """Why a record had no effect."""

    ACCEPTED = ""
    """It had effect."""
    CONFLICT = "Conflict"
    """The object is not at the version expected."""
    NOT_FOUND = "NotFound"
    """The object does not exist."""
    ALREADY_EXISTS = "AlreadyExists"
    """The object exists."""
    FENCED = "Fenced"
    """The shard has a newer claim than the worker's, or none."""
    STALE_EPOCH = "StaleEpoch"
    """The record is not of the current epoch."""
    SLOT_TAKEN = "SlotTaken"
    """The slot holds as many objects as it may."""
    MARK_MOVED = "MarkMoved"
    """A mark was set after the version checked, or that version is too old to tell."""
    UNSUPPORTED = "Unsupported"
    """The kind or the operation is not known."""


class Outcome(NamedTuple):
    """What became of one record. It was accepted where `refusal` is empty."""

    version: int
    """The state's version after it; of a repeated request, after the first time."""
    refusal: str = ""
    subject: str = ""
    """What the refusal is about: a key as kind/namespace/name, a shard, a slot or a mark."""
    changes: tuple[Changed, ...] = ()
    repeated: bool = False
    """Whether the request had been decided before: this is its first outcome, without the changes."""
    epoch: int = 0
    """The shard's epoch, where the record claimed a shard."""


class Claim(NamedTuple):
    """The newest claim of a shard."""

    epoch: int
    holder: str


class Remembered(NamedTuple):
    """The first outcome of a request."""

    time_ns: int
    version: int
    refusal: str
    subject: str


class VersionTime(NamedTuple):
    """The version that was current at a time."""

    time_ns: int
    version: int
