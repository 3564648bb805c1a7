"""Quantities are read and written as Kubernetes does, and reckoned exactly."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statefleet.objects import quantity
from statefleet.objects.quantity import Form, Quantity, parse

SUFFIXES = {
    "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "": Fraction(1),
    "k": Fraction(10**3), "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12),
    "P": Fraction(10**15), "E": Fraction(10**18),
    "Ki": Fraction(2**10), "Mi": Fraction(2**20), "Gi": Fraction(2**30), "Ti": Fraction(2**40),
    "e3": Fraction(10**3), "E3": Fraction(10**3), "e-3": Fraction(1, 1000), "E+2": Fraction(100),
}  # fmt: skip
TEXTS = st.builds(
    lambda sign, whole, fraction, suffix: (f"{sign}{whole}{fraction}", suffix),
    st.sampled_from(["", "-", "+"]),
    st.integers(0, 10**6),
    st.from_regex(r"(\.[0-9]{0,4})?", fullmatch=True),
    st.sampled_from(sorted(SUFFIXES)),
)
FEW = settings(max_examples=200, deadline=None, database=None)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0", "0"), ("0.00", "0"), ("-0", "0"), ("0Mi", "0"), ("1", "1"), ("01", "1"), ("+5", "5"), ("1.", "1"),
        ("1.5", "1500m"), ("0.5", "500m"), (".5", "500m"), ("100m", "100m"), ("1000m", "1"), ("1500m", "1500m"),
        ("1000k", "1M"), ("1024k", "1024k"), ("1.5E", "1500P"), ("1000E", "1000E"),
        ("0.5Gi", "512Mi"), ("1.5Gi", "1536Mi"), ("1024Mi", "1Gi"), ("1000Mi", "1000Mi"), ("2048Ki", "2Mi"),
        ("0.5Ki", "512"), ("1Ki", "1Ki"), ("0.0001Ki", "102400u"), ("1.0001Ki", "1024102400u"), ("-1.5Ki", "-1536"),
        ("1e3", "1e3"), ("1E3", "1e3"), ("1e4", "10e3"), ("12e-4", "1200e-6"), ("10e5", "1e6"), ("1e0", "1"),
        ("0.1n", "1n"), ("-0.1n", "-1n"), ("1e-10", "1e-9"), ("1.0000000001", "1000000001n"),
        ("9Ei", "9223372036854775807"),
    ],
)  # fmt: skip
def test_canonical_form(text: str, canonical: str) -> None:
    assert quantity.canonical(text) == canonical


@pytest.mark.parametrize("text", ["", " ", "abc", "1x", "1 ", "1.2.3", "1KI", "1m5x", "0x10", "٣", "1,5", "1e1.5"])
def test_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^quantities must match the regular expression") as caught:
        quantity.canonical(text)
    assert str(caught.value).endswith("'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")


@pytest.mark.parametrize("text", ["1e", "1ki", "1K", "1Mi5", "1mm", "1-5", "--1", "1e999999999", "1e-999999999"])
def test_unknown_suffix_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^unable to parse quantity's suffix$"):
        quantity.canonical(text)


def test_endless_number_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^unable to parse numeric part of quantity$"):
        quantity.canonical("9" * 5000)


@pytest.mark.parametrize(
    ("text", "milli", "value"),
    [
        ("250m", 250, 1),
        ("1", 1000, 1),
        ("1u", 1, 1),
        ("-1500m", -1500, -2),
        ("1Gi", 2**30 * 1000, 2**30),
        ("0", 0, 0),
    ],
)
def test_integers_are_rounded_away_from_zero(text: str, milli: int, value: int) -> None:
    assert (quantity.milli(text), quantity.value(text)) == (milli, value)


def test_arithmetic_keeps_the_first_form() -> None:
    assert quantity.add("1Gi", "512M") == "1548576Ki"
    assert quantity.add("1Gi", "1Gi") == "2Gi"
    assert quantity.add("0", "1Gi") == "1Gi"
    assert quantity.subtract("1", "1500m") == "-500m"
    assert str(-parse("1Ki")) == "-1Ki"


def test_comparison_is_by_amount() -> None:
    assert parse("1Ki") == parse("1024") == parse("1.024k")
    assert hash(parse("1Ki")) == hash(parse("1024"))
    assert parse("1Ki") != "1Ki"
    assert parse("100m") < parse("1") <= parse("1000m")
    assert [quantity.compare(*pair) for pair in (("1", "2"), ("1k", "1000"), ("2", "1"))] == [-1, 0, 1]
    assert parse("1m")
    assert not parse("0.0")


@FEW
@given(TEXTS)
def test_value_is_exact(parts: tuple[str, str]) -> None:
    number, suffix = parts
    exact = Fraction(number if any(map(str.isdigit, number)) else "0") * SUFFIXES[suffix]
    assert abs(parse(number + suffix).nano - exact * 10**9) < 1


@FEW
@given(TEXTS)
def test_canonical_form_is_its_own_and_keeps_the_value(parts: tuple[str, str]) -> None:
    text = "".join(parts)
    canonical = quantity.canonical(text)
    assert quantity.canonical(canonical) == canonical
    assert parse(canonical) == parse(text)
    assert "." not in canonical


@FEW
@given(st.integers(-(10**20), 10**20), st.sampled_from(Form))
def test_every_amount_can_be_written(nano: int, form: Form) -> None:
    assert parse(str(Quantity(nano, form))).nano == nano
