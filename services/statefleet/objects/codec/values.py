"""The JSON forms of single values: quantities, times, bytes, raw JSON and scalars. Pure: no I/O, clock or randomness.

The `read_*` functions raise ValueError with a text fit for the caller, or MismatchError where the JSON type is wrong.
"""

from __future__ import annotations

import binascii
import re
from typing import Any, Final

import orjson

from statefleet.api.authentication.v1.authentication_pb2 import ExtraValue
from statefleet.api.meta.v1.primitives_pb2 import FieldsV1, IntOrString, MicroTime, Quantity, RawExtension, Time
from statefleet.objects import quantity, times
from statefleet.objects.nesting import TOO_DEEP, is_too_deep

_GO_ESCAPES: Final = {
    b"<": rb"\u003c",
    b">": rb"\u003e",
    b"&": rb"\u0026",
    "\u2028".encode(): rb"\u2028",
    "\u2029".encode(): rb"\u2029",
}
_ESCAPED: Final = re.compile(b"|".join(_GO_ESCAPES))
_JSON_TYPES: Final[tuple[tuple[Any, str], ...]] = (
    (bool, "bool"),
    (int | float, "number"),
    (str, "string"),
    (list, "array"),
)
_NOT_BASE64: Final = re.compile(r"[^A-Za-z0-9+/]")


class MismatchError(ValueError):
    """A JSON value of another type than its field. `found` and `wanted` are named as Go names them."""

    def __init__(self, value: Any, wanted: str) -> None:
        super().__init__(f"a JSON value that is no {wanted}")
        self.found = _json_type(value)
        self.wanted = wanted
        if self.found == "number" and wanted.startswith("int"):
            self.found = f"number {value}"


def _json_type(value: Any) -> str:
    for types, name in _JSON_TYPES:
        if isinstance(value, types):
            return name
    return "object"


def compact_json(value: Any, *, sort_keys: bool = False) -> bytes:
    r"""Return JSON as Go's encoder writes it: without spaces, and with `\u003c` for `<`.

    Likewise for `>`, `&`, U+2028 and U+2029. `sort_keys` orders the keys of every object, as Go does for maps.
    """
    plain = orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort_keys else None)
    return _ESCAPED.sub(lambda match: _GO_ESCAPES[match.group()], plain)


def write_raw(message: RawExtension | FieldsV1) -> Any:
    """Return the JSON value that raw JSON stands for, None where there is none."""
    return orjson.loads(message.raw) if message.raw else None


def write_strings(message: ExtraValue) -> list[str]:
    """Return the strings of a map's value."""
    return list(message.items)


def write_quantity(message: Quantity) -> str:
    """Return a quantity's text."""
    return message.string or "0"


def write_int_or_string(message: IntOrString) -> int | str:
    """Return whichever of the two it is."""
    return message.str_val if message.type else message.int_val


def write_time(message: Time) -> str | None:
    """Return RFC 3339 text, None for no time."""
    seconds = message.seconds
    return times.format_seconds(seconds) if seconds or message.HasField("seconds") else None


def write_micro_time(message: MicroTime) -> str | None:
    """Return RFC 3339 text with microseconds, None for no time."""
    return times.format_micros(message.seconds, message.nanos) if message.HasField("seconds") else None


def write_bytes(value: bytes) -> str:
    """Return the base64 form of bytes."""
    return binascii.b2a_base64(value, newline=False).decode()


def read_quantity(value: Any) -> str:
    """Return the canonical form of a quantity written as text or as a number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return quantity.canonical(str(value).strip() if is_number or isinstance(value, str) else "")


def read_string(value: Any) -> str:
    """Return a string."""
    if not isinstance(value, str):
        raise MismatchError(value, "string")
    return value


def read_bool(value: Any) -> bool:
    """Return a bool."""
    if not isinstance(value, bool):
        raise MismatchError(value, "bool")
    return value


def read_int32(value: Any) -> int:
    """Return an integer of 32 bits."""
    if type(value) is not int or not -(2**31) <= value < 2**31:
        raise MismatchError(value, "int32")
    return value


def read_int64(value: Any) -> int:
    """Return an integer of 64 bits."""
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise MismatchError(value, "int64")
    return value


def read_bytes(value: Any) -> bytes:
    """Return what base64 text stands for; line breaks in it are ignored, as in Go."""
    text = read_string(value).replace("\r", "").replace("\n", "")
    body = text.rstrip("=")
    bad = _NOT_BASE64.search(body)
    if bad is not None:
        raise ValueError(f"illegal base64 data at input byte {bad.start()}")
    if len(text) % 4 or len(text) - len(body) > 2:
        raise ValueError(f"illegal base64 data at input byte {len(text) // 4 * 4}")
    return binascii.a2b_base64(text)


def fill_raw(message: RawExtension | FieldsV1, value: Any) -> None:
    """Store any JSON value that is not nested beyond measure."""
    if is_too_deep(value):
        raise ValueError(TOO_DEEP)
    message.raw = compact_json(value)


def fill_strings(message: ExtraValue, value: Any) -> None:
    """Store the strings of a map's value."""
    if not isinstance(value, list):
        raise ValueError(f"expected a list of strings, got {type(value).__name__}")  # noqa: TRY004 -- as for every value that cannot be read
    message.items.extend(read_string(each) for each in value)


def fill_quantity(message: Quantity, value: Any) -> None:
    """Store a quantity in its canonical form."""
    message.string = read_quantity(value)


def fill_int_or_string(message: IntOrString, value: Any) -> None:
    """Store an integer of 32 bits or a string. Zero leaves the message empty."""
    if isinstance(value, str):
        message.type = 1
        if value:
            message.str_val = value
    elif value != 0 or isinstance(value, bool):
        message.int_val = read_int32(value)


def fill_time(message: Time, value: Any) -> None:
    """Store a time, nothing for the zero time."""
    found = times.parse_time(read_string(value))
    if times.is_set(found):
        message.CopyFrom(found)


def fill_micro_time(message: MicroTime, value: Any) -> None:
    """Store a time with microseconds, nothing for the zero time."""
    found = times.parse_micro_time(read_string(value))
    if times.is_set(found):
        message.CopyFrom(found)
