"""How simulated pods behave: by flags for a whole fleet, by annotations for one pod.

Pure: no I/O, clock or randomness.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

PREFIX = "simulation.statefleet.io/"
"""Before each annotation's name, such as simulation.statefleet.io/start-delay: "1.5"."""

BAD_IMAGE = r"(:bad$)|nonexistent|non-existent"
"""Images that cannot be pulled, unless told otherwise: a tag `bad`, or a name that says that there is none."""

MOST_USAGE = 1000.0
"""How many times of what it requests a container can be said to use."""


class BehaviourError(ValueError):
    """An annotation that cannot be read; the message names it and says what it takes."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a simulated container does. Delays are in seconds."""

    pull_delay: float = 0.0
    start_delay: float = 0.0
    ready_delay: float = 0.0
    stop_delay: float = 0.0
    crash_after: float | None = None
    """How long the container runs before it exits; None: for ever."""
    exit_code: int = 1
    """What it exits with then."""
    ready: bool = True
    """Whether it ever becomes ready."""
    bad_image: str = BAD_IMAGE
    """A regular expression: an image in which it is found cannot be pulled."""
    usage: float = 0.0
    """How much of what it requests the container is said to use, such as 0.5 for half."""

    def for_pod(self, annotations: Mapping[str, str]) -> Behaviour:
        """Return the behaviour with a pod's annotations applied. Raises BehaviourError."""
        changes: dict[str, Any] = {}
        for key, text in annotations.items():
            if key.startswith(PREFIX):
                name = key.removeprefix(PREFIX).replace("-", "_")
                if name not in _READERS:
                    known = ", ".join(other.replace("_", "-") for other in _READERS)
                    raise BehaviourError(f"annotation {key}: unknown; known are {known}")
                changes[name] = _READERS[name](key, text)
        return replace(self, **changes) if changes else self

    def refuses(self, image: str) -> bool:
        """Return whether the image cannot be pulled."""
        return re.search(self.bad_image, image) is not None


def _seconds(key: str, text: str) -> float:
    try:
        value = float(text.removesuffix("s"))
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise BehaviourError(f"annotation {key}: {text!r} is not a number of seconds, such as 1.5")
    return value


def _fraction(key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= MOST_USAGE:
        raise BehaviourError(f"annotation {key}: {text!r} is not a fraction of the requests, such as 0.5")
    return value


def _code(key: str, text: str) -> int:
    if not text.isdigit() or int(text) > 255:
        raise BehaviourError(f"annotation {key}: {text!r} is not an exit code from 0 to 255")
    return int(text)


def _flag(key: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise BehaviourError(f"annotation {key}: {text!r} is neither true nor false")
    return text == "true"


def _pattern(key: str, text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise BehaviourError(f"annotation {key}: {text!r} is not a regular expression: {error}") from error
    return text


_BY_TYPE = {"float": _seconds, "float | None": _seconds, "int": _code, "bool": _flag, "str": _pattern}
_READERS = {field.name: _BY_TYPE[str(field.type)] for field in fields(Behaviour)} | {"usage": _fraction}
