"""Decide who owns the fields of an object after an update. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor

from statefleet.api.meta.v1.object_meta_pb2 import ManagedFieldsEntry
from statefleet.objects import schema
from statefleet.objects.managed.comparing import Difference, compare
from statefleet.objects.managed.entries import (
    Author,
    Entries,
    Owned,
    UnreadableEntriesError,
    capped,
    read_entries,
    with_exact_times,
)
from statefleet.objects.managed.sets import difference, union
from statefleet.objects.managed.subjects import Document, subject_of
from statefleet.objects.managed.topology import topology


def tracked(asked: Iterable[ManagedFieldsEntry], stored: Iterable[ManagedFieldsEntry]) -> Entries:
    """Return whose entries an update starts from: those that it brings along, else those stored.

    One empty entry says that nothing is tracked any more. Lists that make no sense count as not brought along.
    """
    brought = list(asked)
    if len(brought) == 1 and not brought[0].ListFields():
        return {}
    known = _readable(stored)
    return with_exact_times(_readable(brought), known) or known


def created(message: Any, author: Author, time_ns: int, entries: Entries) -> Entries:
    """Return who owns what of a new object: its author all that is in it beside the empty object."""
    before = _empty(message.DESCRIPTOR)
    return updated(entries, author, compare(topology(message.DESCRIPTOR), before, subject_of(message)), time_ns)


def changed(before: Any, after: Any, subresource: str = "") -> Difference:
    """Return what a write changes in the fields that it may own."""
    old, new = _without_common(before, after)
    return compare(topology(after.DESCRIPTOR), subject_of(old, subresource), subject_of(new, subresource))


def updated(entries: Entries, author: Author, change: Difference, time_ns: int) -> Entries:
    """Return who owns what after an update: its author alone what it touches, nobody what it removes.

    The time of the author's entry is that of the last update that touched something.
    """
    if not change:
        return entries
    taken = union(change.touched, change.removed)
    left = {
        other: owned._replace(fields=fields)
        for other, owned in entries.items()
        if (fields := difference(owned.fields, taken))
    }
    if change.touched:
        mine = left.get(author)
        fields = union(mine.fields, change.touched) if mine else change.touched
        left[author] = Owned(fields, author.api_version, time_ns)
    return capped(left)


def _without_common(before: Any, after: Any) -> tuple[Any, Any]:
    """Return copies of two objects without the parts that are equal, which would only be encoded to be compared."""
    old, new = type(before)(), type(after)()
    old.CopyFrom(before)
    new.CopyFrom(after)
    for field in before.DESCRIPTOR.fields:
        if getattr(before, field.name) == getattr(after, field.name):
            old.ClearField(field.name)
            new.ClearField(field.name)
    old.metadata.ClearField("managed_fields")
    new.metadata.ClearField("managed_fields")
    return old, new


def _readable(entries: Iterable[ManagedFieldsEntry]) -> Entries:
    try:
        return read_entries(entries)
    except UnreadableEntriesError:
        return {}


@cache
def _empty(descriptor: Descriptor) -> Document:
    return subject_of(schema.message_class(descriptor)())
