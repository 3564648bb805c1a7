"""Read what a process must know to reach a server from a YAML file, beside what the command line says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import click
import yaml

from statefleet.errors import without_path

T = TypeVar("T")

_FROM_FILE = "_file"
"""The end of a key that names a file which holds the value, such as password_file."""
_KINDS: Mapping[Any, tuple[tuple[type, ...], str]] = {
    str: ((str,), "a text"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    bool: ((bool,), "true or false"),
    Path | None: ((str,), "a path"),
}


def read_settings(kind: type[T], option: str, path: Path | None, **given: Any) -> T:
    """Return settings of a dataclass: `given`, and the rest from the file of an option, where there is one.

    The class says what is wrong by a method `problems`, or by a ValueError. UsageError that tells all of it.
    """
    hints = {name: hint for name, hint in get_type_hints(kind).items() if name not in given}
    values, problems = dict(given), list[str]()
    for key, value in _document(option, path).items():
        try:
            values |= [_setting(str(key), value, hints)]
        except ValueError as error:
            problems.append(str(error))
    if not problems:
        try:
            settings = kind(**values)
            problems += getattr(settings, "problems", list)()
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise click.UsageError(f"{option.removesuffix('-config') if path is None else option}: {'; '.join(problems)}")
    return settings


def _document(option: str, path: Path | None) -> Mapping[Any, Any]:
    if path is None:
        return {}
    try:
        document = yaml.safe_load(path.read_text()) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise click.UsageError(f"{option}: {path} cannot be read: {without_path(error)}") from error
    if not isinstance(document, Mapping):
        raise click.UsageError(f"{option}: {path} must be a mapping of settings, such as security_protocol: SSL")
    return document


def _setting(key: str, value: Any, hints: Mapping[str, Any]) -> tuple[str, Any]:
    if key not in hints and key.endswith(_FROM_FILE) and key.removesuffix(_FROM_FILE) in hints:
        try:
            return key.removesuffix(_FROM_FILE), Path(str(value)).expanduser().read_text().rstrip("\r\n")
        except OSError as error:
            raise ValueError(f"{key}: cannot be read: {error}") from error
    if key not in hints:
        raise ValueError(f"{key}: not known; known are {', '.join(sorted(hints))}")
    accepted, wanted = _KINDS.get(hints[key], ((Mapping,), "a mapping"))
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
        raise ValueError(f"{key}: must be {wanted}")
    return key, Path(str(value)).expanduser() if hints[key] == Path | None else value
