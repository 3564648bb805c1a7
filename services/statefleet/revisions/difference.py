"""Say which fields of the template differ between two revisions. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson
from google.protobuf.descriptor import Descriptor

from statefleet.api.core.v1.pod_pb2 import PodTemplateSpec
from statefleet.api.revisions.v1.revision_history_pb2 import FieldChange
from statefleet.objects import schema
from statefleet.objects.codec import encode
from statefleet.objects.schema import Field
from statefleet.revisions.data import template_of

_ABSENT: Final[Any] = object()
_TEMPLATE: Final = ("spec", "template")
_PLAIN: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")


def differences(before: bytes, after: bytes) -> list[FieldChange]:
    """Return the fields that differ between the data of two revisions, by path. Nothing where both mean the same."""
    found = _of_objects(".".join(_TEMPLATE), _body(before), _body(after), PodTemplateSpec.DESCRIPTOR)
    return sorted(found, key=lambda change: change.path)


def _body(data: bytes) -> dict[str, Any]:
    """Return the template that a revision's data gives, as JSON with defaults; as it stands where it gives none."""
    template = template_of(data)
    if template is not None:
        return encode(template)
    try:
        body: Any = orjson.loads(data)
        for key in _TEMPLATE:
            body = body[key]
    except (ValueError, KeyError, TypeError):
        return {}
    return body if isinstance(body, dict) else {}


def _of_objects(
    path: str, before: dict[str, Any], after: dict[str, Any], message: Descriptor | None
) -> Iterator[FieldChange]:
    """Compare two JSON objects. Without a message they are maps."""
    known = schema.json_fields(message) if message is not None else {}
    for key in before.keys() | after.keys():
        step = f".{key}" if _PLAIN.fullmatch(key) else f"[{orjson.dumps(key).decode()}]"
        yield from _of_values(path + step, before.get(key, _ABSENT), after.get(key, _ABSENT), known.get(key))


def _of_values(path: str, before: Any, after: Any, field: Field | None) -> Iterator[FieldChange]:
    if before == after:
        return
    nested = field.message if field is not None and field.is_object else None
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_objects(path, before, after, nested)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(path, before, after, field)
    else:
        yield FieldChange(path=path, before=_shown(before), after=_shown(after))


def _of_lists(path: str, before: list[Any], after: list[Any], field: Field | None) -> Iterator[FieldChange]:
    key = field.merge_key if field is not None else ""
    old, new = _named(before, key), _named(after, key)
    nested = field.message if field is not None and field.is_object else None
    for name in old.keys() | new.keys():
        left, right = old.get(name, _ABSENT), new.get(name, _ABSENT)
        if isinstance(left, dict) and isinstance(right, dict):
            yield from _of_objects(f"{path}[{name}]", left, right, nested)
        elif left != right:
            yield FieldChange(path=f"{path}[{name}]", before=_shown(left), after=_shown(right))
    common = [name for name in old if name in new]
    if common != [name for name in new if name in old]:
        yield FieldChange(path=f"{path}[order]", before=_shown(list(old)), after=_shown(list(new)))


def _named(items: list[Any], key: str) -> dict[str, Any]:
    """Return the items of a list by what names them: their key where each has another, else their index."""
    if key and all(isinstance(item, dict) and key in item for item in items):
        named = {f"{key}={item[key]}": item for item in items}
        if len(named) == len(items):
            return named
    return {str(index): item for index, item in enumerate(items)}


def _shown(value: Any) -> str:
    return "" if value is _ABSENT else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
