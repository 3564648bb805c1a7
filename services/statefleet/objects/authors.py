"""Note in an object's managedFields who set some of its fields and when. Pure: no I/O, clock or randomness.

Not for server-side apply: only what a set's history tells of is noted, each under the field set that names it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from statefleet.api.meta.v1.object_meta_pb2 import ManagedFieldsEntry, ObjectMeta
from statefleet.objects.times import to_time

TEMPLATE: Final = b'{"f:spec":{"f:template":{}}}'
"""A set's template."""
DATA: Final = b'{"f:data":{}}'
"""A revision's data."""
NUMBER: Final = b'{"f:revision":{}}'
"""A revision's number."""

_APPS: Final = "apps/v1"


def author(manager: str, now: float, fields: bytes) -> ManagedFieldsEntry:
    """Return the note that a field manager set fields of an object of apps/v1, in seconds since the Unix epoch."""
    entry = ManagedFieldsEntry(operation="Update", api_version=_APPS, time=to_time(now), fields_type="FieldsV1")
    if manager:
        entry.manager = manager
    entry.fields_v1.raw = fields
    return entry


def author_of(meta: ObjectMeta, fields: bytes) -> ManagedFieldsEntry | None:
    """Return the note of who set these fields, None where there is none."""
    return next((entry for entry in meta.managed_fields if entry.fields_v1.raw == fields), None)


def set_authors(meta: ObjectMeta, entries: Iterable[ManagedFieldsEntry]) -> None:
    """Put notes in the place of those that the object has."""
    kept = list(entries)
    del meta.managed_fields[:]
    meta.managed_fields.extend(kept)
