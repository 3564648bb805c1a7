"""Durations and ages as kubectl writes them: 5s, 2m3s, 3h5m, 2d3h, 2y10d. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from typing import Final

from statefleet.api.meta.v1.primitives_pb2 import MicroTime, Time
from statefleet.objects.times import is_set, seconds

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365 * _DAY

_SCALES: Final = (
    # below so many seconds: units of so many seconds, and the rest in finer ones unless it is not shown
    (2 * _MINUTE, (1, "s"), None),
    (10 * _MINUTE, (_MINUTE, "m"), (1, "s")),
    (3 * _HOUR, (_MINUTE, "m"), None),
    (8 * _HOUR, (_HOUR, "h"), (_MINUTE, "m")),
    (2 * _DAY, (_HOUR, "h"), None),
    (8 * _DAY, (_DAY, "d"), (_HOUR, "h")),
    (2 * _YEAR, (_DAY, "d"), None),
    (8 * _YEAR, (_YEAR, "y"), (_DAY, "d")),
)
"""The longer it lasted, the coarser: two or three figures are enough to read."""


def human_duration(duration: float) -> str:
    """Return seconds as a short text.

    Clocks may differ by a moment, so less than two seconds before zero is 0s; anything earlier is `<invalid>`.
    """
    whole = int(duration)
    if whole < -1:
        return "<invalid>"
    whole = max(whole, 0)
    for limit, (size, unit), finer in _SCALES:
        if whole < limit:
            rest = whole % size // finer[0] if finer else 0
            return f"{whole // size}{unit}" + (f"{rest}{finer[1]}" if finer and rest else "")
    return f"{whole // _YEAR}y"


def age(time: Time | MicroTime, now: float) -> str:
    """Return how long ago a time was at `now` (seconds since the epoch); `<unknown>` for no time."""
    return human_duration(now - seconds(time)) if is_set(time) else "<unknown>"
