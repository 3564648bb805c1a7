"""Parallel: everything at once, but for the budget of an update."""

from __future__ import annotations

from typing import Any

import pytest

from statefleet.statefulset.plan import plan
from support.set_sketch import observed, sketch_plan

ROWS: list[tuple[str, str, str, str, dict[str, Any]]] = [
    ("all pods are made at once", "- - -", "AA", "+0A, +1A, +2A", {}),
    ("whatever the others do", "A. - Ax", "AA", "+1A, -2 failed", {}),
    ("one that succeeded is deleted too", "A+ A0", "AA", "-1 failed", {}),
    ("one that failed and terminates is waited for", "A+ A/", "AA", "", {}),
    ("all surplus pods go at once", "A+ A+ A. A/", "AA", "-2 scaled down, -1 scaled down", {"replicas": 1}),
    ("making, removing and updating go together", "A+ - A+ A+", "AB", "+1B, -3 scaled down", {"replicas": 3}),
    ("an update takes the highest available pod", "A+ A+ A+", "AB", "-2 outdated", {}),
    ("and waits for it", "A+ A+ -", "AB", "+2B", {}),
    ("while it starts", "A+ A+ B.", "AB", "", {}),
    ("as many as allowed", "A+ A+ A+ A+", "AB", "-3 outdated, -2 outdated", {"max_unavailable": 2}),
    ("those already down count", "A+ A+ A+ B.", "AB", "-2 outdated", {"max_unavailable": 2}),
    ("those below the partition count", "A. A+ A+", "AB", "", {"partition": 1}),
    ("down to the partition", "A+ B+ B+", "AB", "", {"partition": 1}),
    ("below the partition they come back as they were", "- B+ B+", "AB", "+0A", {"partition": 1}),
    ("OnDelete touches none", "A+ A~ A+", "AB", "", {"on_delete": True}),
    ("broken pods come first", "A+ A+ B!", "AC", "-2 broken", {}),
    ("wherever they are", "B! A+ A+", "AC", "-0 broken", {}),
    ("within the budget, the highest first", "B! B! B!", "BC", "-2 broken", {}),
    ("a larger budget replaces more", "B! B! B!", "BC", "-2 broken, -1 broken", {"max_unavailable": 2}),
    ("the ones being replaced use it up", "B! B! C.", "BC", "", {}),
    ("what is left of it goes to available pods", "A+ A+ B!", "AC", "-2 broken, -1 outdated", {"max_unavailable": 2}),
    ("one that was Ready and is not goes before those that are", "A~ A+ A+", "AB", "-0 unready", {}),
    ("but after broken ones", "A~ A+ B!", "AC", "-2 broken", {}),
    ("a pod that is only starting is waited for", "A+ A+ B.", "AC", "", {}),
    ("a stuck pod at its own revision stops the update", "A+ A+ B!", "AB", "", {}),
    ("a rollback heals it and no Ready pod is touched", "A+ A+ B!", "AA", "-2 broken", {}),
    ("a failed broken pod is replaced once", "A+ A+ Bx", "AA", "-2 failed", {}),
    ("a failed pod uses the budget", "A+ A+ Ax", "AB", "-2 failed", {}),
    ("a failed pod uses the budget of broken ones", "B! A+ Ax", "AC", "-2 failed", {}),
    (
        "below the partition a pod at the update revision that is stuck goes back",
        "B! B+",
        "AB",
        "-0 broken",
        {"partition": 1},
    ),
]


@pytest.mark.surface(
    "S1.order",
    "S1.partition",
    "S1.below-partition",
    "S2.max-unavailable",
    "S2.down-first",
    "S3.ended-pods",
    "S7.on-delete",
    "S3.all-at-once",
    "S4.identity",
)
@pytest.mark.parametrize(
    ("sketch", "revisions", "expected", "spec"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_parallel(sketch: str, revisions: str, expected: str, spec: dict[str, Any]) -> None:
    assert sketch_plan(plan(observed(sketch, revisions, parallel=True, **spec))) == expected


@pytest.mark.surface("S3.min-ready")
def test_pods_not_ready_for_long_enough_count_as_down() -> None:
    young = observed("A+ A+ B+5", "AB", parallel=True, min_ready_seconds=30)
    assert sketch_plan(plan(young)) == ""
    assert plan(young).look_again_in == 25.0
    old = observed("A+ A+ B+30", "AB", parallel=True, min_ready_seconds=30)
    assert sketch_plan(plan(old)) == "-1 outdated"


def test_a_ready_pod_that_is_not_available_yet_is_not_replaced_early() -> None:
    assert sketch_plan(plan(observed("A+5 A+ A+", "AB", parallel=True, min_ready_seconds=30))) == ""


def test_a_ready_pod_that_is_not_available_yet_is_replaced_in_its_turn_at_no_cost() -> None:
    seen = observed("A+ A+5 A+", "AB", parallel=True, min_ready_seconds=30, max_unavailable=2)
    assert sketch_plan(plan(seen)) == "-2 outdated, -1 outdated"
    assert sketch_plan(plan(observed("A+ A+ A+5", "AB", parallel=True, min_ready_seconds=30))) == "-2 outdated"


def test_no_more_pods_that_are_not_available_yet_go_at_once_than_may_be_down() -> None:
    seen = observed("A+5 A+5 A+5", "AB", parallel=True, min_ready_seconds=30)
    assert sketch_plan(plan(seen)) == "-2 outdated"
    assert sketch_plan(plan(observed("A+5 A+5 B.", "AB", parallel=True, min_ready_seconds=30))) == ""
    more = observed("A+5 A+5 B+5 A+5", "AB", parallel=True, min_ready_seconds=30, max_unavailable=2)
    assert sketch_plan(plan(more)) == "-3 outdated"


def test_what_is_waited_for_is_told() -> None:
    step = plan(observed("A. A/ A+5", parallel=True, min_ready_seconds=30))
    assert [(wait.pod, wait.reason) for wait in step.waiting_for] == [
        ("web-0", "become ready"),
        ("web-1", "terminate"),
        ("web-2", "become available"),
    ]
