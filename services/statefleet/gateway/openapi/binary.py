"""Write an OpenAPI v2 document in the protobuf form of github.com/google/gnostic, as far as kubectl reads it. Pure.

kubectl asks for that form alone: today's for a manifest of the kind List and to find out that a kind is unknown,
older ones always. Of schemas everything is written; of paths the patch alone, with its options, for older kubectl
looks there for what takes a dry run. The field numbers are those of gnostic's messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

Json = Mapping[str, Any]

_LENGTH_DELIMITED: Final = 2


def document(found: Json) -> bytes:
    """Return a document's info, patches and schemas; what it says of other methods is left to its JSON form."""
    info = _text(1, found["info"]["title"]) + _text(2, found["info"]["version"])
    patches = {path: item["patch"] for path, item in found["paths"].items() if "patch" in item}
    return (
        _text(1, found["swagger"])
        + _message(2, info)
        + _message(8, _named(patches, _path, number=2))
        + _message(9, _named(found["definitions"], _schema))
    )


def _path(patch: Json) -> bytes:
    """Write a path's item that has one method."""
    return _message(8, b"".join(map(_option, patch["parameters"])) + _extensions(patch, number=13))


def _option(parameter: Json) -> bytes:
    """Write a query's parameter; of the body there is nothing to say."""
    if parameter["in"] != "query":
        return b""
    written = _text(2, "query") + _text(4, parameter["name"]) + _text(6, parameter["type"])
    return _message(8, _message(1, _message(2, _message(3, written))))


def _schema(schema: Json) -> bytes:
    return b"".join(_WRITERS[name](value) for name, value in schema.items() if name in _WRITERS) + _extensions(schema)


def _extensions(schema: Json, *, number: int = 31) -> bytes:
    """Values that only some readers know are JSON, which is YAML."""
    found = ((name, value) for name, value in schema.items() if name.startswith("x-"))
    return b"".join(_message(number, _entry(name, _message(2, orjson.dumps(value)))) for name, value in found)


_WRITERS: Final[dict[str, Callable[[Any], bytes]]] = {
    "$ref": lambda value: _text(1, value),
    "format": lambda value: _text(2, value),
    "description": lambda value: _text(4, value),
    "required": lambda value: _texts(19, value),
    "additionalProperties": lambda value: _message(21, _message(1, _schema(value))),
    "type": lambda value: _message(22, _text(1, value)),
    "items": lambda value: _message(23, _message(1, _schema(value))),
    "properties": lambda value: _message(25, _named(value, _schema)),
}
"""How what our schemas say is written: by the name of what is said."""


def _named(values: Json, write: Callable[[Json], bytes], *, number: int = 1) -> bytes:
    return b"".join(_message(number, _entry(name, write(value))) for name, value in values.items())


def _entry(name: str, value: bytes) -> bytes:
    return _text(1, name) + _message(2, value)


def _texts(number: int, values: Iterable[str]) -> bytes:
    return b"".join(_text(number, value) for value in values)


def _text(number: int, value: str) -> bytes:
    return _message(number, value.encode())


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
