"""OrderedReady: one thing a pass, in order."""

from __future__ import annotations

from typing import Any

import pytest

from statefleet.statefulset.plan import plan
from support.set_sketch import observed, sketch_plan

SCALING: list[tuple[str, str, str, dict[str, Any]]] = [
    ("the lowest missing pod comes first", "- - -", "+0A", {}),
    ("the next one when the one before is Ready", "A+ - -", "+1A", {}),
    ("a starting pod is waited for", "A. - -", "", {}),
    ("a pending pod is waited for", "A: - -", "", {}),
    ("a pod that lost its readiness is waited for", "A+ A~ -", "", {}),
    ("a hole is filled before the top grows", "A+ - A+ -", "+1A", {}),
    ("a terminating pod is waited for", "A/ - -", "", {}),
    ("a failed pod is deleted", "A+ Ax A+", "-1 failed", {}),
    ("so is one that succeeded", "A+ A0 A+", "-1 failed", {}),
    ("one failed pod a pass, the lowest first", "Ax Ax A+", "-0 failed", {}),
    ("a failed pod behind one that starts waits", "A. Ax A+", "", {}),
    ("the highest goes first when scaled down", "A+ A+ A+ A+", "-3 scaled down", {"replicas": 2}),
    ("the next when it is gone", "A+ A+ A+", "-2 scaled down", {"replicas": 2}),
    ("but not while it terminates", "A+ A+ A+ A/", "", {"replicas": 2}),
    ("nor while one that stays is not Ready", "A. A+ A+ A+", "", {"replicas": 2}),
    ("an unready one that goes is waited for where a lower one is down too", "A+ A~ A~", "", {"replicas": 1}),
    ("and not where it alone is down", "A+ A+ A~", "-2 scaled down", {"replicas": 1}),
    ("nor where it is stuck", "A+ A! A!", "-2 scaled down", {"replicas": 1}),
    ("nor where it has ended", "A+ A~ Ax", "-2 scaled down", {"replicas": 1}),
    ("to nothing", "A+", "-0 scaled down", {"replicas": 0}),
    ("ordinals begin where they should", "- -", "+5A", {"start": 5}),
    ("all is well", "A+ A+ A+", "", {}),
]


@pytest.mark.surface("S1.scale-down-first", "S3.ended-pods", "S5.start", "S4.identity")
@pytest.mark.parametrize(
    ("sketch", "expected", "spec"), [row[1:] for row in SCALING], ids=[row[0] for row in SCALING]
)
def test_scaling(sketch: str, expected: str, spec: dict[str, Any]) -> None:
    assert sketch_plan(plan(observed(sketch, **spec))) == expected


UPDATING: list[tuple[str, str, str, str, dict[str, Any]]] = [
    ("the highest outdated pod goes first", "A+ A+ A+", "AB", "-2 outdated", {}),
    ("then comes back updated", "A+ A+ -", "AB", "+2B", {}),
    ("and is waited for", "A+ A+ B.", "AB", "", {}),
    ("before the next", "A+ A+ B+", "AB", "-1 outdated", {}),
    ("down to the partition", "A+ A+ B+", "AB", "", {"partition": 2}),
    ("a partition above all updates none", "A+ A+ A+", "AB", "", {"partition": 9}),
    ("a pod below the partition comes back as it was", "- A+ B+", "AB", "+0A", {"partition": 2}),
    ("one above it comes back updated", "A+ - A+", "AB", "+1B", {"partition": 1}),
    ("scaling down goes first", "A+ A+ A+", "AB", "-2 scaled down", {"replicas": 2}),
    ("scaling up goes first, at the update revision", "A+ A+ -", "AB", "+2B", {}),
    ("an unavailable pod stops it", "A~ A+ A+", "AB", "", {}),
    ("a missing pod stops it", "A+ - A+", "AB", "+1B", {}),
    ("a terminating pod stops it", "A/ A+ A+", "AB", "", {}),
    ("a pod that is not available yet stops it", "A+5 A+ A+", "AB", "", {"min_ready_seconds": 30}),
    ("several at once where allowed", "A+ A+ A+ A+", "AB", "-3 outdated, -2 outdated", {"max_unavailable": 2}),
    ("all of them back before the next ones", "A+ A+ B+ B.", "AB", "", {"max_unavailable": 2}),
    ("OnDelete touches none", "A+ A+ A+", "AB", "", {"on_delete": True}),
    ("OnDelete makes the deleted ones anew, updated", "A+ - A+", "AB", "+1B", {"on_delete": True}),
    ("partition is counted from the start", "A+ A+ A+", "AB", "", {"partition": 3, "start": 10}),
    ("and so are the ordinals", "A+ A+ A+", "AB", "-12 outdated", {"partition": 2, "start": 10}),
    ("null rollingUpdate updates all", "A+ A+ A+", "AB", "-2 outdated", {"partition": None}),
    ("null rollingUpdate keeps the lower ones as they were", "- A+ B+", "AB", "+0A", {"partition": None}),
    ("null rollingUpdate makes the upper ones updated", "A+ - B+", "AB", "+1B", {"partition": None}),
    ("null rollingUpdate counts from the start", "- A+ B+", "AB", "+10A", {"partition": None, "start": 10}),
    ("a rollback in the middle goes back from the top", "A+ A+ B+", "AA", "-2 outdated", {}),
]


@pytest.mark.surface(
    "S1.order",
    "S1.partition",
    "S1.stops",
    "S1.scale-down-first",
    "S1.below-partition",
    "S1.null-rolling-update",
    "S2.max-unavailable",
    "S7.on-delete",
)
@pytest.mark.parametrize(
    ("sketch", "revisions", "expected", "spec"), [row[1:] for row in UPDATING], ids=[row[0] for row in UPDATING]
)
def test_updating(sketch: str, revisions: str, expected: str, spec: dict[str, Any]) -> None:
    assert sketch_plan(plan(observed(sketch, revisions, **spec))) == expected


BROKEN: list[tuple[str, str, str, str, dict[str, Any]]] = [
    ("a rollback replaces the pod that got stuck", "A+ A+ B!", "AA", "-2 broken", {}),
    ("so does another update", "A+ A+ B!", "AC", "-2 broken", {}),
    ("it does so before anything else", "A. A+ B! -", "AC", "-2 broken", {}),
    ("the highest first", "A+ B! B!", "AC", "-2 broken", {}),
    ("the next while the first terminates", "A+ B! B/", "AC", "-1 broken", {}),
    ("then what is missing comes back, the lowest first", "A+ - -", "AC", "+1C", {}),
    ("a whole set that never came up", "B! -", "BC", "-0 broken", {}),
    ("a stuck pod at its own revision is waited for", "A+ A+ B!", "AB", "", {}),
    ("a pod that is only starting is waited for", "A+ A+ B.", "AC", "", {}),
    ("one that was Ready is waited for", "A+ A+ B~", "AC", "", {}),
    ("below the partition the current revision is the one to be at", "A+ B! B+", "AB", "-1 broken", {"partition": 2}),
    ("and a pod that is at it is not broken", "A+ A! B+", "AB", "", {"partition": 2}),
    ("a failed one counts too", "A+ A+ Bx", "AA", "-2 broken", {}),
    ("a terminating one is on its way already", "A+ A+ B/", "AA", "", {}),
    ("OnDelete leaves it to its owner", "A+ A+ B!", "AA", "", {"on_delete": True}),
    ("null rollingUpdate: at what would come back it stays", "A! A+ A+", "AC", "", {"partition": None}),
    ("null rollingUpdate: else it is replaced", "A! A! A!", "AC", "-2 broken", {"partition": None}),
]


@pytest.mark.surface("S1.broken-first")
@pytest.mark.parametrize(
    ("sketch", "revisions", "expected", "spec"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
def test_broken_pods(sketch: str, revisions: str, expected: str, spec: dict[str, Any]) -> None:
    assert sketch_plan(plan(observed(sketch, revisions, **spec))) == expected


@pytest.mark.surface("S3.min-ready")
def test_min_ready_seconds_gate_the_next_pod() -> None:
    step = plan(observed("A+10 -", min_ready_seconds=30))
    assert (step.actions, step.look_again_in) == ((), 20.0)
    assert [str(wait.reason) for wait in step.waiting_for] == ["become available"]
    assert sketch_plan(plan(observed("A+30 -", min_ready_seconds=30))) == "+1A"


@pytest.mark.surface("S3.min-ready")
def test_min_ready_seconds_gate_scaling_down() -> None:
    assert sketch_plan(plan(observed("A+ A+5 A+5", replicas=1, min_ready_seconds=30))) == ""
    assert sketch_plan(plan(observed("A+ A+ A+5", replicas=1, min_ready_seconds=30))) == "-2 scaled down"


def test_the_soonest_availability_is_when_to_look_again() -> None:
    assert plan(observed("A+10 A+25 A.", min_ready_seconds=30)).look_again_in == 5.0
    assert plan(observed("A+ A+", min_ready_seconds=30)).look_again_in is None


def test_without_min_ready_seconds_a_node_whose_clock_is_ahead_holds_nothing_up() -> None:
    ahead = observed("A+-5 -")
    assert sketch_plan(plan(ahead)) == "+1A"
    assert plan(ahead).status.available_replicas == 1


def test_a_set_being_deleted_is_only_counted() -> None:
    step = plan(observed("A+ - Ax", "AB", deleting=True))
    assert step.actions == ()
    assert step.status.replicas == 2
