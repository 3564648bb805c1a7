"""Decide whether what concurrent clients saw of one object could have come from one that does one thing at a time.

The search is that of Wing and Gong with the memory that Lowe added: take the operations one by one in an order that
their times allow, try each on a sequential model, and never come twice to the same set of operations taken and the
same state. An operation whose outcome is unknown may take effect at any time after it began, or never.

Three things keep it short, and none of them loses an order. What is right in a state and does not change it is taken
at once. Of actions that bear a rank, such as the versions that writes made, the lowest is the only one that may be
next. And an operation of unknown outcome is taken only where it matters: not if the same place was come to with fewer
of them, nor if the next of them leads to the same state without it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)
A = TypeVar("A")

UNKNOWN = math.inf
"""The end of an operation whose outcome is unknown."""
_LOOK_AT_CLOCK_EVERY = 1024

Step = Callable[[S, A], S | None]
"""A sequential object: the state after an action with its outcome, None where it cannot have that outcome then.

An action whose outcome is unknown should give None where it would change nothing: it is then as if it never was.
"""

Rank = Callable[[A], int]
"""The place of an action among those that only ever happen in the order of their ranks; 0: it has none."""


@dataclass(frozen=True)
class Operation(Generic[A]):
    """What one client did: an action with its outcome, and when it began and ended by one monotonic clock."""

    begin: float
    end: float
    action: A


class Verdict(Enum):
    """What was found. Whoever needs a history to be linearizable takes anything else as a failure."""

    LINEARIZABLE = "linearizable"
    NOT_LINEARIZABLE = "not linearizable"
    UNDECIDED = "could not decide in the time given"


@dataclass(frozen=True)
class Finding(Generic[A]):
    """A verdict, and where it is not good: the longest order found, and the operations that could not follow it."""

    verdict: Verdict
    order: Sequence[Operation[A]]
    stuck: Sequence[Operation[A]] = ()

    def __str__(self) -> str:
        if self.verdict is Verdict.LINEARIZABLE:
            return str(self.verdict.value)
        lines = [f"{self.verdict.value}; the longest order ends with"]
        lines += [_told(operation) for operation in self.order[-8:]]
        lines += ["and none of these can follow:", *(_told(operation) for operation in self.stuck)]
        return "\n".join(lines)


@dataclass(frozen=True)
class _Place(Generic[S]):
    """How far a search is: the completed operations before `first` are taken, those in `ahead`, and some unknown."""

    first: int
    ahead: frozenset[int]
    ranked: int
    """How many of those that bear a rank are taken."""
    unknown: frozenset[int]
    state: S
    without: S | None = None
    """The state before the last operation taken, where the outcome of that is unknown."""


Branch = tuple[Operation[A], _Place[S]]


def linearize(
    history: Iterable[Operation[A]],
    step: Step[S, A],
    initial: S,
    *,
    rank: Rank[A] = lambda _: 0,
    seconds: float = 60.0,
) -> Finding[A]:
    """Search for an order of the operations on one object, for so many seconds at most."""
    return _Search(history, step, initial, rank).run(seconds)


class _Search(Generic[S, A]):
    def __init__(self, history: Iterable[Operation[A]], step: Step[S, A], initial: S, rank: Rank[A]) -> None:
        operations = sorted(history, key=lambda operation: operation.begin)
        self._completed = [operation for operation in operations if operation.end != UNKNOWN]
        self._unknown = [operation for operation in operations if operation.end == UNKNOWN]
        self._step = step
        self._ranks = [rank(operation.action) for operation in self._completed]
        self._ranked = sorted((index for index, r in enumerate(self._ranks) if r), key=self._ranks.__getitem__)
        self._start = _Place(0, frozenset(), 0, frozenset(), initial)
        self._seen: dict[tuple[int, frozenset[int], S], list[frozenset[int]]] = {}

    def run(self, seconds: float) -> Finding[A]:
        deadline = time.monotonic() + seconds
        taken: list[Operation[A]] = []
        places = [self._start]
        branches = [self._next(self._start)]
        longest, furthest = list(taken), self._start
        steps = 0
        while branches:
            if places[-1].first == len(self._completed):
                return Finding(Verdict.LINEARIZABLE, taken)
            steps += 1
            if steps % _LOOK_AT_CLOCK_EVERY == 0 and time.monotonic() > deadline:
                return Finding(Verdict.UNDECIDED, longest, self._open(furthest))
            branch = next(branches[-1], None)
            if branch is None:
                branches.pop()
                places.pop()
                del taken[-1:]
            elif self._is_new(branch[1]):
                taken.append(branch[0])
                places.append(branch[1])
                branches.append(self._next(branch[1]))
                if len(taken) > len(longest):
                    longest, furthest = list(taken), branch[1]
        return Finding(Verdict.NOT_LINEARIZABLE, longest, self._open(furthest))

    def _is_new(self, place: _Place[S]) -> bool:
        """Whether the place was not come to with as few unknown operations or fewer; remember it."""
        before = self._seen.setdefault((place.first, place.ahead, place.state), [])
        if any(unknown <= place.unknown for unknown in before):
            return False
        before.append(place.unknown)
        return True

    def _next(self, place: _Place[S]) -> Iterator[Branch[A, S]]:
        """Yield each operation that may come next with where that leads."""
        candidates, bound = self._candidates(place)
        branches: list[Branch[A, S]] = []
        for index in candidates:
            operation = self._completed[index]
            if self._ranks[index] and self._ranks[index] > self._ranks[self._ranked[place.ranked]]:
                continue
            state = self._step(place.state, operation.action)
            if state is None:
                continue
            branch = operation, self._advanced(place, index, state)
            if state == place.state:
                yield branch
                return
            branches.append(branch)
        yield from branches
        yield from self._next_unknown(place, bound)

    def _next_unknown(self, place: _Place[S], bound: float) -> Iterator[Branch[A, S]]:
        for index, operation in enumerate(self._unknown):
            if operation.begin > bound:
                return
            if index in place.unknown:
                continue
            state = self._step(place.state, operation.action)
            if state is None:
                continue
            if place.without is not None and self._step(place.without, operation.action) == state:
                continue
            unknown = place.unknown | {index}
            yield operation, _Place(place.first, place.ahead, place.ranked, unknown, state, place.state)

    def _candidates(self, place: _Place[S]) -> tuple[list[int], float]:
        """Return the completed operations that may come next, by their end; and when the first of them ends."""
        found: list[int] = []
        bound = UNKNOWN
        for index in range(place.first, len(self._completed)):
            operation = self._completed[index]
            if operation.begin > bound:
                break
            if index not in place.ahead:
                found.append(index)
                bound = min(bound, operation.end)
        possible = [index for index in found if self._completed[index].begin <= bound]
        return sorted(possible, key=lambda index: self._completed[index].end), bound

    def _advanced(self, place: _Place[S], index: int, state: S) -> _Place[S]:
        ahead = set(place.ahead)
        ahead.add(index)
        first = place.first
        while first in ahead:
            ahead.remove(first)
            first += 1
        ranked = place.ranked + 1 if self._ranks[index] else place.ranked
        return _Place(first, frozenset(ahead), ranked, place.unknown, state)

    def _open(self, place: _Place[S]) -> list[Operation[A]]:
        candidates, _ = self._candidates(place)
        return [self._completed[index] for index in candidates]


def _told(operation: Operation[A]) -> str:
    end = "unknown" if operation.end == UNKNOWN else f"{operation.end:.6f}"
    return f"  {operation.begin:.6f} to {end}: {operation.action}"
