"""Bound how deep JSON values nest: what reads and writes them recurses. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from itertools import chain
from typing import Any, Final

MAX_NESTING: Final = 200
"""No object comes near it; writers of JSON give up a little beyond."""

TOO_DEEP: Final = "exceeded max depth"


def is_too_deep(value: Any) -> bool:
    """Return whether objects and lists are nested in the value beyond MAX_NESTING."""
    level = [value]
    for _ in range(MAX_NESTING):
        level = list(chain.from_iterable(_children(item) for item in level if isinstance(item, dict | list)))
        if not level:
            return False
    return True


def _children(item: dict[str, Any] | list[Any]) -> Any:
    return item.values() if isinstance(item, dict) else item
