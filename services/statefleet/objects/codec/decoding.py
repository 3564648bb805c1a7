"""Read messages from JSON values, with Kubernetes' complaints. Pure: no I/O, clock or randomness.

Fields are stored as they are met, without a thought of where in the document they are: the path of an error is put
together while it is raised, and unknown fields are looked for only after one was met.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from statefleet.api.authentication.v1.authentication_pb2 import ExtraValue
from statefleet.api.meta.v1.primitives_pb2 import FieldsV1, IntOrString, MicroTime, Quantity, RawExtension, Time
from statefleet.errors import BadRequest
from statefleet.objects import schema
from statefleet.objects.codec import values
from statefleet.objects.codec.complaints import MalformedError, unknown_fields
from statefleet.objects.codec.encoding import LEAF_WRITERS, absent_value
from statefleet.objects.codec.values import MismatchError
from statefleet.objects.schema import Emission, Field, Shape

M = TypeVar("M", bound=Message)
Reader = Callable[[Any, Any, list[str]], None]
"""Stores a JSON value in a message, and adds the names of unknown fields to the list."""

_SCALARS: Final[dict[int, Callable[[Any], Any]]] = {
    FieldDescriptor.TYPE_BOOL: values.read_bool,
    FieldDescriptor.TYPE_BYTES: values.read_bytes,
    FieldDescriptor.TYPE_INT32: values.read_int32,
    FieldDescriptor.TYPE_INT64: values.read_int64,
    FieldDescriptor.TYPE_STRING: values.read_string,
}
_GO_TYPES: Final = {
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_BYTES: "[]uint8",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_STRING: "string",
}
_LEAVES: Final[dict[Descriptor, Callable[[Any, Any], None]]] = {
    ExtraValue.DESCRIPTOR: values.fill_strings,
    FieldsV1.DESCRIPTOR: values.fill_raw,
    IntOrString.DESCRIPTOR: values.fill_int_or_string,
    MicroTime.DESCRIPTOR: values.fill_micro_time,
    Quantity.DESCRIPTOR: values.fill_quantity,
    RawExtension.DESCRIPTOR: values.fill_raw,
    Time.DESCRIPTOR: values.fill_time,
}
_TIMES: Final = frozenset({MicroTime.DESCRIPTOR, Time.DESCRIPTOR})


def decode(message_type: type[M], value: Any, *, path: str = "") -> tuple[M, list[str]]:
    """Return the canonical message of a JSON value, and strict decoding's complaints, such as `unknown field "x.y"`.

    `path` is where the value stands in its document. A kind may have an apiVersion and a kind, of which only the type
    is checked. A field that occurs twice in the text is not seen: its last value is what the value has.
    BadRequest, with the path in its text, where a value is malformed.
    """
    message = message_type()
    descriptor: Any = message_type.DESCRIPTOR
    unknown: list[str] = []
    try:
        _reader(descriptor)(message, value, unknown)
    except MalformedError as error:
        raise BadRequest(error.text(path)) from None
    except MismatchError as error:
        raise BadRequest(f"json: cannot unmarshal {error.found} into Go value of type {error.wanted}") from None
    if not unknown:
        return message, []
    return message, [f'unknown field "{name}"' for name in unknown_fields(descriptor, value, path)]


@cache
def _reader(descriptor: Descriptor) -> Reader:
    """Return what stores a JSON object in a message; its fields' readers are made when they are first met."""
    known = schema.json_fields(descriptor)
    type_meta = schema.type_meta(descriptor)
    readers: dict[str, Reader] = {}

    def read(message: Message, value: Any, unknown: list[str]) -> None:
        if value.__class__ is not dict:
            raise MismatchError(value, descriptor.name)
        for name, item in value.items():
            reader = readers.get(name)
            if reader is None:
                if name in known:
                    reader = readers[name] = _field_reader(descriptor, name)
                elif name in type_meta:
                    reader = readers[name] = _read_type_meta
                else:
                    unknown.append(name)
                    continue
            if item is None:
                continue
            try:
                reader(message, item, unknown)
            except MalformedError as error:
                error.steps.append(name)
                raise
            except ValueError as error:
                raise _located(error, descriptor, name) from None

    return read


def _located(error: ValueError, owner: Descriptor, step: str) -> MalformedError:
    malformed = MalformedError(error, owner)
    malformed.steps.append(step)
    return malformed


def _read_type_meta(message: Message, item: Any, unknown: list[str]) -> None:
    del message, unknown
    values.read_string(item)


def _field_reader(descriptor: Descriptor, name: str) -> Reader:
    """Return what stores a field of a message, or of a message inlined in it."""
    field = schema.json_fields(descriptor)[name]
    for outer in schema.fields(descriptor):
        if outer.is_inline and name in schema.json_fields(outer.nested):
            return _inline_reader(outer.name, _field_reader(outer.nested, name))
    if field.shape is Shape.MAP:
        return _map_reader(field)
    if field.shape is Shape.LIST:
        return _list_reader(field)
    if field.message is None:
        return _scalar_reader(field)
    return _object_reader(field) if field.is_object else _leaf_reader(field)


def _inline_reader(name: str, read: Reader) -> Reader:
    def store(message: Message, item: Any, unknown: list[str]) -> None:
        read(getattr(message, name), item, unknown)

    return store


def _scalar_reader(field: Field) -> Reader:
    name, zero_counts = field.name, field.emission is Emission.IF_SET
    read = _SCALARS[field.value.type]

    def store(message: Message, item: Any, unknown: list[str]) -> None:
        del unknown
        value = read(item)
        if value or zero_counts:
            setattr(message, name, value)

    return store


def _object_reader(field: Field) -> Reader:
    name, counts_when_empty = field.name, field.emission is not Emission.ALWAYS
    read = _reader(field.nested)

    def store(message: Message, item: Any, unknown: list[str]) -> None:
        child = getattr(message, name)
        if counts_when_empty:
            child.SetInParent()
        read(child, item, unknown)

    return store


def _leaf_reader(field: Field) -> Reader:
    name, fill = field.name, _LEAVES[field.nested]
    counts_when_empty = field.emission is not Emission.ALWAYS and field.message not in _TIMES

    def store(message: Message, item: Any, unknown: list[str]) -> None:
        del unknown
        child = getattr(message, name)
        if counts_when_empty:
            child.SetInParent()
        fill(child, item)

    if field.emission is not Emission.ALWAYS:
        return store
    write, absent = LEAF_WRITERS[field.nested], absent_value(field)

    def store_unless_zero(message: Message, item: Any, unknown: list[str]) -> None:
        store(message, item, unknown)
        if write(getattr(message, name)) == absent:
            message.ClearField(name)

    return store_unless_zero


def _list_reader(field: Field) -> Reader:
    name = field.name
    if field.message is None:
        return _scalar_list_reader(field)
    read = _element_reader(field.message)

    def store(message: Message, items: Any, unknown: list[str]) -> None:
        if items.__class__ is not list:
            raise MismatchError(items, f"[]{field.nested.name}")
        elements = getattr(message, name)
        for index, item in enumerate(items):
            element = elements.add()
            if item is None:
                continue
            try:
                read(element, item, unknown)
            except MalformedError as error:
                error.steps.append(f"[{index}]")
                raise

    return store


def _element_reader(descriptor: Descriptor) -> Reader:
    if descriptor not in _LEAVES:
        return _reader(descriptor)
    fill = _LEAVES[descriptor]

    def read(message: Message, item: Any, unknown: list[str]) -> None:
        del unknown
        fill(message, item)

    return read


def _scalar_list_reader(field: Field) -> Reader:
    name, read, zero = field.name, _SCALARS[field.value.type], field.zero

    def store(message: Message, items: Any, unknown: list[str]) -> None:
        del unknown
        if items.__class__ is not list:
            raise MismatchError(items, f"[]{_GO_TYPES[field.value.type]}")
        getattr(message, name).extend([zero if item is None else read(item) for item in items])

    return store


def _map_reader(field: Field) -> Reader:
    name, owner = field.name, field.owner
    if field.message is None:
        read, zero = _SCALARS[field.value.type], field.zero

        def store_item(target: Any, key: str, item: Any) -> None:
            target[key] = zero if item is None else read(item)
    else:
        fill, empty = _LEAVES[field.nested], LEAF_WRITERS[field.nested]

        def store_item(target: Any, key: str, item: Any) -> None:
            entry = target[key]
            fill(entry, empty(entry) if item is None else item)

    def store(message: Message, items: Any, unknown: list[str]) -> None:
        del unknown
        if items.__class__ is not dict:
            raise MismatchError(items, "map")
        target = getattr(message, name)
        for key, item in items.items():
            try:
                store_item(target, key, item)
            except ValueError as error:
                raise _located(error, owner, f"[{key}]") from None

    return store
