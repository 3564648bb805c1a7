"""Collect what is wrong with an object, in Kubernetes' words: reason, message and field path of each cause. Pure.

A path is a flat tuple that grows on the way down and is written out only for a cause, so a valid object costs no
text. Validators take the report first and the path of what they judge second.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from statefleet.errors import Cause
from statefleet.objects.validation.literals import Value, literal, quote


class Key(str):
    """A part of a path that is a map's key: written in brackets."""

    __slots__ = ()


Path: TypeAlias = tuple[str | int, ...]
"""Names of fields, indexes into lists and keys of maps, from the object down."""


def render(path: Path) -> str:
    """Write a path as Kubernetes does: spec.containers[0].resources.limits[cpu]."""
    text = ""
    for part in path:
        if isinstance(part, int | Key):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


class Report:
    """The causes found so far, in the order in which the fields are judged."""

    __slots__ = ("causes",)

    def __init__(self) -> None:
        self.causes: list[Cause] = []

    def invalid(self, path: Path, value: Value, detail: str) -> None:
        """Report a value that breaks a rule."""
        self._add("FieldValueInvalid", path, f"Invalid value: {literal(value)}: {detail}")

    def all_invalid(self, path: Path, value: Value, details: Iterable[str]) -> None:
        """Report a value once for each rule it breaks."""
        for detail in details:
            self.invalid(path, value, detail)

    def required(self, path: Path, detail: str = "") -> None:
        """Report a value that is missing."""
        self._add("FieldValueRequired", path, _detailed("Required value", detail))

    def forbidden(self, path: Path, detail: str) -> None:
        """Report a value that may not be set, or not be changed, as things are."""
        self._add("FieldValueForbidden", path, _detailed("Forbidden", detail))

    def duplicate(self, path: Path, value: Value, detail: str = "") -> None:
        """Report a value that occurs a second time."""
        self._add("FieldValueDuplicate", path, _detailed(f"Duplicate value: {literal(value)}", detail))

    def not_found(self, path: Path, value: Value, detail: str = "") -> None:
        """Report a reference to what does not exist."""
        self._add("FieldValueNotFound", path, _detailed(f"Not found: {literal(value)}", detail))

    def not_supported(self, path: Path, value: Value, supported: Iterable[str]) -> None:
        """Report a value that is none of a closed set, naming the set in the order given."""
        names = ", ".join(quote(name) for name in supported)
        self._add("FieldValueNotSupported", path, f"Unsupported value: {literal(value)}: supported values: {names}")

    def too_long(self, path: Path, limit: int) -> None:
        """Report a value of more bytes than the limit."""
        self._add("FieldValueTooLong", path, f"Too long: must have at most {limit} bytes")

    def too_many(self, path: Path, actual: int, limit: int) -> None:
        """Report a list of more items than the limit."""
        self._add("FieldValueTooMany", path, f"Too many: {actual}: must have at most {limit} items")

    def not_negative(self, path: Path, value: int) -> None:
        """Report a number below zero; others pass."""
        if value < 0:
            self.invalid(path, value, "must be greater than or equal to 0")

    def one_of(self, path: Path, value: str, supported: Iterable[str]) -> None:
        """Report a value that is empty or none of a closed set; others pass."""
        if not value:
            self.required(path)
        elif value not in supported:
            self.not_supported(path, value, supported)

    def _add(self, reason: str, path: Path, message: str) -> None:
        self.causes.append(Cause(reason, message, render(path)))


def _detailed(message: str, detail: str) -> str:
    return f"{message}: {detail}" if detail else message
