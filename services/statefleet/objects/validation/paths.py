"""Judge paths in file systems. Pure."""

from __future__ import annotations

from typing import Final

from statefleet.objects.validation.report import Path, Report

_MODE_LIMIT: Final = 0o777
_MODE_DETAIL: Final = "must be a number between 0 and 0777 (octal), both inclusive"


def validate_no_backsteps(report: Report, path: Path, text: str) -> None:
    """Judge a path that may not climb."""
    if ".." in text and ".." in text.split("/"):
        report.invalid(path, text, "must not contain '..'")


def validate_descending_path(report: Report, path: Path, text: str) -> None:
    """Judge a path that has to stay below where it starts."""
    if text.startswith("/"):
        report.invalid(path, text, "must be a relative path")
    validate_no_backsteps(report, path, text)


def validate_local_path(report: Report, path: Path, text: str) -> None:
    """Judge a descending path that may not look like a parent directory either."""
    validate_descending_path(report, path, text)
    if text.startswith("..") and not text.startswith("../"):
        report.invalid(path, text, "must not start with '..'")


def validate_mode(report: Report, path: Path, mode: int) -> None:
    """Judge the permission bits of a file."""
    if not 0 <= mode <= _MODE_LIMIT:
        report.invalid(path, mode, _MODE_DETAIL)
