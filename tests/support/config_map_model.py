"""A ConfigMap as one client alone would find it: the sequential object that histories are checked against.

Actions carry what was asked and what was answered. A version that no answer told is known only to lie above the one
before it; what is read or refused later tells more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Absent:
    """There is no object; every version so far is at most `above`."""

    above: int = 0


@dataclass(frozen=True)
class Present:
    """There is an object. Where its version is not known (0), it is above `above` and not one of `excluded`."""

    data: str
    version: int
    above: int = 0
    excluded: frozenset[int] = frozenset()


State = Absent | Present
NOTHING_YET: State = Absent()


@dataclass(frozen=True)
class Read:
    """A linearizable Get; data None: there was no object."""

    data: str | None
    version: int = 0


@dataclass(frozen=True)
class Create:
    """`version` is that of the object made; 0: unknown. `refused`: there was one."""

    data: str
    version: int = 0
    refused: bool = False


@dataclass(frozen=True)
class Update:
    """A write, only at the version `at` if that is not 0. `refused` is what was answered: conflict or absent."""

    data: str
    at: int = 0
    version: int = 0
    refused: str = ""


@dataclass(frozen=True)
class Delete:
    """`refused`: there was no object."""

    version: int = 0
    refused: bool = False


Action = Read | Create | Update | Delete
CONFLICT = "conflict"
ABSENT = "absent"


def rank(action: Action) -> int:
    """Return the version that a write made: they only ever grow. 0: none is known."""
    return 0 if isinstance(action, Read) else action.version


def step(state: State, action: Action) -> State | None:
    """Return the state after an action with its outcome; None where it cannot have that outcome."""
    match action:
        case Read(data=None):
            return state if isinstance(state, Absent) else None
        case Read(data, version):
            return _at(state, version) if isinstance(state, Present) and state.data == data else None
        case Create(refused=True):
            return state if isinstance(state, Present) else None
        case Create(data, version):
            return _written(data, version, state.above) if isinstance(state, Absent) else None
        case Update():
            return _update(state, action)
        case Delete(refused=True):
            return state if isinstance(state, Absent) else None
        case Delete(version):
            return _deleted(state, version) if isinstance(state, Present) else None


def _update(state: State, action: Update) -> State | None:
    if action.refused == ABSENT or isinstance(state, Absent):
        return state if action.refused == ABSENT and isinstance(state, Absent) else None
    if action.refused == CONFLICT:
        return _not_at(state, action.at)
    known = _at(state, action.at) if action.at else state
    return known and _written(action.data, action.version, known.version or known.above)


def _at(state: Present, version: int) -> Present | None:
    """Return the object as one of a version; None where it is not."""
    if state.version:
        return state if state.version == version else None
    possible = version > state.above and version not in state.excluded
    return Present(state.data, version) if possible else None


def _not_at(state: Present, version: int) -> Present | None:
    """Return the object as one that is not at a version; None where it is."""
    if state.version:
        return state if state.version != version else None
    return replace(state, excluded=state.excluded | {version}) if version > state.above else state


def _written(data: str, version: int, above: int) -> Present | None:
    if not version:
        return Present(data, 0, above)
    return Present(data, version) if version > above else None


def _deleted(state: Present, version: int) -> Absent | None:
    above = state.version or state.above
    if not version:
        return Absent(above)
    return Absent(version) if version > above else None
