"""One condition on a label, and what it may be. Pure: no I/O, clock or randomness."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from statefleet.errors import BadRequest
from statefleet.objects.label_syntax import key_problems, value_problems


class Operator(Enum):
    """What a requirement asks of the label; the value is its sign in a selector's text."""

    EQUALS = "="
    DOUBLE_EQUALS = "=="
    NOT_EQUALS = "!="
    IN = "in"
    NOT_IN = "notin"
    EXISTS = "exists"
    DOES_NOT_EXIST = "!"
    GREATER_THAN = ">"
    LESS_THAN = "<"


_POSITIVE: Final = frozenset({Operator.EQUALS, Operator.DOUBLE_EQUALS, Operator.IN})
_NEGATIVE: Final = frozenset({Operator.NOT_EQUALS, Operator.NOT_IN})
LISTED: Final = frozenset({Operator.IN, Operator.NOT_IN})
_COMPARED: Final = frozenset({Operator.GREATER_THAN, Operator.LESS_THAN})
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    @property
    def is_equality(self) -> bool:
        """Whether the label must have one given value."""
        return self.operator in _POSITIVE and len(self.values) == 1

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels meet the condition."""
        value = labels.get(self.key)
        operator = self.operator
        if operator in _POSITIVE:
            return value in self.values
        if operator in _NEGATIVE:
            return value not in self.values
        if operator is Operator.EXISTS:
            return value is not None
        if operator is Operator.DOES_NOT_EXIST:
            return value is None
        return value is not None and self._compares(value)

    def _compares(self, value: str) -> bool:
        if not _INTEGER.fullmatch(value):
            return False
        (limit,) = self.values
        return int(value) > int(limit) if self.operator is Operator.GREATER_THAN else int(value) < int(limit)

    def __str__(self) -> str:
        if self.operator is Operator.EXISTS:
            return self.key
        if self.operator is Operator.DOES_NOT_EXIST:
            return f"!{self.key}"
        values = ",".join(sorted(self.values))
        if self.operator in LISTED:
            return f"{self.key} {self.operator.value} ({values})"
        return f"{self.key}{self.operator.value}{values}"


def requirement(key: str, operator: Operator, values: Iterable[str]) -> Requirement:
    """Return a requirement whose parts have been checked."""
    chosen = frozenset(values)
    problem = _key_problem(key) or _count_problem(operator, chosen) or _value_problem(key, operator, chosen)
    if problem:
        raise BadRequest(problem)
    return Requirement(key, operator, chosen)


def _key_problem(key: str) -> str:
    problems = "; ".join(key_problems(key))
    return f'key: Invalid value: "{key}": {problems}' if problems else ""


def _count_problem(operator: Operator, values: frozenset[str]) -> str:
    shown = "[]string{" + ", ".join(f'"{value}"' for value in sorted(values)) + "}"
    if operator in LISTED and not values:
        return "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty"
    if operator in (Operator.EXISTS, Operator.DOES_NOT_EXIST) and values:
        return f"values: Invalid value: {shown}: values set must be empty for exists and does not exist"
    return ""


def _value_problem(key: str, operator: Operator, values: frozenset[str]) -> str:
    for index, value in enumerate(sorted(values)):
        if operator in _COMPARED and not _INTEGER.fullmatch(value):
            return (
                f"values[{index}]: Invalid value: \"{value}\": for 'Gt', 'Lt' operators, the value must be an integer"
            )
        problems = "; ".join(value_problems(value))
        if problems:
            return f'values[{index}][{key}]: Invalid value: "{value}": {problems}'
    return ""
