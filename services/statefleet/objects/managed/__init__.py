"""Know who manages which fields of an object, as server-side apply needs it. Pure: no I/O, clock or randomness.

Two rules make the ownership that `metadata.managedFields` shows. Whoever changes fields by an update owns them from
then on, alone. Whoever applies a configuration owns exactly the fields that it names, perhaps with others; what an
applier named before, names no more and nobody else owns, is removed; to change what somebody else owns is a conflict,
unless forced. Sets of fields are those of Kubernetes' FieldsV1, and so are the lists that merge and their keys.
"""

from __future__ import annotations

from statefleet.objects.managed.applying import Application, Applied, apply
from statefleet.objects.managed.entries import APPLY, UPDATE, Author, Entries, read_entries, write_entries
from statefleet.objects.managed.updating import changed, created, tracked, updated

__all__ = [
    "APPLY",
    "UPDATE",
    "Application",
    "Applied",
    "Author",
    "Entries",
    "apply",
    "changed",
    "created",
    "read_entries",
    "tracked",
    "updated",
    "write_entries",
]
