"""Read label selectors as kubectl writes them, with Kubernetes' complaints. Pure: no I/O, clock or randomness."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from statefleet.errors import BadRequest
from statefleet.objects.label_requirements import LISTED, Operator, Requirement, requirement
from statefleet.objects.label_syntax import key_problems

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
def parse_requirements(text: str) -> tuple[Requirement, ...]:
    """Return the requirements of a selector's text, as they come. BadRequest where it means none."""
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
    values = _parse_list(tokens) if operator in LISTED else {_parse_value(tokens)}
    return requirement(key, operator, values)


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
