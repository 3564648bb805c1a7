"""Write messages as JSON values. Pure: no I/O, clock or randomness.

A writer visits only the fields that are set, which a message lists in one call; fields that are always present start
from a template.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from statefleet.api.authentication.v1.authentication_pb2 import ExtraValue
from statefleet.api.meta.v1.primitives_pb2 import FieldsV1, IntOrString, MicroTime, Quantity, RawExtension, Time
from statefleet.objects import schema
from statefleet.objects.codec import values
from statefleet.objects.schema import Emission, Field, Shape

JsonObject = dict[str, Any]
Writer = Callable[[Any], Any]
"""Writes one value of a field, or a whole message."""

LEAF_WRITERS: Final[dict[Descriptor, Writer]] = {
    ExtraValue.DESCRIPTOR: values.write_strings,
    FieldsV1.DESCRIPTOR: values.write_raw,
    IntOrString.DESCRIPTOR: values.write_int_or_string,
    MicroTime.DESCRIPTOR: values.write_micro_time,
    Quantity.DESCRIPTOR: values.write_quantity,
    RawExtension.DESCRIPTOR: values.write_raw,
    Time.DESCRIPTOR: values.write_time,
}


def encode(message: Message) -> JsonObject:
    """Return the JSON object of any message, new and the caller's own. A kind's begins with its apiVersion and kind.

    Maps are ordered by key. Raw JSON is parsed; where its very bytes matter, see `encode_bytes`.
    """
    found: JsonObject = message_writer(message.DESCRIPTOR)(message)
    return found


def absent_value(field: Field) -> Any:
    """Return what JSON has for a field that is always there and is not set; not for objects, which are empty."""
    if field.shape is not Shape.SINGLE:
        return None
    if field.message is None:
        return field.zero
    return LEAF_WRITERS[field.message](schema.message_class(field.message)())


@cache
def message_writer(descriptor: Descriptor) -> Writer:
    """Return what writes a message."""
    return LEAF_WRITERS.get(descriptor) or object_writer(descriptor, field_writer)


class _Plan(dict[FieldDescriptor, tuple[str, Writer | None, bool]]):
    """For each field met so far: its name in JSON (none: inline), its writer (none: as it is), and if zero counts."""

    def __init__(self, writer_of: Callable[[Field], Writer | None]) -> None:
        super().__init__()
        self._writer_of = writer_of

    def __missing__(self, descriptor: FieldDescriptor) -> tuple[str, Writer | None, bool]:
        field = next(f for f in schema.fields(descriptor.containing_type) if f.descriptor is descriptor)
        name = "" if field.is_inline else field.json_name
        entry = name, self._writer_of(field), field.emission is Emission.IF_SET
        self[descriptor] = entry
        return entry


def object_writer(descriptor: Descriptor, writer_of: Callable[[Field], Writer | None]) -> Writer:
    """Return what writes a message of fields; `writer_of` says what writes each, none for what is JSON already."""
    template, objects = _always(descriptor)
    template = {**schema.type_meta(descriptor), **template}
    plan = _Plan(writer_of)

    def write(message: Message) -> JsonObject:
        out = template.copy()
        for field, value in message.ListFields():
            name, write_field, zero_counts = plan[field]
            if write_field is None:
                if value or zero_counts:
                    out[name] = value
            elif not name:
                out.update(write_field(value))
            elif (written := write_field(value)) is not None:
                out[name] = written
        for name, empty in objects:
            if name not in out:
                out[name] = encode(empty)
        return out

    return write


def _always(descriptor: Descriptor) -> tuple[JsonObject, list[tuple[str, Message]]]:
    """Return what a message's JSON always has, inlined messages' too: values, and objects as empty messages."""
    template: JsonObject = {}
    objects: list[tuple[str, Message]] = []
    for field in schema.json_fields(descriptor).values():
        if field.emission is not Emission.ALWAYS:
            continue
        if field.is_object and field.shape is Shape.SINGLE:
            objects.append((field.json_name, schema.message_class(field.nested)()))
        else:
            template[field.json_name] = absent_value(field)
    return template, objects


def field_writer(field: Field) -> Writer | None:
    """Return what writes a field, None where its value is JSON already."""
    write = _value_writer(field)
    if field.shape is Shape.LIST:
        return list if write is None else lambda items: [write(item) for item in items]
    if field.shape is Shape.MAP:
        if write is None:
            return lambda items: {key: items[key] for key in sorted(items)}
        return lambda items: {key: write(items[key]) for key in sorted(items)}
    return write


def _value_writer(field: Field) -> Writer | None:
    if field.message is not None:
        return message_writer(field.message)
    return values.write_bytes if field.value.type == FieldDescriptor.TYPE_BYTES else None
