"""OpenAPI v2 in protobuf says what its JSON form says of schemas."""

from __future__ import annotations

from typing import Any

import orjson
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from statefleet.gateway import openapi

Field = descriptor_pb2.FieldDescriptorProto

MESSAGES = {
    "Any": {"yaml": (2, "")},
    "NamedAny": {"name": (1, ""), "value": (2, "Any")},
    "Info": {"title": (1, ""), "version": (2, "")},
    "AdditionalPropertiesItem": {"schema": (1, "Schema")},
    "TypeItem": {"value": (1, "*")},
    "ItemsItem": {"schema": (1, "*Schema")},
    "NamedSchema": {"name": (1, ""), "value": (2, "Schema")},
    "Properties": {"additional_properties": (1, "*NamedSchema")},
    "Definitions": {"additional_properties": (1, "*NamedSchema")},
    "Document": {"swagger": (1, ""), "info": (2, "Info"), "paths": (8, "Paths"), "definitions": (9, "Definitions")},
    "Paths": {"path": (2, "*NamedPathItem")},
    "NamedPathItem": {"name": (1, ""), "value": (2, "PathItem")},
    "PathItem": {"patch": (8, "Operation")},
    "Operation": {"parameters": (8, "*ParametersItem"), "vendor_extension": (13, "*NamedAny")},
    "ParametersItem": {"parameter": (1, "Parameter")},
    "Parameter": {"non_body_parameter": (2, "NonBodyParameter")},
    "NonBodyParameter": {"query_parameter_sub_schema": (3, "QueryParameterSubSchema")},
    "QueryParameterSubSchema": {"in": (2, ""), "name": (4, ""), "type": (6, "")},
    "Schema": {
        "_ref": (1, ""),
        "format": (2, ""),
        "description": (4, ""),
        "required": (19, "*"),
        "additional_properties": (21, "AdditionalPropertiesItem"),
        "type": (22, "TypeItem"),
        "items": (23, "ItemsItem"),
        "properties": (25, "Properties"),
        "vendor_extension": (31, "*NamedAny"),
    },
}
"""The part of gnostic's schema that is used: a field's number and its message; an asterisk: repeated."""


def document_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="openapi.proto", package="openapi", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, of) in fields.items():
            made = message.field.add(name=field, number=number, type=Field.TYPE_STRING)
            made.label = Field.LABEL_REPEATED if of.startswith("*") else Field.LABEL_OPTIONAL
            if of.strip("*"):
                made.type, made.type_name = Field.TYPE_MESSAGE, f".openapi.{of.strip('*')}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("openapi.Document"))


def as_json(schema: Any) -> dict[str, Any]:
    """Return a schema as the JSON form has it."""
    found: dict[str, Any] = {
        "$ref": schema._ref,
        "format": schema.format,
        "description": schema.description,
        "required": list(schema.required),
        "type": "".join(schema.type.value),
        "properties": {item.name: as_json(item.value) for item in schema.properties.additional_properties},
    }
    if schema.HasField("additional_properties"):
        found["additionalProperties"] = as_json(schema.additional_properties.schema)
    if schema.HasField("items"):
        (found["items"],) = map(as_json, schema.items.schema)
    found |= {item.name: orjson.loads(item.value.yaml) for item in schema.vendor_extension}
    return {name: value for name, value in found.items() if value}


def without_empty(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: without_empty(value) for name, value in schema.items() if value}
    return schema


def test_both_forms_say_the_same():
    wanted = orjson.loads(openapi.v2_json())
    read = document_class().FromString(openapi.v2_protobuf())
    assert (read.swagger, read.info.title) == ("2.0", wanted["info"]["title"])
    found = {item.name: as_json(item.value) for item in read.definitions.additional_properties}
    assert found == without_empty(wanted["definitions"])


def test_patches_tell_their_kind_and_that_they_take_a_dry_run():
    wanted = {path: item for path, item in orjson.loads(openapi.v2_json())["paths"].items() if "patch" in item}
    read = document_class().FromString(openapi.v2_protobuf())
    found = {item.name: item.value.patch for item in read.paths.path}
    assert set(found) == set(wanted)
    patch = found["/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}"]
    (extension,) = [item for item in patch.vendor_extension if item.name == "x-kubernetes-group-version-kind"]
    assert orjson.loads(extension.value.yaml) == {"group": "apps", "version": "v1", "kind": "StatefulSet"}
    options = [item.parameter.non_body_parameter.query_parameter_sub_schema for item in patch.parameters]
    assert ("query", "dryRun", "string") in [(getattr(one, "in"), one.name, one.type) for one in options]
