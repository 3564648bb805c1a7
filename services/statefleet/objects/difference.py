"""Say which fields differ between two objects in JSON, by path. Pure: no I/O, clock or randomness."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson
from google.protobuf.descriptor import Descriptor

from statefleet.objects import schema
from statefleet.objects.schema import Field

_ABSENT: Final[Any] = object()
_PLAIN: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")


class FieldDifference(NamedTuple):
    """A field that differs: its path, and what it was and is as JSON; empty where it was or is not there."""

    path: str
    before: str
    after: str


def differing(
    path: str, before: dict[str, Any], after: dict[str, Any], message: Descriptor | None
) -> Iterator[FieldDifference]:
    """Yield how two JSON objects differ, below a path. Without a message they are maps."""
    return _of_objects(path, before, after, message)


def _of_objects(
    path: str, before: dict[str, Any], after: dict[str, Any], message: Descriptor | None
) -> Iterator[FieldDifference]:
    """Compare two JSON objects. Without a message they are maps."""
    known = schema.json_fields(message) if message is not None else {}
    for key in before.keys() | after.keys():
        step = f".{key}" if _PLAIN.fullmatch(key) else f"[{orjson.dumps(key).decode()}]"
        yield from _of_values(path + step, before.get(key, _ABSENT), after.get(key, _ABSENT), known.get(key))


def _of_values(path: str, before: Any, after: Any, field: Field | None) -> Iterator[FieldDifference]:
    if before == after:
        return
    nested = field.message if field is not None and field.is_object else None
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_objects(path, before, after, nested)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(path, before, after, field)
    else:
        yield FieldDifference(path, _shown(before), _shown(after))


def _of_lists(path: str, before: list[Any], after: list[Any], field: Field | None) -> Iterator[FieldDifference]:
    key = field.merge_key if field is not None else ""
    old, new = _named(before, key), _named(after, key)
    nested = field.message if field is not None and field.is_object else None
    for name in old.keys() | new.keys():
        left, right = old.get(name, _ABSENT), new.get(name, _ABSENT)
        if isinstance(left, dict) and isinstance(right, dict):
            yield from _of_objects(f"{path}[{name}]", left, right, nested)
        elif left != right:
            yield FieldDifference(f"{path}[{name}]", _shown(left), _shown(right))
    common = [name for name in old if name in new]
    if common != [name for name in new if name in old]:
        yield FieldDifference(f"{path}[order]", _shown(list(old)), _shown(list(new)))


def _named(items: list[Any], key: str) -> dict[str, Any]:
    """Return the items of a list by what names them: their key where each has another, else their index."""
    if key and all(isinstance(item, dict) and key in item for item in items):
        named = {f"{key}={item[key]}": item for item in items}
        if len(named) == len(items):
            return named
    return {str(index): item for index, item in enumerate(items)}


def _shown(value: Any) -> str:
    return "" if value is _ABSENT else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
