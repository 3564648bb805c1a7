"""Read and write `metadata.managedFields`. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from statefleet.api.meta.v1.object_meta_pb2 import ManagedFieldsEntry
from statefleet.objects.codec import compact_json
from statefleet.objects.managed.sets import FieldSet, union
from statefleet.objects.nesting import is_too_deep

APPLY: Final = "Apply"
UPDATE: Final = "Update"

UPDATERS: Final = 10
"""How many entries of updates are kept apart; the oldest beyond become one."""
_ANCIENT: Final = "ancient-changes"
_SECOND: Final = 10**9


class Author(NamedTuple):
    """Who writes, in which way: each has an entry of its own."""

    manager: str
    operation: str
    """Apply or Update."""
    api_version: str
    """The version whose field names an update used; empty for Apply, which has one entry over all versions."""
    subresource: str = ""


class Owned(NamedTuple):
    """What an author owns."""

    fields: FieldSet
    api_version: str
    time_ns: int | None
    """When that was last written, in nanoseconds since the Unix epoch. JSON shows whole seconds of it."""


Entries = dict[Author, Owned]
"""Who owns what. Never changed in place."""


class UnreadableEntriesError(ValueError):
    """The entries are not those of field sets that are known here."""


def read_entries(entries: Iterable[ManagedFieldsEntry]) -> Entries:
    """Return what a list of entries says. UnreadableEntriesError where one is malformed."""
    found: Entries = {}
    for entry in entries:
        if entry.operation not in (APPLY, UPDATE) or entry.fields_type not in ("", "FieldsV1"):
            raise UnreadableEntriesError(f"{entry.operation} {entry.fields_type}")
        fields = _read_fields(entry.fields_v1.raw)
        version = "" if entry.operation == APPLY else entry.api_version
        author = Author(entry.manager, entry.operation, version, entry.subresource)
        if author in found:
            fields = union(found[author].fields, fields)
        if fields:
            time = entry.time
            time_ns = time.seconds * _SECOND + time.nanos if entry.HasField("time") else None
            found[author] = Owned(fields, entry.api_version, time_ns)
    return found


def with_exact_times(entries: Entries, exact: Entries) -> Entries:
    """Return entries that came in JSON, with the times that it cut to seconds as they were."""
    whole = {
        author: owned._replace(time_ns=exact[author].time_ns)
        for author, owned in entries.items()
        if author in exact and _second(owned) == _second(exact[author])
    }
    return {**entries, **whole}


def write_entries(entries: Entries) -> list[ManagedFieldsEntry]:
    """Return the list that says this, in Kubernetes' order: appliers first, then by time and name."""
    return [_entry(author, owned) for author, owned in sorted(entries.items(), key=_order)]


def capped(entries: Entries) -> Entries:
    """Return the entries with no more than UPDATERS of updates: the oldest of one version are put together."""
    updates = [item for item in sorted(entries.items(), key=_order) if item[0].operation == UPDATE]
    surplus = len(updates) - UPDATERS
    if surplus <= 0:
        return entries
    left = dict(entries)
    oldest: dict[str, Author] = {}
    for author, owned in updates:
        first = oldest.setdefault(owned.api_version, author)
        if first is author or surplus <= 0:
            continue
        bucket = Author(_ANCIENT, UPDATE, owned.api_version)
        before = left.pop(bucket, None) or left.pop(first)
        del left[author]
        left[bucket] = Owned(union(before.fields, owned.fields), owned.api_version, owned.time_ns)
        surplus -= 1
    return left


def _order(item: tuple[Author, Owned]) -> tuple[Any, ...]:
    author, owned = item
    return author.operation, owned.time_ns or 0, author.manager, owned.api_version, author.subresource


def _second(owned: Owned) -> int | None:
    return None if owned.time_ns is None else owned.time_ns // _SECOND


def _entry(author: Author, owned: Owned) -> ManagedFieldsEntry:
    entry = ManagedFieldsEntry(
        manager=author.manager, operation=author.operation, api_version=owned.api_version, fields_type="FieldsV1"
    )
    if author.subresource:
        entry.subresource = author.subresource
    if owned.time_ns is not None:
        entry.time.seconds, entry.time.nanos = divmod(owned.time_ns, _SECOND)
    entry.fields_v1.raw = compact_json(owned.fields, sort_keys=True)
    return entry


@lru_cache(maxsize=1024)
def _read_fields(raw: bytes) -> FieldSet:
    try:
        fields = orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError as error:
        raise UnreadableEntriesError(str(error)) from None
    if is_too_deep(fields) or not _is_set(fields):
        raise UnreadableEntriesError("a set of fields is made of objects")
    found: FieldSet = fields
    return found


def _is_set(value: Any) -> bool:
    return isinstance(value, dict) and all(
        (step == "." or step[:2] in ("f:", "k:", "v:", "i:")) and _is_set(below) for step, below in value.items()
    )
