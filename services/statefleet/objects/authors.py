"""Tell from an object's managedFields who set some of its fields and when. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from statefleet.api.meta.v1.object_meta_pb2 import ManagedFieldsEntry, ObjectMeta
from statefleet.objects.codec import compact_json
from statefleet.objects.times import seconds, to_time

TEMPLATE: Final = ("f:spec", "f:template")
"""A set's template."""
DATA: Final = ("f:data",)
"""A revision's data."""
NUMBER: Final = ("f:revision",)
"""A revision's number."""

_APPS: Final = "apps/v1"


def author(manager: str, now: float, fields: tuple[str, ...]) -> ManagedFieldsEntry:
    """Return the note that a field manager set a field of an object of apps/v1, in seconds since the Unix epoch."""
    entry = ManagedFieldsEntry(operation="Update", api_version=_APPS, time=to_time(now), fields_type="FieldsV1")
    if manager:
        entry.manager = manager
    tree: dict[str, Any] = {}
    for step in reversed(fields):
        tree = {step: tree}
    entry.fields_v1.raw = compact_json(tree)
    return entry


def author_of(meta: ObjectMeta, fields: tuple[str, ...]) -> ManagedFieldsEntry | None:
    """Return the newest note of who set a field or something below it, None where there is none."""
    found = [entry for entry in meta.managed_fields if not entry.subresource and _covers(entry, fields)]
    return max(found, key=lambda entry: seconds(entry.time), default=None)


def set_authors(meta: ObjectMeta, entries: Iterable[ManagedFieldsEntry]) -> None:
    """Put notes in the place of those that the object has."""
    kept = list(entries)
    del meta.managed_fields[:]
    meta.managed_fields.extend(kept)


def _covers(entry: ManagedFieldsEntry, fields: tuple[str, ...]) -> bool:
    try:
        tree: Any = orjson.loads(entry.fields_v1.raw)
    except ValueError:
        return False
    for step in fields:
        if not isinstance(tree, dict) or step not in tree:
            return False
        tree = tree[step]
    return True
