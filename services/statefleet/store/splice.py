"""Put serialised objects into messages without decoding and copying them. Pure.

A message that has an object as a field is read from that field's tag, the object's length and its bytes: a stored
object is decoded once that way, where setting the field would decode it and then copy it.
"""

from __future__ import annotations

from collections.abc import Iterable

from statefleet.api.object.v1.verbs_pb2 import GetResponse, ListResponse, WatchEvent, WatchResponse, WriteResponse
from statefleet.store.entries import Entry

_LENGTH_DELIMITED = 2
_TAGS = [bytes([number << 3 | _LENGTH_DELIMITED]) for number in range(16)]

_OBJECT = GetResponse.DESCRIPTOR.fields_by_name["object"].number
_WRITTEN = WriteResponse.DESCRIPTOR.fields_by_name["object"].number
_OBJECTS = ListResponse.DESCRIPTOR.fields_by_name["objects"].number
_EVENTS = WatchResponse.DESCRIPTOR.fields_by_name["events"].number
_EVENT_OBJECT = WatchEvent.DESCRIPTOR.fields_by_name["object"].number


def field(number: int, data: bytes) -> bytes:
    """Return the bytes of a length-delimited field; `number` is at most 15."""
    return _TAGS[number] + _varint(len(data)) + data


def get_response(entry: Entry) -> GetResponse:
    """Return the answer to a get."""
    return GetResponse.FromString(field(_OBJECT, entry.data))


def write_response(entry: Entry, warnings: Iterable[str] = ()) -> WriteResponse:
    """Return the answer to a write."""
    response = WriteResponse.FromString(field(_WRITTEN, entry.data))
    if warnings:
        response.warnings.extend(warnings)
    return response


def list_response(entries: Iterable[Entry]) -> ListResponse:
    """Return a message of a list's answer, without its version."""
    return ListResponse.FromString(b"".join(field(_OBJECTS, entry.data) for entry in entries))


def watch_response(events: Iterable[tuple[WatchEvent.Type.ValueType, Entry]]) -> WatchResponse:
    """Return a message of changes, without its version."""
    parts = []
    for kind, entry in events:
        head = WatchEvent(type=kind, resource_version=str(entry.version)).SerializeToString()
        parts.append(field(_EVENTS, head + field(_EVENT_OBJECT, entry.data)))
    return WatchResponse.FromString(b"".join(parts))


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
