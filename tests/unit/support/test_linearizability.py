from __future__ import annotations

import pytest

from support.config_map_model import (
    ABSENT,
    CONFLICT,
    NOTHING_YET,
    Action,
    Create,
    Delete,
    Read,
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


A = op(0, 1, Create("a", 10))

HISTORIES = {
    "one after another": (GOOD, [A, op(2, 3, Read("a", 10)), op(4, 5, Update("b", 10, 20)), op(6, 7, Read("b", 20))]),
    "a read beside a write sees the old": (GOOD, [A, op(2, 9, Update("b", 0, 20)), op(3, 4, Read("a", 10))]),
    "a read beside a write sees the new": (GOOD, [A, op(2, 9, Update("b", 0, 20)), op(3, 4, Read("b", 20))]),
    "a stale read": (BAD, [A, op(2, 3, Update("b", 10, 20)), op(4, 5, Read("a", 10))]),
    "a read of what is not yet written": (BAD, [op(0, 1, Read("a", 10)), op(2, 3, Create("a", 10))]),
    "reads that go back": (
        BAD,
        [A, op(2, 20, Update("b", 10, 20)), op(3, 4, Read("b", 20)), op(5, 6, Read("a", 10))],
    ),
    "a lost update": (BAD, [A, op(2, 5, Update("b", 10, 20)), op(3, 6, Update("c", 10, 30))]),
    "an update that loses is refused": (
        GOOD,
        [A, op(2, 5, Update("b", 10, 20)), op(3, 6, Update("c", 10, refused=CONFLICT)), op(7, 8, Read("b", 20))],
    ),
    "a conflict where nothing changed": (BAD, [A, op(2, 3, Update("b", 10, refused=CONFLICT))]),
    "a write that vanishes": (BAD, [A, op(2, 3, Update("b", 0, 20)), op(4, 5, Update("c", 10, 30))]),
    "two creations": (BAD, [A, op(2, 3, Create("b", 20))]),
    "a creation refused without cause": (BAD, [op(0, 1, Create("a", refused=True))]),
    "deleted and made again": (GOOD, [A, op(2, 3, Delete(20)), op(4, 5, Read(None)), op(6, 7, Create("b", 30))]),
    "read after its deletion": (BAD, [A, op(2, 3, Delete(20)), op(4, 5, Read("a", 10))]),
    "absent though nobody deleted it": (BAD, [A, op(2, 3, Read(None))]),
    "an update finds nothing": (GOOD, [op(0, 1, Update("a", 10, refused=ABSENT)), op(2, 3, Delete(refused=True))]),
    "versions that go back": (BAD, [A, op(2, 3, Update("b", 0, 9))]),
    "versions that go back over a deletion": (BAD, [A, op(2, 3, Delete(20)), op(4, 5, Create("b", 15))]),
    "an unknown write never took effect": (GOOD, [A, op(2, UNKNOWN, Update("b")), op(3, 9, Read("a", 10))]),
    "an unknown write took effect late": (
        GOOD,
        [A, op(2, UNKNOWN, Update("b")), op(3, 9, Read("a", 10)), op(20, 21, Read("b", 30))],
    ),
    "an unknown write took effect twice": (
        BAD,
        [
            A,
            op(2, UNKNOWN, Update("b")),
            op(3, 4, Read("b", 20)),
            op(5, 6, Update("c", 20, 30)),
            op(7, 8, Read("b", 40)),
        ],
    ),
    "an unknown write took effect before it began": (BAD, [A, op(2, 3, Read("b", 20)), op(4, UNKNOWN, Update("b"))]),
    "an unknown write at a version that is gone": (
        BAD,
        [A, op(2, UNKNOWN, Update("b", 10)), op(3, 4, Update("c", 10, 20)), op(5, 6, Read("b", 30))],
    ),
    "the version of an unknown write is one": (
        BAD,
        [A, op(2, UNKNOWN, Update("b")), op(3, 4, Read("b", 20)), op(5, 6, Read("b", 21))],
    ),
    "the version of an unknown write is not a refused one": (
        BAD,
        [
            A,
            op(2, UNKNOWN, Update("b")),
            op(3, 4, Update("c", 10, refused=CONFLICT)),
            op(5, 6, Update("d", 20, refused=CONFLICT)),
            op(7, 8, Read("b", 20)),
        ],
    ),
    "an unknown deletion shows": (GOOD, [A, op(2, UNKNOWN, Delete()), op(3, 4, Read("a", 10)), op(5, 6, Read(None))]),
    "an unknown creation makes another one fail": (
        GOOD,
        [op(0, UNKNOWN, Create("a")), op(1, 2, Create("b", refused=True)), op(3, 4, Read("a", 7))],
    ),
    "only unknown ones": (GOOD, [op(0, UNKNOWN, Create("a")), op(0, UNKNOWN, Delete())]),
    "nothing": (GOOD, []),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_histories(name: str) -> None:
    verdict, history = HISTORIES[name]
    assert judged(*history).verdict is verdict


def test_what_ends_when_another_begins_may_be_in_either_order() -> None:
    assert judged(A, op(1, 2, Read(None))).verdict is GOOD


def test_the_order_found_is_told() -> None:
    order = judged(*HISTORIES["an unknown write took effect late"][1]).order
    assert [each.action for each in order] == [A.action, Read("a", 10), Update("b"), Read("b", 30)]


def test_a_failure_names_what_cannot_follow() -> None:
    told = str(judged(*HISTORIES["a stale read"][1]))
    assert "not linearizable" in told
    assert "Update(data='b'" in told.partition("none of these can follow")[0]
    assert "4.000000 to 5.000000: Read(data='a', version=10)" in told.partition("none of these can follow")[2]


def test_what_takes_too_long_is_no_success() -> None:
    together = [op(0, 100, Update(f"{n}", 0, 0, "")) for n in range(24)]
    finding = linearize([A, *together, op(101, 102, Read("x", 1))], step, NOTHING_YET, rank=rank, seconds=0.05)
    assert finding.verdict is Verdict.UNDECIDED
    assert "could not decide" in str(finding)


def test_long_histories_of_many_clients_are_decided_fast() -> None:
    """Many writers at a time, on one object, over thousands of operations."""
    history: list[Operation[Action]] = [A]
    version = 10
    for round_ in range(400):
        at = 10.0 * round_ + 10
        for writer in range(8):
            data = f"{round_}-{writer}"
            won = writer == round_ % 8
            history.append(
                op(at, at + 5, Update(data, version, version + 1) if won else Update(data, version, 0, CONFLICT))
            )
        version += 1
        history += [op(at + 1 + n, at + 8, Read(f"{round_}-{round_ % 8}", version)) for n in range(4)]
        if round_ % 40 == 0:
            history.append(op(at, UNKNOWN, Update(f"unknown-{round_}", version - 1)))
    assert judged(*history).verdict is GOOD


def test_many_writes_of_unknown_outcome_some_of_which_took_effect_late_are_decided_fast() -> None:
    history: list[Operation[Action]] = [A]
    version = 10
    for outage in range(5):
        at = 100.0 * outage + 10
        history += [
            op(at + n / 100, UNKNOWN, Update(f"{outage}-{n}", version if n % 3 == 0 else 0)) for n in range(30)
        ]
        for late in (25, 7, 16):
            version += 2
            at += 10
            history.append(op(at, at + 5, Read(f"{outage}-{late}", version)))
        version += 2
        history.append(op(at + 10, at + 11, Update("known", 0, version)))
    assert judged(*history).verdict is GOOD
    assert judged(*history, op(600, 601, Read("0-7", 14))).verdict is BAD
