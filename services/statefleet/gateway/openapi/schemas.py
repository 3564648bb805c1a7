"""Make JSON schemas of messages. Pure: no I/O, clock or randomness.

The same for OpenAPI v2 and v3, which differ in how they refer to a schema and in what they can say of a value that is
a number or a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from statefleet.api.meta.v1 import options_pb2
from statefleet.gateway.openapi.facts import NOT_REQUIRED, REQUIRED_MESSAGES, OldSpec
from statefleet.objects.managed.topology import field_topology

Schema = dict[str, Any]

_ROOT: Final = "statefleet.api."
_META: Final = "statefleet.api.meta.v1."
_APIMACHINERY: Final = "io.k8s.apimachinery.pkg."
_METRICS: Final = "statefleet.api.metrics."
_ELSEWHERE: Final = {
    f"{_META}Quantity": f"{_APIMACHINERY}api.resource.Quantity",
    f"{_META}IntOrString": f"{_APIMACHINERY}util.intstr.IntOrString",
    f"{_META}RawExtension": f"{_APIMACHINERY}runtime.RawExtension",
}
_SCALARS: Final[dict[int, Schema]] = {
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.TYPE_INT64: {"type": "integer", "format": "int64"},
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "format": "byte"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_STRINGS: Final[Schema] = {"type": "array", "items": {"type": "string"}}
_SPECIAL: Final[dict[str, tuple[Schema, Schema]]] = {
    # as v3 says it, as v2 says it
    f"{_META}Time": (_TIME, _TIME),
    f"{_META}MicroTime": (_TIME, _TIME),
    f"{_META}Quantity": ({"oneOf": [{"type": "string"}, {"type": "number"}]}, {"type": "string"}),
    f"{_META}IntOrString": (
        {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
        {"type": "string", "format": "int-or-string"},
    ),
    "statefleet.api.authentication.v1.ExtraValue": (_STRINGS, _STRINGS),
    f"{_META}RawExtension": ({"type": "object"}, {"type": "object"}),
    f"{_META}FieldsV1": ({"type": "object"}, {"type": "object"}),
}


def schema_name(descriptor: Descriptor) -> str:
    """Return the name that Kubernetes gives the schema of a message, such as io.k8s.api.core.v1.Pod."""
    full: str = descriptor.full_name
    if full in _ELSEWHERE:
        return _ELSEWHERE[full]
    if full.startswith(_META):
        return f"{_APIMACHINERY}apis.meta.v1.{full.removeprefix(_META)}"
    if full.startswith(_METRICS):
        return f"io.k8s.metrics.pkg.apis.metrics.{full.removeprefix(_METRICS)}"
    return f"io.k8s.api.{full.removeprefix(_ROOT)}"


class Schemas:
    """The schemas of one document: each message gets in when something refers to it."""

    def __init__(self, comments: Mapping[str, str], *, is_v3: bool) -> None:
        self._comments = comments
        self._is_v3 = is_v3
        self._prefix = "#/components/schemas/" if is_v3 else "#/definitions/"
        self._found: dict[str, Schema] = {}

    def definitions(self) -> dict[str, Schema]:
        """Return the schemas by name, in name order."""
        return dict(sorted(self._found.items()))

    def reference(self, descriptor: Descriptor) -> Schema:
        """Return a bare reference to the schema of a message, which is added."""
        name = schema_name(descriptor)
        if name not in self._found:
            self._found[name] = {}  # messages may contain themselves
            self._found[name] = self._message(descriptor)
        return {"$ref": self._prefix + name}

    def add_object(self, name: str, descriptor: Descriptor, kinds: list[Mapping[str, str]]) -> Schema:
        """Add a message that stands on its own, with apiVersion and kind, under a name. Return a reference to it.

        `kinds` are the group, version and kind that documents of this schema may name.
        """
        if name not in self._found:
            self._found[name] = {}
            schema = self._message(descriptor)
            schema["properties"] = {**self._type_properties(), **schema["properties"]}
            schema["x-kubernetes-group-version-kind"] = kinds
            self._found[name] = schema
        return {"$ref": self._prefix + name}

    def vary_spec(self, name: str, spec: FieldDescriptor, old: OldSpec) -> None:
        """Give an object that was added a schema of its own for its spec, which differs from the current one's."""
        own = f"{name}Spec"
        assert spec.message_type is not None
        schema = self._message(spec.message_type)
        required = [field for field in schema.pop("required", []) if field not in old.optional]
        schema["properties"] = dict(sorted((schema["properties"] | old.fields).items()))
        self._found[own] = schema | {"required": required}
        described = self._described({"$ref": self._prefix + own}, self._comments.get(spec.full_name, ""))
        self._found[name]["properties"]["spec"] = described

    def add_list(self, name: str, items: Schema, meta: Descriptor, kind: Mapping[str, str]) -> Schema:
        """Add the list of a kind. Return a reference to it."""
        self._found[name] = {
            "type": "object",
            "description": f"Objects of the kind {kind['kind'].removesuffix('List')}.",
            "required": ["items"],
            "properties": {
                **self._type_properties(),
                "metadata": self._described(self.reference(meta), "Version that the list was read at."),
                "items": {"type": "array", "description": "The objects.", "items": items},
            },
            "x-kubernetes-group-version-kind": [kind],
        }
        return {"$ref": self._prefix + name}

    def add_opaque(self, name: str, description: str) -> Schema:
        """Add an object that nothing is said of. Return a reference to it."""
        self._found[name] = {"type": "object", "description": description}
        return {"$ref": self._prefix + name}

    def _type_properties(self) -> dict[str, Schema]:
        return {
            name: {"type": "string", "description": self._comments.get(f"{_META}TypeMeta.{field}", "")}
            for name, field in (("apiVersion", "api_version"), ("kind", "kind"))
        }

    def _message(self, descriptor: Descriptor) -> Schema:
        schema: Schema = {"description": self._comments.get(descriptor.full_name, "")}
        if descriptor.full_name in _SPECIAL:
            return schema | _SPECIAL[descriptor.full_name][0 if self._is_v3 else 1]
        fields = list(_fields(descriptor))
        required = sorted(field.json_name for field in fields if _is_required(field))
        properties = {field.json_name: self._field(field) for field in sorted(fields, key=lambda it: it.json_name)}
        return schema | {"type": "object", "properties": properties} | ({"required": required} if required else {})

    def _described(self, schema: Schema, description: str) -> Schema:
        """Return a schema with its own description; a reference of v3 has no room for one beside it."""
        if "$ref" in schema and self._is_v3:
            schema = {"allOf": [schema]}
        return {"description": description, **schema}

    def _field(self, field: FieldDescriptor) -> Schema:
        return self._described(self._shape(field), self._comments.get(field.full_name, "")) | _extensions(field)

    def _shape(self, field: FieldDescriptor) -> Schema:
        message = field.message_type
        if message is not None and message.GetOptions().map_entry:
            return {"type": "object", "additionalProperties": self._value(message.fields_by_name["value"])}
        if field.is_repeated:
            return {"type": "array", "items": self._value(field)}
        return self._value(field)

    def _value(self, field: FieldDescriptor) -> Schema:
        """Return the schema of a single value."""
        if field.message_type is not None:
            return self.reference(field.message_type)
        return dict(_SCALARS[field.type])


def _fields(descriptor: Descriptor) -> Iterator[FieldDescriptor]:
    """Yield the fields that JSON shows: those of an inlined message stand among its parent's."""
    for field in descriptor.fields:
        is_inline = field.GetOptions().Extensions[options_pb2.emission] == options_pb2.EMISSION_INLINE
        if is_inline and field.message_type is not None:
            yield from _fields(field.message_type)
        else:
            yield field


def _path(field: FieldDescriptor) -> str:
    message = field.containing_type
    return f"{message.name if message is not None else ''}.{field.json_name}"


def _is_required(field: FieldDescriptor) -> bool:
    if _path(field) in REQUIRED_MESSAGES:
        return True
    is_message = field.message_type is not None and not field.is_repeated
    is_always = field.GetOptions().Extensions[options_pb2.emission] == options_pb2.EMISSION_ALWAYS
    return is_always and not is_message and _path(field) not in NOT_REQUIRED


def _extensions(field: FieldDescriptor) -> Schema:
    """Return how patches and server-side apply merge a field."""
    options = field.GetOptions()
    key, strategy = options.Extensions[options_pb2.merge_key], options.Extensions[options_pb2.patch_strategy]
    found: Schema = {}
    if key:
        found["x-kubernetes-patch-merge-key"] = key
    if strategy:
        found["x-kubernetes-patch-strategy"] = strategy
    if field.is_repeated:
        found |= _division(field)
    return found


def _division(field: FieldDescriptor) -> Schema:
    """Return how server-side apply divides a list or a map among owners."""
    divided = field_topology(field)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {"x-kubernetes-map-type": "atomic"} if divided.is_atomic else {}
    if divided.keys:
        return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(divided.keys)}
    return {"x-kubernetes-list-type": "atomic" if divided.is_atomic else "set"}
