"""Describe messages as Kubernetes' JSON sees them, from their descriptors. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from statefleet.api.authentication.v1.authentication_pb2 import ExtraValue
from statefleet.api.meta.v1 import options_pb2
from statefleet.api.meta.v1.primitives_pb2 import FieldsV1, IntOrString, MicroTime, Quantity, RawExtension, Time

LEAVES: frozenset[Descriptor] = frozenset(
    message.DESCRIPTOR for message in (ExtraValue, FieldsV1, IntOrString, MicroTime, Quantity, RawExtension, Time)
)
"""Messages that are one JSON value, not an object of their fields."""

_ZEROS: dict[int, Any] = {
    FieldDescriptor.TYPE_BOOL: False,
    FieldDescriptor.TYPE_BYTES: b"",
    FieldDescriptor.TYPE_STRING: "",
}


class Emission(Enum):
    """When a field appears in JSON; see meta/v1/options.proto."""

    UNLESS_ZERO = options_pb2.EMISSION_UNSPECIFIED
    ALWAYS = options_pb2.EMISSION_ALWAYS
    IF_SET = options_pb2.EMISSION_IF_SET
    INLINE = options_pb2.EMISSION_INLINE


class Shape(Enum):
    """How many values a field has."""

    SINGLE = 1
    LIST = 2
    MAP = 3


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its names, its shape, and what one value of it is."""

    descriptor: FieldDescriptor
    name: str
    """The protobuf name."""
    json_name: str
    emission: Emission
    shape: Shape
    value: FieldDescriptor
    """The field itself, or the value of a map."""
    merge_key: str
    """The key that names an item of a list in a strategic merge patch; empty where the list is replaced."""
    strategies: frozenset[str]
    """The strategies of a strategic merge patch: merge, replace, retainKeys."""

    @property
    def message(self) -> Descriptor | None:
        """The message that one value is, None where it is a scalar."""
        return self.value.message_type

    @property
    def zero(self) -> Any:
        """The zero of a scalar field's one value."""
        return _ZEROS.get(self.value.type, 0)

    @property
    def nested(self) -> Descriptor:
        """The message that one value is, for fields that are known to hold messages."""
        found = self.value.message_type
        assert found is not None
        return found

    @property
    def owner(self) -> Descriptor:
        """The message that has the field."""
        found = self.descriptor.containing_type
        assert found is not None
        return found

    @property
    def is_object(self) -> bool:
        """Whether one value is a JSON object of fields."""
        return self.message is not None and self.message not in LEAVES

    @property
    def is_inline(self) -> bool:
        """Whether the fields of the nested message stand among the parent's own in JSON."""
        return self.emission is Emission.INLINE


@cache
def fields(descriptor: Descriptor) -> tuple[Field, ...]:
    """Return the fields of a message in the order of their declaration."""
    return tuple(_describe(field) for field in descriptor.fields)


@cache
def json_fields(descriptor: Descriptor) -> dict[str, Field]:
    """Return a message's fields by their JSON names, those of inlined messages among them."""
    found: dict[str, Field] = {}
    for field in fields(descriptor):
        if field.is_inline:
            found.update(json_fields(field.nested))
        else:
            found[field.json_name] = field
    return found


@cache
def type_meta(descriptor: Descriptor) -> dict[str, str]:
    """Return the apiVersion and kind that a kind's JSON carries, nothing for other messages."""
    options = descriptor.GetOptions()
    if not options.HasExtension(options_pb2.resource):
        return {}
    resource = options.Extensions[options_pb2.resource]
    version = f"{resource.group}/{resource.version}" if resource.group else resource.version
    return {"apiVersion": version, "kind": descriptor.name}


@cache
def message_class(descriptor: Descriptor) -> type[Message]:
    """Return the class of a message."""
    found: Any = GetMessageClass(descriptor)
    return found  # type: ignore[no-any-return]


def _describe(field: FieldDescriptor) -> Field:
    options = field.GetOptions()
    shape, value = Shape.SINGLE, field
    if field.is_repeated:
        shape = Shape.LIST
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            shape, value = Shape.MAP, field.message_type.fields_by_name["value"]
    strategies = options.Extensions[options_pb2.patch_strategy]
    return Field(
        descriptor=field,
        name=field.name,
        json_name=field.json_name,
        emission=Emission(options.Extensions[options_pb2.emission]),
        shape=shape,
        value=value,
        merge_key=options.Extensions[options_pb2.merge_key],
        strategies=frozenset(strategies.split(",")) - {""},
    )
