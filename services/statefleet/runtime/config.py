"""Settings of a process: one frozen dataclass, read once from arguments and environment, mistakes told together."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field
from pathlib import Path
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")

_TEXT = "text"
_CHOICES = "choices"
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


class ConfigError(Exception):
    """The settings are wrong; `problems` tells each mistake, a sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


def setting(*, default: Any = MISSING, text: str = "", choices: Sequence[str] = ()) -> Any:
    """Declare a field of a settings class: what it is for, its default (none: it is required) and what it may be."""
    return dataclasses.field(default=default, metadata={_TEXT: text, _CHOICES: tuple(choices)})


@dataclass_transform(frozen_default=True, field_specifiers=(setting,))
def settings(cls: type[T]) -> type[T]:
    """Make a class of settings: a frozen dataclass of `str`, `int`, `float`, `bool`, `Path`, tuples or None of them.

    A method `problems(self) -> Iterable[str]` may check what no field shows alone.
    """
    return dataclasses.dataclass(frozen=True)(cls)


def describe(cls: type[Any], prefix: str) -> list[tuple[str, str, str]]:
    """Return the environment variable, the default ("" where required) and the text of each setting."""
    return [
        (variable(field.name, prefix), "" if field.default is MISSING else str(field.default), field.metadata[_TEXT])
        for field in dataclasses.fields(cls)
    ]


def variable(name: str, prefix: str) -> str:
    """Return the environment variable of a setting: `STATEFLEET_` and `log_level` make STATEFLEET_LOG_LEVEL."""
    return f"{prefix}{name}".upper()


def read(
    cls: type[T],
    *,
    environ: Mapping[str, str],
    prefix: str,
    arguments: Mapping[str, Any] | None = None,
) -> T:
    """Return the settings: an argument that is not None wins over the environment, that over the default.

    Texts are converted to the field's type; tuples are separated by commas. Raises ConfigError with every mistake:
    what is missing, malformed or not among the choices, or else what `problems` refuses.
    """
    fields = {field.name: field for field in dataclasses.fields(typing.cast("Any", cls))}
    problems: list[str] = []
    values: dict[str, Any] = {}
    for name, kind in typing.get_type_hints(cls).items():
        source, given = _given(name, arguments or {}, environ, prefix)
        try:
            if given is not None:
                values[name] = _checked(fields[name], _converted(kind, given))
            elif fields[name].default is MISSING:
                raise ValueError(f"is required ({fields[name].metadata[_TEXT] or name})")
        except ValueError as error:
            problems.append(f"{source} {error}")
    if problems:
        raise ConfigError(problems)
    made = cls(**values)
    check: Callable[[], Iterable[str]] | None = getattr(made, "problems", None)
    if check is not None and (refused := list(check())):
        raise ConfigError(refused)
    return made


def _given(name: str, arguments: Mapping[str, Any], environ: Mapping[str, str], prefix: str) -> tuple[str, Any]:
    argument = arguments.get(name)
    if argument is not None:
        return f"--{name.replace('_', '-')}", argument
    source = variable(name, prefix)
    return source, environ.get(source)


def _checked(field: Field[Any], value: Any) -> Any:
    choices = field.metadata[_CHOICES]
    for each in value if isinstance(value, tuple) else (value,):
        if choices and each not in choices:
            raise ValueError(f"is {each!r}, but must be one of {', '.join(choices)}")
    return value


def _converted(kind: Any, given: Any) -> Any:
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        if given == "":
            return None
        return _converted(next(each for each in typing.get_args(kind) if each is not types.NoneType), given)
    if origin is tuple:
        element = typing.get_args(kind)[0]
        parts = given.split(",") if isinstance(given, str) else given
        return tuple(_converted(element, part.strip() if isinstance(part, str) else part) for part in parts if part)
    if not isinstance(given, str):
        return Path(given) if kind is Path else given
    return _of_text(kind, given)


def _of_text(kind: Any, text: str) -> Any:
    if kind is bool:
        if text.lower() not in _TRUE | _FALSE:
            raise ValueError(f"is {text!r}, but must be true or false")
        return text.lower() in _TRUE
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"is {text!r}, but must be {'an integer' if kind is int else 'a number'}") from None
    return kind(text)
