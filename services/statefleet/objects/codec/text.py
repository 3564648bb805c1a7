"""Write messages as JSON text. Pure: no I/O, clock or randomness.

Most changes of an object leave its spec or its status as it was, and most items of its lists. Their text is
remembered by their serialized form, which is had at a fraction of what writing them costs.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import orjson
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from statefleet.api.meta.v1.primitives_pb2 import RawExtension
from statefleet.objects.codec.encoding import Writer, field_writer, message_writer, object_writer
from statefleet.objects.schema import Field, Shape

_PART_BYTES: Final = 2048
"""Larger parts are written each time: to remember them would cost more memory than it saves time."""
_PARTS: Final = 4096
"""How many parts are remembered before all are forgotten."""

_texts: dict[tuple[Writer, bytes], orjson.Fragment] = {}


def encode_bytes(message: Message) -> bytes:
    """Return the JSON text of any message, as of `encode`.

    Raw JSON that is a field of the message itself, such as a ControllerRevision's data, is kept to the byte.
    """
    return orjson.dumps(_document_writer(message.DESCRIPTOR)(message))


@cache
def _document_writer(descriptor: Descriptor) -> Writer:
    return object_writer(descriptor, _section_writer)


def _section_writer(field: Field) -> Writer | None:
    """Return what writes a field of a whole object."""
    if field.shape is not Shape.SINGLE or field.is_inline:
        return _part_writer(field)
    if field.message is RawExtension.DESCRIPTOR:
        return lambda message: orjson.Fragment(message.raw) if message.raw else None
    if not field.is_object:
        return field_writer(field)
    write = object_writer(field.nested, _part_writer)
    # The metadata has the resource version: no two are equal.
    return write if field.name == "metadata" else _remembered(write)


def _part_writer(field: Field) -> Writer | None:
    """Return what writes a field of a section."""
    if field.shape is not Shape.LIST or not field.is_object:
        return field_writer(field)
    write = _remembered(message_writer(field.nested))
    return lambda items: [write(item) for item in items]


def _remembered(write: Writer) -> Writer:
    """Return what writes a message as `write` does, from memory where it can."""

    def recall(message: Message) -> Any:
        key = write, message.SerializeToString()
        text = _texts.get(key)
        if text is not None:
            return text
        written = write(message)
        if len(key[1]) > _PART_BYTES:
            return written
        if len(_texts) >= _PARTS:
            _texts.clear()
        text = _texts[key] = orjson.Fragment(orjson.dumps(written))
        return text

    return recall
