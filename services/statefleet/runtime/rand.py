"""The door to randomness. Nothing outside this package makes random values."""

from __future__ import annotations

import random
import uuid
from typing import Protocol

SAFE_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""The characters of generated names: no vowels and no look-alikes, so that no words and no confusion arise."""


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
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def suffix(self, length: int) -> str:
        """Return `length` characters of SAFE_ALPHABET."""
        return "".join(self._random.choices(SAFE_ALPHABET, k=length))

    def uniform(self, low: float, high: float) -> float:
        """Return a number between `low` and `high`."""
        return self._random.uniform(low, high)
