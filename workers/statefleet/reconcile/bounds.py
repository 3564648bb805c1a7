"""Reckon bounds that are given as a number or as a percentage. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from statefleet.api.meta.v1.primitives_pb2 import IntOrString

_STRING: Final = 1
"""IntOrString's type where it holds a string."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A number of pods or nodes, or a percentage of all there should be."""

    number: int
    percent: bool = False

    @classmethod
    def read(cls, value: IntOrString) -> Self:
        """Return the bound that a field states; text that is no percentage counts as 0 %."""
        if value.type != _STRING:
            return cls(value.int_val)
        digits = value.str_val.removesuffix("%")
        return cls(int(digits) if digits.isascii() and digits.isdigit() else 0, percent=True)

    def rounded_up(self, whole: int) -> int:
        """Return the number it is for so many."""
        return -(-self.number * whole // 100) if self.percent else self.number

    def rounded_down(self, whole: int) -> int:
        """Return the number it is for so many."""
        return self.number * whole // 100 if self.percent else self.number
