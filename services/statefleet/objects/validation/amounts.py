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
    if value.type and not percent(value.str_val) and int(value.str_val[:-1]) > 100:
        report.invalid(path, int_or_string(value), "must not be greater than 100%")


def is_zero(value: IntOrString) -> bool:
    """Return whether a number or percentage is zero; text that is neither counts as zero."""
    if not value.type:
        return value.int_val == 0
    return bool(percent(value.str_val)) or int(value.str_val[:-1]) == 0
