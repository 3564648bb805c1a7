"""Keep metadata.managedFields in step with writes. Pure.

Only what users write is recorded. What workers and agents write, with a fence or without a field manager, leaves the
entries as they are and costs nothing: a field that nobody but the system owns is in none of them, where Kubernetes
has entries of its controllers. An object that only the system has written has no entries at all, and as in Kubernetes
updates do not begin any: the first apply does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from statefleet.api.object.v1.verbs_pb2 import WriteOptions
from statefleet.objects.kinds import Kind
from statefleet.objects.managed import UPDATE, Author, Entries, changed, created, tracked, updated, write_entries

_SECOND_NS: Final = 10**9


class Owners:
    """Who owns the fields after a write that nothing is recorded of: who owned them before."""

    def of_new(self, message: Any, default: Callable[[Any], None], now: float) -> Entries:
        """Return the entries of a new object, to which the server has added nothing yet but an identity.

        Defaults, which are its creator's, are filled in with `default` where they matter.
        """
        del message, default, now
        return {}

    def put(self, new: Any, old: Any, asked: Any, now: float) -> None:
        """Set the entries of a changed object. `asked` is the object that the write brought along."""
        del asked, now
        new.metadata.ClearField("managed_fields")
        if old.metadata.managed_fields:
            new.metadata.managed_fields.extend(old.metadata.managed_fields)


class AuthorOwns(Owners):
    """A user's write: its author owns what it changes."""

    def __init__(self, author: Author) -> None:
        self._author = author

    def of_new(self, message: Any, default: Callable[[Any], None], now: float) -> Entries:
        """Return the entries that came with the object, and what it holds for its author."""
        default(message)
        return created(message, self._author, nanoseconds(now), tracked(message.metadata.managed_fields, ()))

    def put(self, new: Any, old: Any, asked: Any, now: float) -> None:
        """Record what the write changed. Entries that it brings along replace those stored, but for subresources."""
        subresource = self._author.subresource
        stored = old.metadata.managed_fields
        entries = tracked(() if subresource else asked.metadata.managed_fields, stored)
        if entries:
            change = changed(old, new, subresource)
            entries = updated(entries, self._author, change, nanoseconds(now))
        _set(new, entries)


class Settled(Owners):
    """A write of which it is known already who owns what after it."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries

    def of_new(self, message: Any, default: Callable[[Any], None], now: float) -> Entries:
        """Return the entries."""
        del message, default, now
        return self._entries

    def put(self, new: Any, old: Any, asked: Any, now: float) -> None:
        """Set the entries."""
        del old, asked, now
        _set(new, self._entries)


UNRECORDED: Final = Owners()


def owners_after(options: WriteOptions, kind: Kind[Any], subresource: str = "") -> Owners:
    """Return who owns what after an update or a create with these options."""
    if not options.field_manager or options.HasField("fence"):
        return UNRECORDED
    return AuthorOwns(Author(options.field_manager, UPDATE, kind.api_version, subresource))


def nanoseconds(now: float) -> int:
    """Return a time in seconds in nanoseconds."""
    return int(now * _SECOND_NS)


def _set(message: Any, entries: Entries) -> None:
    message.metadata.ClearField("managed_fields")
    message.metadata.managed_fields.extend(write_entries(entries))
