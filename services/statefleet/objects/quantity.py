"""Read, write and reckon resource quantities such as 500m, 1.5 and 2Gi, exactly. Pure: no I/O, clock or randomness.

The rules are those of Kubernetes' resource.Quantity: numbers are multiples of one nano, smaller ones round away from
zero; the canonical form keeps the family of the suffix (decimal, binary or exponent), has no fraction and has the
largest suffix that allows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache, total_ordering
from typing import Final

FORMAT_MESSAGE: Final = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
SUFFIX_MESSAGE: Final = "unable to parse quantity's suffix"
NUMBER_MESSAGE: Final = "unable to parse numeric part of quantity"

_NANO: Final = 10**9
_MILLI: Final = 10**6
_TEXT: Final = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)")
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIX: Final = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_MAX_BINARY: Final = (2**63 - 1) * _NANO
_MAX_LENGTH: Final = 256
"""No quantity that anyone means is longer; without a bound a text could ask for a number of any size."""
_MAX_EXPONENT: Final = 256


class Form(Enum):
    """The family of suffixes in which a quantity is written."""

    DECIMAL = "DecimalSI"
    BINARY = "BinarySI"
    EXPONENT = "DecimalExponent"


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """An exact amount, a whole number of nanos. Quantities are equal where their amounts are, whatever their form."""

    nano: int = 0
    form: Form = Form.DECIMAL

    def __str__(self) -> str:
        """Return the canonical form."""
        if not self.nano:
            return "0"
        whole, rest = divmod(self.nano, _NANO)
        if self.form is Form.BINARY and not rest and not -1024 < whole < 1024:
            return _write_binary(whole)
        return _write_decimal(self.nano, exponent_form=self.form is Form.EXPONENT)

    def __eq__(self, other: object) -> bool:
        return self.nano == other.nano if isinstance(other, Quantity) else NotImplemented

    def __lt__(self, other: Quantity) -> bool:
        return self.nano < other.nano

    def __hash__(self) -> int:
        return hash(self.nano)

    def __bool__(self) -> bool:
        return self.nano != 0

    def __neg__(self) -> Quantity:
        return Quantity(-self.nano, self.form)

    def __add__(self, other: Quantity) -> Quantity:
        """Return the sum, in the form of the first that is not zero."""
        return Quantity(self.nano + other.nano, self.form if self.nano else other.form)

    def __sub__(self, other: Quantity) -> Quantity:
        return self + -other

    def milli(self) -> int:
        """Return the thousandths, rounded away from zero."""
        return _round_away(self.nano, _MILLI)

    def value(self) -> int:
        """Return the units, rounded away from zero."""
        return _round_away(self.nano, _NANO)


@lru_cache(maxsize=8192)
def parse(text: str) -> Quantity:
    """Return the quantity that a text means. ValueError, in Kubernetes' words, where it means none."""
    match = _TEXT.fullmatch(text)
    if match is None or not text:
        raise ValueError(FORMAT_MESSAGE)
    if len(text) > _MAX_LENGTH:
        raise ValueError(NUMBER_MESSAGE)
    sign, whole, fraction, suffix = match.groups(default="")
    base, exponent, form = _read_suffix(suffix)
    numerator = int(whole + fraction or "0") * _NANO
    denominator = 10 ** len(fraction)
    if exponent >= 0:
        numerator *= base**exponent
    else:
        denominator *= base**-exponent
    nano = _round_away(numerator, denominator)
    if form is Form.BINARY:
        nano = min(nano, _MAX_BINARY)
        form = Form.DECIMAL if 0 < nano < _NANO else form
    return Quantity(-nano if sign == "-" else nano, form)


@lru_cache(maxsize=8192)
def canonical(text: str) -> str:
    """Return the canonical form of a quantity. ValueError as in `parse`."""
    return str(parse(text))


@lru_cache(maxsize=8192)
def milli(text: str) -> int:
    """Return a quantity's thousandths, rounded away from zero. ValueError as in `parse`."""
    return parse(text).milli()


@lru_cache(maxsize=8192)
def value(text: str) -> int:
    """Return a quantity's units, rounded away from zero. ValueError as in `parse`."""
    return parse(text).value()


def compare(left: str, right: str) -> int:
    """Return -1, 0 or 1 as the left quantity is less than, equal to or greater than the right one."""
    a, b = parse(left).nano, parse(right).nano
    return (a > b) - (a < b)


def add(left: str, right: str) -> str:
    """Return the canonical sum of two quantities, in the form of the first that is not zero."""
    return str(parse(left) + parse(right))


def subtract(left: str, right: str) -> str:
    """Return the canonical difference of two quantities, in the form of the first that is not zero."""
    return str(parse(left) - parse(right))


def _read_suffix(suffix: str) -> tuple[int, int, Form]:
    """Return the base, the exponent and the form that a suffix stands for."""
    if suffix in _DECIMAL:
        return 10, _DECIMAL[suffix], Form.DECIMAL
    if suffix in _BINARY:
        return 1024, _BINARY.index(suffix), Form.BINARY
    if suffix[0] in "eE" and re.fullmatch(r"[+-]?[0-9]+", suffix[1:]):
        exponent = int(suffix[1:])
        if abs(exponent) <= _MAX_EXPONENT:
            return 10, exponent, Form.EXPONENT
    raise ValueError(SUFFIX_MESSAGE)


def _write_binary(whole: int) -> str:
    power = 0
    while whole % 1024 == 0 and power < len(_BINARY) - 1:
        whole //= 1024
        power += 1
    return f"{whole}{_BINARY[power]}"


def _write_decimal(nano: int, *, exponent_form: bool) -> str:
    exponent = -9
    while nano % 1000 == 0 and (exponent_form or exponent < 18):
        nano //= 1000
        exponent += 3
    if not exponent_form:
        return f"{nano}{_DECIMAL_SUFFIX[exponent]}"
    return f"{nano}e{exponent}" if exponent else str(nano)


def _round_away(numerator: int, denominator: int) -> int:
    """Return the quotient of an integer and a positive one, rounded away from zero."""
    return -(-numerator // denominator) if numerator > 0 else numerator // denominator
