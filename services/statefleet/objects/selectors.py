"""Select objects by their labels. Pure: no I/O, clock or randomness.

Reads selectors as kubectl writes them, such as `app=web,tier in (a,b),!legacy`, and as objects hold them (matchLabels
and matchExpressions). Texts of errors and the canonical form are those of Kubernetes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Final, Self

from statefleet.api.meta.v1 import selector_pb2
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
_LISTED: Final = frozenset({Operator.IN, Operator.NOT_IN})
_COMPARED: Final = frozenset({Operator.GREATER_THAN, Operator.LESS_THAN})
_MESSAGE_OPERATORS: Final = {
    "In": Operator.IN,
    "NotIn": Operator.NOT_IN,
    "Exists": Operator.EXISTS,
    "DoesNotExist": Operator.DOES_NOT_EXIST,
}
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
        if self.operator in _LISTED:
            return f"{self.key} {self.operator.value} ({values})"
        return f"{self.key}{self.operator.value}{values}"


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Conditions that labels meet all. Without conditions it selects everything."""

    requirements: tuple[Requirement, ...] = ()
    selects_nothing: bool = False
    _equal: tuple[tuple[str, str], ...] = field(init=False, repr=False, compare=False)
    _others: tuple[Requirement, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Nearly all selectors ask for equal labels only: those are compared without a call each.
        exact = [requirement for requirement in self.requirements if requirement.is_equality]
        object.__setattr__(self, "_equal", tuple((item.key, value) for item in exact for value in item.values))
        object.__setattr__(self, "_others", tuple(item for item in self.requirements if item not in exact))

    @classmethod
    def of(cls, requirements: Iterable[Requirement]) -> Self:
        """Return the selector of some requirements, in canonical order."""
        return cls(tuple(sorted(requirements, key=lambda requirement: requirement.key)))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the selector that a text means; everything for the empty text. BadRequest where it means none."""
        return cls.of(_parse(text))

    @classmethod
    def from_message(cls, message: selector_pb2.LabelSelector) -> Self:
        """Return the selector that an object holds, everything for an empty one. BadRequest where it is malformed.

        What an absent selector means differs by field (often nothing): that is for the caller to say.
        """
        equal = [_requirement(key, Operator.EQUALS, {value}) for key, value in message.match_labels.items()]
        return cls.of(equal + [_from_expression(expression) for expression in message.match_expressions])

    @classmethod
    def equal(cls, labels: Mapping[str, str]) -> Self:
        """Return the selector of objects that carry all these labels, as a Service's selector does."""
        return cls.of(Requirement(key, Operator.EQUALS, frozenset({value})) for key, value in labels.items())

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether labels meet every condition."""
        for key, value in self._equal:
            if labels.get(key) != value:
                return False
        if self.selects_nothing:
            return False
        return not self._others or all(requirement.matches(labels) for requirement in self._others)

    @property
    def selects_everything(self) -> bool:
        """Whether there is no condition."""
        return not self.requirements and not self.selects_nothing

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


EVERYTHING: Final = LabelSelector()
NOTHING: Final = LabelSelector(selects_nothing=True)


def _from_expression(expression: selector_pb2.LabelSelectorRequirement) -> Requirement:
    operator = _MESSAGE_OPERATORS.get(expression.operator)
    if operator is None:
        raise BadRequest(f'"{expression.operator}" is not a valid label selector operator')
    return _requirement(expression.key, operator, expression.values)


def _requirement(key: str, operator: Operator, values: Iterable[str]) -> Requirement:
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
    if operator in _LISTED and not values:
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


_SIGNS: Final = ("==", "!=", "=", "!", "(", ")", ",", ">", "<")
_TOKEN: Final = re.compile(r"[ \t\r\n]*(==|!=|[=!(),<>]|[^=!(),<> \t\r\n]+|$)")
_END: Final = ""


class _Tokens:
    """The words and signs of a selector's text, one after the other. The end is the empty string."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self._next = 0

    def peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else _END

    def take(self) -> str:
        token = self.peek()
        self._next += 1
        return token


def _is_word(token: str) -> bool:
    return token != _END and token not in _SIGNS


@lru_cache(maxsize=1024)
def _parse(text: str) -> tuple[Requirement, ...]:
    tokens = _Tokens(text)
    requirements: list[Requirement] = []
    while (first := tokens.peek()) != _END:
        if not _is_word(first) and first != "!":
            raise BadRequest(f"found '{first}', expected: !, identifier, or 'end of string'")
        requirements.append(_parse_requirement(tokens))
        separator = tokens.take()
        if separator == _END:
            break
        if separator != ",":
            raise BadRequest(f"found '{separator}', expected: ',' or 'end of string'")
        following = tokens.peek()
        if not _is_word(following) and following != "!":
            raise BadRequest(f"found '{following}', expected: identifier after ','")
    return tuple(requirements)


def _parse_requirement(tokens: _Tokens) -> Requirement:
    try:
        return _parse_checked_requirement(tokens)
    except BadRequest as error:
        raise BadRequest(f"unable to parse requirement: {error.message}") from None


def _parse_checked_requirement(tokens: _Tokens) -> Requirement:
    negated = tokens.peek() == "!"
    if negated:
        tokens.take()
    key = tokens.take()
    if not _is_word(key):
        raise BadRequest(f"found '{key}', expected: identifier")
    if problems := "; ".join(key_problems(key)):
        raise BadRequest(f'<nil>: Invalid value: "{key}": {problems}')
    if negated:
        return Requirement(key, Operator.DOES_NOT_EXIST)
    if tokens.peek() in (_END, ","):
        return Requirement(key, Operator.EXISTS)
    operator = _parse_operator(tokens)
    values = _parse_list(tokens) if operator in _LISTED else {_parse_value(tokens)}
    return _requirement(key, operator, values)


def _parse_operator(tokens: _Tokens) -> Operator:
    token = tokens.take()
    if token in ("=", "==", "!=", "in", "notin", ">", "<"):
        return Operator(token)
    raise BadRequest(f"found '{token}', expected: '=', '!=', '==', 'in', notin'")


def _parse_value(tokens: _Tokens) -> str:
    if tokens.peek() in (_END, ","):
        return ""
    token = tokens.take()
    if not _is_word(token):
        raise BadRequest(f"found '{token}', expected: identifier")
    return token


def _parse_list(tokens: _Tokens) -> set[str]:
    """Return the values between parentheses; a missing one, as in `(a,)`, is the empty value."""
    opening = tokens.take()
    if opening != "(":
        raise BadRequest(f"found '{opening}' expected: '('")
    if tokens.peek() != ")" and tokens.peek() != "," and not _is_word(tokens.peek()):
        raise BadRequest(f"found '{tokens.peek()}', expected: ',', ')' or identifier")
    values = set()
    while True:
        values.add(tokens.take() if _is_word(tokens.peek()) else "")
        separator = tokens.take()
        if separator == ")":
            return values
        if separator != ",":
            raise BadRequest(f"found '{separator}', expected: ',' or ')'")
