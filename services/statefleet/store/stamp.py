"""Write a resource version into a serialised object without decoding it. Pure: no I/O, clock or randomness.

Protobuf merges the occurrences of a message field, and of a scalar the last one counts. So the bytes of an Object
followed by those of one that holds nothing but metadata.resourceVersion read as the first with that version.
"""

from __future__ import annotations

from statefleet.objects.kinds import KINDS

_METADATA = b"\x0a"
"""Tag of field 1, length-delimited: metadata is field 1 of every kind."""
_RESOURCE_VERSION = b"\x32"
"""Tag of field 6, length-delimited: resourceVersion of ObjectMeta."""


def _tag(number: int) -> bytes:
    value = number << 3 | 2
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80, value >> 7])


def _heads(kind_tag: bytes) -> tuple[bytes, ...]:
    """Return what stands before the digits of a version, by their count (a version has at most 20)."""
    return tuple(
        kind_tag + bytes([digits + 4]) + _METADATA + bytes([digits + 2]) + _RESOURCE_VERSION + bytes([digits])
        for digits in range(21)
    )


_HEADS = {kind.name: _heads(_tag(kind.number)) for kind in KINDS.values()}


def stamp(kind: str, data: bytes, version: int) -> bytes:
    """Return the serialised Object `data` of a kind with its metadata.resourceVersion set. KeyError: unknown kind."""
    digits = b"%d" % version
    return data + _HEADS[kind][len(digits)] + digits
