"""Judge the keys and values of labels, in Kubernetes' words. Pure: no I/O, clock or randomness."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_NAME: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE: Final = f"({_NAME})?"
_SUBDOMAIN: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_NAME_LENGTH: Final = 63
_SUBDOMAIN_LENGTH: Final = 253

_name = re.compile(_NAME).fullmatch
_value = re.compile(_VALUE).fullmatch
_subdomain = re.compile(_SUBDOMAIN).fullmatch

_KEY_MESSAGE: Final = (
    "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    f"'{_NAME}') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
)
_NAME_MESSAGE: Final = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    f"character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_NAME}')"
)
_PREFIX_MESSAGE: Final = (
    "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
    "must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    rf"'{_SUBDOMAIN}')"
)
_VALUE_MESSAGE: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', "
    f"regex used for validation is '{_VALUE}')"
)


@lru_cache(maxsize=8192)
def key_problems(key: str) -> tuple[str, ...]:
    """Return what is wrong with a label key, or another qualified name such as app or example.com/app."""
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        return (_KEY_MESSAGE,)
    return (*(_prefix_problems(prefix) if slash else ()), *_name_problems(name))


@lru_cache(maxsize=8192)
def value_problems(value: str) -> tuple[str, ...]:
    """Return what is wrong with a label value."""
    problems = [f"must be no more than {_NAME_LENGTH} characters"] if len(value) > _NAME_LENGTH else []
    if not _value(value):
        problems.append(_VALUE_MESSAGE)
    return tuple(problems)


def _prefix_problems(prefix: str) -> list[str]:
    if not prefix:
        return ["prefix part must be non-empty"]
    problems = []
    if len(prefix) > _SUBDOMAIN_LENGTH:
        problems.append(f"prefix part must be no more than {_SUBDOMAIN_LENGTH} characters")
    if not _subdomain(prefix):
        problems.append(_PREFIX_MESSAGE)
    return problems


def _name_problems(name: str) -> list[str]:
    problems = [] if name else ["name part must be non-empty"]
    if len(name) > _NAME_LENGTH:
        problems.append(f"name part must be no more than {_NAME_LENGTH} characters")
    if not _name(name):
        problems.append(_NAME_MESSAGE)
    return problems
