"""Decide the order of a list that a strategic merge patch has merged. Pure: no I/O, clock or randomness.

Items that the patch names keep the patch's order, the others that of the list before; the two are interleaved by the
order of the list before where that says anything, else the patch's items come first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Identify = Callable[[Any], Any]
"""Tells which item it is: the value of its merge key, or the scalar itself."""


def ordered(merged: list[Any], wanted: list[Any], before: list[Any], identify: Identify) -> list[Any]:
    """Return the merged items in the order that `wanted` asks for, against the list `before` the patch."""
    wanted_at, before_at = _positions(wanted, identify), _positions(before, identify)
    named = [item for item in merged if identify(item) in wanted_at]
    others = [item for item in merged if identify(item) not in wanted_at]
    named.sort(key=lambda item: wanted_at[identify(item)])
    others.sort(key=lambda item: before_at.get(identify(item), len(before)))
    return _interleaved(others, named, lambda item: before_at.get(identify(item)))


def _positions(items: list[Any], identify: Identify) -> dict[Any, int]:
    """Return where each item stands first."""
    found: dict[Any, int] = {}
    for position, item in enumerate(items):
        found.setdefault(identify(item), position)
    return found


def _interleaved(others: list[Any], named: list[Any], position: Callable[[Any], int | None]) -> list[Any]:
    """Return both lists as one, each in its own order: others go before the named items that stood behind them."""
    result: list[Any] = []
    waiting = list(reversed(others))
    for item in named:
        place = position(item)
        while waiting and place is not None and _stands_before(position(waiting[-1]), place):
            result.append(waiting.pop())
        result.append(item)
    return result + waiting[::-1]


def _stands_before(place: int | None, other: int) -> bool:
    return place is not None and place < other
