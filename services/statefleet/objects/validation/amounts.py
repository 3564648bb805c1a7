"""Judge amounts given as a number or as a percentage. Pure."""

from __future__ import annotations

from statefleet.api.meta.v1.primitives_pb2 import IntOrString
from statefleet.objects.validation.literals import int_or_string
from statefleet.objects.validation.names import percent
from statefleet.objects.validation.report import Path, Report


def validate_int_or_percent(report: Report, path: Path, value: IntOrString) -> None:
    """Judge a number, which may not be negative, or a percentage."""
    if value.type:
        report.all_invalid(path, int_or_string(value), percent(value.str_val))
    else:
        report.not_negative(path, value.int_val)


def validate_not_over_all(report: Report, path: Path, value: IntOrString) -> None:
    """Judge a percentage, which may not be more than all."""
    digits = _digits(value)
    if value.type and (len(digits) > 3 or int(digits or "0") > 100):
        report.invalid(path, int_or_string(value), "must not be greater than 100%")


def is_zero(value: IntOrString) -> bool:
    """Return whether a number or percentage is zero; text that is neither counts as zero."""
    return not _digits(value) if value.type else value.int_val == 0


def _digits(value: IntOrString) -> str:
    """Return the digits of a percentage from the first that counts, none where it is no percentage."""
    return "" if percent(value.str_val) else value.str_val[:-1].lstrip("0")
