"""The door to randomness. Nothing outside this package makes random values."""

from __future__ import annotations

import random
from typing import Protocol

SAFE_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""The characters of generated names: no vowels and no look-alikes, so that no words and no confusion arise."""

_UUID_FREE = ~(0xF << 76 | 0b11 << 62)
_UUID_4 = 0x4 << 76 | 0b10 << 62
"""The bits of a UUID that say version 4 and variant 1 (RFC 9562, sections 4.1 and 5.4), and all others."""


class Rand(Protocol):
    """A source of identifiers and jitter."""

    def uuid(self) -> str:
        """Return a random UUID in its text form."""

    def suffix(self, length: int) -> str:
        """Return `length` characters of SAFE_ALPHABET."""

    def uniform(self, low: float, high: float) -> float:
        """Return a number between `low` and `high`."""


class SystemRand:
    """Randomness that the machine seeds, or repeatable from a seed. Nothing secret is made of it."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 -- names and identifiers, no secrets

    def uuid(self) -> str:
        """Return a random UUID in its text form."""
        digits = f"{self._random.getrandbits(128) & _UUID_FREE | _UUID_4:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def suffix(self, length: int) -> str:
        """Return `length` characters of SAFE_ALPHABET."""
        return "".join(self._random.choices(SAFE_ALPHABET, k=length))

    def uniform(self, low: float, high: float) -> float:
        """Return a number between `low` and `high`."""
        return self._random.uniform(low, high)
