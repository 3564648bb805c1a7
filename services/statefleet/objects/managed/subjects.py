"""Show the part of an object that has owners. Pure: no I/O, clock or randomness.

What the server writes and what names the object is nobody's: neither its type and name nor its history. An object and
its status are written apart, so a write owns fields only of what it goes to.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.message import Message

from statefleet.objects import codec
from statefleet.objects.managed.comparing import fields_of
from statefleet.objects.managed.sets import FieldSet
from statefleet.objects.managed.topology import Topology

_IDENTITY: Final = ("apiVersion", "kind")
_SERVER_METADATA: Final = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
)
STATUS: Final = "status"

Document = dict[str, Any]


def subject(document: Document, subresource: str = "") -> Document:
    """Return what of a JSON document may have owners, for writes of the object or of a subresource of it."""
    if subresource == STATUS:
        return {STATUS: document[STATUS]} if STATUS in document else {}
    rest = {name: value for name, value in document.items() if name not in _IDENTITY and name != STATUS}
    metadata = rest.get("metadata")
    if isinstance(metadata, dict):
        rest["metadata"] = {name: value for name, value in metadata.items() if name not in _SERVER_METADATA}
    return rest


def fields_named(topology: Topology, document: Document, subresource: str = "") -> FieldSet:
    """Return the fields that a configuration names and that may have owners."""
    named = fields_of(topology, subject(document, subresource))
    # Every object has metadata: it is not the configuration's where nothing in it is.
    return {step: below for step, below in named.items() if step != "f:metadata" or below}


def subject_of(message: Message, subresource: str = "") -> Document:
    """Return what of an object may have owners."""
    return subject(codec.encode(message), subresource)
