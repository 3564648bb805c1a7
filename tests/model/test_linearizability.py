"""The search for a linear order against trying everything, and over histories that are right by construction."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from support.config_map_model import (
    ABSENT,
    CONFLICT,
    NOTHING_YET,
    Absent,
    Action,
    Create,
    Delete,
    Read,
    State,
    Update,
    rank,
    step,
)
from support.linearizability import UNKNOWN, Finding, Operation, Verdict, linearize

GOOD, BAD = Verdict.LINEARIZABLE, Verdict.NOT_LINEARIZABLE


def op(begin: float, end: float, action: Action) -> Operation[Action]:
    return Operation(begin, end, action)


def judged(*history: Operation[Action]) -> Finding[Action]:
    return linearize(history, step, NOTHING_YET, rank=rank)


def replayed(order: Sequence[Operation[Action]]) -> bool:
    state = NOTHING_YET
    earliest = 0.0
    for operation in order:
        earliest = max(earliest, operation.begin)
        following = None if operation.end < earliest else step(state, operation.action)
        if following is None:
            return False
        state = following
    return True


def by_brute_force(history: list[Operation[Action]]) -> bool:
    """Try every order of every choice of the operations whose outcome is unknown."""
    completed = [operation for operation in history if operation.end != UNKNOWN]
    unknown = [operation for operation in history if operation.end == UNKNOWN]
    for choice in product((False, True), repeat=len(unknown)):
        chosen = completed + [each for each, taken in zip(unknown, choice, strict=True) if taken]
        if any(replayed(order) for order in permutations(chosen)):
            return True
    return False


data = st.sampled_from(["a", "b"])
versions = st.integers(0, 4)
actions = st.one_of(
    st.builds(Read, st.one_of(st.none(), data), st.integers(1, 4)),
    st.builds(Create, data, versions),
    st.builds(Create, data, st.just(0), st.just(True)),
    st.builds(Update, data, versions, versions),
    st.builds(Update, data, st.integers(1, 4), st.just(0), st.sampled_from([CONFLICT, ABSENT])),
    st.builds(Delete, versions),
    st.builds(Delete, st.just(0), st.just(True)),
)


@st.composite
def operations(draw: st.DrawFn) -> Operation[Action]:
    begin = draw(st.integers(0, 8))
    length = draw(st.one_of(st.integers(0, 8), st.just(UNKNOWN)))
    return op(begin, begin + length, draw(actions))


@settings(max_examples=600, deadline=None)
@given(st.lists(operations(), max_size=5, unique=True))
def test_the_search_agrees_with_trying_everything(history: list[Operation[Action]]) -> None:
    expected = by_brute_force(history)
    finding = judged(*history)
    assert finding.verdict is (GOOD if expected else BAD)
    if expected:
        assert replayed(finding.order)
        assert {each for each in history if each.end != UNKNOWN} <= set(finding.order)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_what_one_object_answered_is_linearizable_however_the_times_are_stretched(source: st.DataObject) -> None:
    """Run actions one by one, then let each begin earlier and end later, and let some have no answer."""
    state: State = NOTHING_YET
    history = []
    for moment in range(source.draw(st.integers(0, 14))):
        action, state = performed(source, state, moment)
        begin = moment - source.draw(st.floats(0, 4))
        if source.draw(st.integers(0, 5)) == 0 and not isinstance(action, Read):
            history.append(op(begin, UNKNOWN, unanswered(action)))
        else:
            history.append(op(begin, moment + source.draw(st.floats(0, 4)), action))
    assert judged(*history).verdict is GOOD


def performed(source: st.DataObject, state: State, moment: int) -> tuple[Action, State]:
    """Perform an action at an object whose versions are known; return it with its outcome, and the next state."""
    known = state.version if not isinstance(state, Absent) else 0
    fresh = (known or state.above) + source.draw(st.integers(1, 3))
    possible: list[Action] = [
        Read(None), Create("", refused=True), Delete(fresh), Delete(refused=True), Create(f"{moment}", fresh),
        Update(f"{moment}", 0, fresh), Update(f"{moment}", known, fresh), Update(f"{moment}", 0, refused=ABSENT),
        Update(f"{moment}", known + 1, refused=CONFLICT),
    ]  # fmt: skip
    if not isinstance(state, Absent):
        possible.append(Read(state.data, known))
    legal = [(action, after) for action in possible if (after := step(state, action)) is not None]
    return source.draw(st.sampled_from(legal))


def unanswered(action: Action) -> Action:
    match action:
        case Create(data):
            return Create(data)
        case Update(data, at):
            return Update(data, at)
        case _:
            return Delete()
