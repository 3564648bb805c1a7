"""Read request bodies: JSON, YAML and Kubernetes' protobuf envelope. Pure: no I/O, clock or randomness."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
import yaml

from statefleet.errors import BadRequest, UnsupportedMediaType
from statefleet.gateway import media

MAGIC = b"k8s\x00"
"""What a protobuf body starts with."""

DUPLICATES_LIMIT = 256 * 1024
"""Bodies longer than this, in bytes, are not searched for repeated keys."""


class UnreadableError(ValueError):
    """A body that is not what its content type says."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A protobuf body: the type that it names and the bytes of the message."""

    api_version: str
    kind: str
    raw: bytes


def content_type(header: str) -> str:
    """Return the media type of a Content-Type header, JSON where there is none."""
    return media.parse(header)[0] or media.JSON


def unsupported(*accepted: str) -> UnsupportedMediaType:
    """Return the error for a body in a format that is not read."""
    return UnsupportedMediaType(
        "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted)
    )


def read(body: bytes, media_type: str) -> Any:
    """Return the value of a JSON or YAML body.

    UnreadableError where it is malformed, UnsupportedMediaType for other types.
    """
    if media_type == media.JSON:
        return read_json(body)
    if media_type == media.YAML:
        return read_yaml(body)
    raise unsupported(media.JSON, media.YAML, media.PROTOBUF)


def read_json(body: bytes) -> Any:
    """Return the value of a JSON body."""
    if not body:
        raise UnreadableError("json parse error: unexpected end of JSON input")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        complaint = "unexpected end of JSON input" if error.msg == "unexpected end of data" else str(error)
        raise UnreadableError(f"json parse error: {complaint}") from None


def read_yaml(body: bytes) -> Any:
    """Return the value of a YAML body that holds one document; dates stay strings."""
    try:
        return yaml.load(body, _yaml_loader())  # noqa: S506  the loader is made from the safe one
    except yaml.YAMLError as error:
        raise UnreadableError(f"yaml parse error: {error}") from None


def read_object(body: bytes, media_type: str, wanted: str) -> dict[str, Any]:
    """Return the JSON object in a body that should be of the kind `wanted`. BadRequest where it is none."""
    try:
        value = read(body, media_type)
    except UnreadableError as error:
        raise _unrecognized(wanted, str(error), body) from None
    if not isinstance(value, dict):
        complaint = f"json parse error: json: cannot unmarshal {_json_type(value)} into an object"
        raise _unrecognized(wanted, complaint, body)
    return value


def read_envelope(body: bytes) -> Envelope:
    """Return what a protobuf body holds. BadRequest where it is damaged."""
    if not body.startswith(MAGIC):
        raise BadRequest("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    api_version = kind = ""
    raw = b""
    try:
        for number, value in _fields(body[len(MAGIC) :]):
            if number == 1:
                names = dict(_fields(value))
                api_version, kind = names.get(1, b"").decode(), names.get(2, b"").decode()
            elif number == 2:
                raw = value
    except (IndexError, UnicodeDecodeError, UnreadableError):
        raise BadRequest("the protobuf message is damaged") from None
    return Envelope(api_version, kind, raw)


def duplicates(body: bytes) -> list[str]:
    """Return a complaint for each key that stands twice in one object of a JSON body."""
    if len(body) > DUPLICATES_LIMIT:
        return []
    repeated = False

    def notice(pairs: list[tuple[str, Any]]) -> _Pairs:
        nonlocal repeated
        repeated = repeated or len({key for key, _ in pairs}) < len(pairs)
        return _Pairs(pairs)

    tree = json.loads(body, object_pairs_hook=notice)
    return list(_repeated(tree, "")) if repeated else []


class _Pairs(list[tuple[str, Any]]):
    """An object's keys and values, repeated ones too; a type of its own so that an array is not taken for one."""


def _repeated(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for key, inner in value:
            below = f"{path}.{key}" if path else key
            if key in seen:
                yield f'duplicate field "{below}"'
            seen.add(key)
            yield from _repeated(inner, below)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _repeated(inner, f"{path}[{index}]")


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of each length-delimited field; the envelope has no others."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 != 2:
            raise UnreadableError("a field of the envelope is not length-delimited")
        length, at = _varint(data, at)
        if at + length > len(data):
            raise UnreadableError("a field of the envelope is cut short")
        yield tag >> 3, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while data[at] & 0x80:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
    return value | data[at] << shift, at + 1


def _unrecognized(wanted: str, complaint: str, body: bytes) -> BadRequest:
    return BadRequest(
        f"the object provided is unrecognized (must be of type {wanted}): "
        f"couldn't get version/kind; {complaint} ({_summary(body)})"
    )


def _summary(body: bytes) -> str:
    if not body:
        return "<empty>"
    shown, more = body[:256], " ..." if len(body) > 256 else ""
    return (shown.decode("utf-8", "replace") if body.startswith(b"{") else shown.hex()) + more


def _json_type(value: Any) -> str:
    names = {list: "array", str: "string", bool: "bool", int: "number", float: "number", type(None): "null"}
    return names[type(value)]


@cache
def _yaml_loader() -> Any:
    class Loader(yaml.CSafeLoader):
        """The safe loader without dates, which JSON does not have."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }
    return Loader
