"""Turn Kubernetes' times into seconds and RFC 3339 text, and back, and write durations as Go does. Pure.

No I/O, clock or randomness. A Time counts whole seconds, as in Kubernetes' JSON; a MicroTime has microseconds. A time
whose seconds are unset is no time, like the zero time of year 1.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from statefleet.api.meta.v1.primitives_pb2 import MicroTime, Time

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO_TIME: Final = int((datetime(1, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds())
_LAST_TIME: Final = int((datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - _EPOCH).total_seconds())
_LAYOUT: Final = "2006-01-02T15:04:05Z07:00"
_MICRO_LAYOUT: Final = "2006-01-02T15:04:05.000000Z07:00"
_ELEMENTS: Final = (
    ("2006", re.compile(r"[0-9]{4}")),
    ("-", re.compile("-")),
    ("01", re.compile(r"[0-9]{2}")),
    ("-", re.compile("-")),
    ("02", re.compile(r"[0-9]{2}")),
    ("T", re.compile("T")),
    ("15", re.compile(r"[0-9]{2}")),
    (":", re.compile(":")),
    ("04", re.compile(r"[0-9]{2}")),
    (":", re.compile(":")),
    ("05", re.compile(r"[0-9]{2}(?:[.,][0-9]+)?")),
    ("Z07:00", re.compile(r"Z|[+-][0-9]{2}:[0-9]{2}")),
)


def to_time(seconds: float) -> Time:
    """Return the Time of seconds since the Unix epoch, cut to whole ones."""
    return Time(seconds=int(seconds // 1))


def to_micro_time(seconds: float) -> MicroTime:
    """Return the MicroTime of seconds since the Unix epoch, cut to microseconds."""
    micros = round(seconds * 1_000_000)
    return MicroTime(seconds=micros // 1_000_000, nanos=micros % 1_000_000 * 1000)


def seconds(time: Time | MicroTime) -> float:
    """Return the seconds since the Unix epoch, 0 for no time."""
    return time.seconds + time.nanos / 1e9


def is_set(time: Time | MicroTime) -> bool:
    """Return whether there is a time; the epoch itself is one."""
    return time.HasField("seconds")


@lru_cache(maxsize=16384)
def format_seconds(whole: int) -> str:
    """Return the RFC 3339 text of whole seconds since the Unix epoch, in UTC: 2026-01-02T03:04:05Z.

    What lies before year 1 or after year 9999 has no such text and is shown as the nearest second that has.
    """
    whole = min(max(whole, _ZERO_TIME), _LAST_TIME)
    return (_EPOCH + timedelta(seconds=whole)).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def format_micros(whole: int, nanos: int) -> str:
    """Return the RFC 3339 text with six digits of a fraction: 2026-01-02T03:04:05.000006Z."""
    return f"{format_seconds(whole)[:-1]}.{nanos // 1000:06d}Z"


def parse_time(text: str) -> Time:
    """Return the Time of RFC 3339 text, seconds unset for the zero time. ValueError as Kubernetes says it."""
    whole, _ = _parse(text, _LAYOUT)
    return Time() if whole == _ZERO_TIME else Time(seconds=whole)


def parse_micro_time(text: str) -> MicroTime:
    """Return the MicroTime of RFC 3339 text, seconds unset for the zero time. ValueError as Kubernetes says it."""
    whole, micros = _parse(text, _MICRO_LAYOUT)
    if whole == _ZERO_TIME and not micros:
        return MicroTime()
    return MicroTime(seconds=whole, nanos=micros * 1000)


@lru_cache(maxsize=4096)
def _parse(text: str, layout: str) -> tuple[int, int]:
    """Return seconds since the epoch and microseconds."""
    *parts, last, zone = _split(text, layout)
    whole_second, _, fraction = last.replace(",", ".").partition(".")
    numbers = [int(part) for part in (*parts, whole_second)]
    year, month, day, hour, minute, second = numbers
    offset = 0 if zone == "Z" else int(zone[0] + "1") * (int(zone[1:3]) * 60 + int(zone[4:6]))
    try:
        local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise ValueError(f'parsing time "{text}": {_out_of_range(numbers)} out of range') from None
    return int((local - _EPOCH).total_seconds()) - offset * 60, int(fraction[:6].ljust(6, "0"))


def go_duration(millis: int) -> str:
    """Return milliseconds as Go writes a duration: 1h2m3s, 1m0s, 15.25s, 250ms, 0s."""
    if 0 < millis < 1000:
        return f"{millis}ms"
    whole, rest = divmod(millis, 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    fraction = f".{rest:03d}".rstrip("0") if rest else ""
    longer = f"{hours}h{minute}m" if hours else f"{minute}m" if minute else ""
    return f"{longer}{second}{fraction}s"


def _split(text: str, layout: str) -> list[str]:
    """Return year, month, day, hour, minute, second with its fraction, and zone."""
    parts, position = [], 0
    for element, pattern in _ELEMENTS:
        match = pattern.match(text, position)
        if match is None:
            rest = text[position:]
            raise ValueError(f'parsing time "{text}" as "{layout}": cannot parse "{rest}" as "{element}"')
        if len(element) > 1:
            parts.append(match.group())
        position = match.end()
    if position < len(text):
        raise ValueError(f'parsing time "{text}": extra text: "{text[position:]}"')
    return parts


def _out_of_range(numbers: list[int]) -> str:
    """Return the part, as Go names it, that makes no date; year 0 is a date there and none here."""
    _, month, _, hour, minute, second = numbers
    if not 1 <= month <= 12:
        return "month"
    for name, number, limit in (("hour", hour, 24), ("minute", minute, 60), ("second", second, 60)):
        if number >= limit:
            return name
    return "day"
