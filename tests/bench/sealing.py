"""Measure what sealing a record costs beside keeping it plain: python tests/bench/sealing.py

Figures are medians, in microseconds a record, of sealing and of opening records of several sizes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median

from statefleet.store.keyring import Keyring, new_key

SIZES = (500, 2_500, 25_000, 256 * 1024)
ROUNDS, RECORDS = 15, 400


def microseconds(act: Callable[[], object]) -> float:
    """Return the median time of one act."""
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(RECORDS):
            act()
        took.append((time.perf_counter() - began) / RECORDS * 1e6)
    return median(took)


def main() -> None:
    """Print a line for each size."""
    keyring = Keyring.parse(f"k1 {new_key()}")
    place = b"workloads.records"
    print(f"{'bytes':>8} {'seal, µs':>9} {'open, µs':>9} {'added':>6}")
    for size in SIZES:
        payload = os.urandom(size)
        sealed = keyring.seal(payload, place)
        sealing = microseconds(lambda payload=payload: keyring.seal(payload, place))  # type: ignore[misc]
        opening = microseconds(lambda sealed=sealed: keyring.open(sealed, place))  # type: ignore[misc]
        print(f"{size:>8} {sealing:>9.1f} {opening:>9.1f} {len(sealed) - size:>6}")


if __name__ == "__main__":
    main()
