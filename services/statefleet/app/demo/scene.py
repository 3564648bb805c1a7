"""What the demo's story is made of: scenes, their commands, and what must come of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from statefleet.app.demo.view import FleetPicture


@dataclass(frozen=True, slots=True)
class Step:
    """One command, and what is waited for after it."""

    arguments: tuple[str, ...]
    """Of kubectl. `{examples}` stands for the directory of the manifests."""
    until: Callable[[FleetPicture], bool] | None = None
    """What the fleet must come to; None: nothing to wait for."""
    quiet: bool = False
    """Whether to watch for a while that nothing moves."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A part of the story."""

    title: str
    text: str
    steps: tuple[Step, ...]
    moral: Callable[[FleetPicture, int], str] = lambda _picture, _since: ""
    """What happened, from the picture and where its story was when the scene began. Raises DemoError."""


class DemoError(Exception):
    """The story took another course than it should have."""


def kubectl(text: str, until: Callable[[FleetPicture], bool] | None = None, *more: str, quiet: bool = False) -> Step:
    """Return the step that runs kubectl with a text's words, and then with more arguments."""
    return Step((*text.split(), *more), until, quiet=quiet)


def check(*, held: bool, complaint: str) -> None:
    """Raise DemoError where something did not hold."""
    if not held:
        raise DemoError(complaint)
