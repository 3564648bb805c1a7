"""Tell how fast the machine is at the moment, so that figures taken at different times can be held together.

A machine that is shared may do half of the work in the same time an hour later, and all figures here are of work that
Python does.
"""

from __future__ import annotations

import platform
import time
from statistics import median

OBJECTS = 200_000
KEPT = 1 << 16
ROUNDS = 5


def pace() -> float:
    """Return how many milliseconds it takes to make a million small objects, of which the newest 65,536 are kept."""
    took = []
    for _ in range(ROUNDS):
        kept: list[dict[str, str]] = [{}] * KEPT
        began = time.perf_counter()
        for number in range(OBJECTS):
            kept[number % KEPT] = {"name": str(number)}
        took.append((time.perf_counter() - began) * 1e3 * 1_000_000 / OBJECTS)
    return median(took)


def paced(*paces: float) -> str:
    """Return the sentence that goes with figures, from what `pace` told before and after they were taken."""
    took = f"{min(paces):.0f} to {max(paces):.0f} ms"
    return f"A million small objects in Python {platform.python_version()} took {took} on that machine then."
