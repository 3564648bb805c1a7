"""Rolling updates: which nodes are next, within what budget."""

from __future__ import annotations

from typing import Any

import pytest

from statefleet.daemonset.actions import DeletePod
from statefleet.daemonset.plan import plan
from statefleet.reconcile.bounds import Bound
from support.daemon_sketch import observed, sketch_plan

TWO: dict[str, Any] = {"max_unavailable": Bound(2)}
HALF: dict[str, Any] = {"max_unavailable": Bound(50, percent=True)}
SURGE: dict[str, Any] = {"max_unavailable": Bound(0), "max_surge": Bound(1)}
TWO_SURGES: dict[str, Any] = {"max_unavailable": Bound(0), "max_surge": Bound(2)}

ROWS: list[tuple[str, str, dict[str, Any], str]] = [
    ("one at a time", "A+ A+ A+", {}, "-1A outdated"),
    ("two at a time", "A+ A+ A+", TWO, "-1A outdated, -2A outdated"),
    ("half of them, rounded up", "A+ A+ A+", HALF, "-1A outdated, -2A outdated"),
    ("half of those that should have one", "A+ (A+) (A+) (A+)", HALF, "-1A outdated"),
    ("none by itself under OnDelete", "A+ A! A~", {"on_delete": True}, ""),
    ("nodes that would not get another are left alone", "(A+) (A!) B+", {}, ""),
    ("not while one is on its way out", "A/ A+ A+", {}, ""),
    ("nor while one is on its way up", "B. A+ A+", {}, ""),
    ("nor while one is missing", "- A+ A+", {}, "+1"),
    ("nor while one does not come up", "B! A+ A+", {}, ""),
    ("nor while one has ceased to serve", "B~ A+ A+", {}, ""),
    ("nor before it is available", "B+3 A+ A+", {"min_ready_seconds": 5}, ""),
    ("on when it is", "B+5 A+ A+", {"min_ready_seconds": 5}, "-2A outdated"),
    ("as far as there is room", "B. A+ A+", TWO, "-2A outdated"),
    ("nodes that are set aside take no room", "(B.) [-] A+", {}, "-3A outdated"),
    ("what does not serve goes first", "A+ A~ A+", {}, "-2A unready"),
    ("and counts", "A+ A~ A+ A+", TWO, "-1A outdated, -2A unready"),
    ("what keeps crashing before the others", "A~ A% A+", {}, "-2A unready"),
    ("what is not available yet counts as not serving", "A+ A+3", {"min_ready_seconds": 5}, "-2A unready"),
    ("what may recover is kept from an update that has yet to come up", "B! A~ A+", {}, ""),
    ("what was never ready goes whatever the budget", "A! A. A! A+", {}, "-1A broken, -2A broken, -3A broken"),
    ("but counts in it", "A! A+ A+", TWO, "-1A broken, -2A outdated"),
    ("also when it is not the last revision that broke", "C! A+ A+", {}, "-1C broken"),
    ("surge: a second pod first", "A+ A+", SURGE, "+1"),
    ("surge: two", "A+ A+ A+", TWO_SURGES, "+1, +2"),
    ("surge: not on while it comes up", "A+&B. A+", SURGE, ""),
    ("surge: nor while it does not", "A+&B! A+", SURGE, ""),
    ("surge: the old one goes when it is available", "A+&B+ A+", SURGE, "-1A outdated, +2"),
    ("surge: not before", "A+&B+2 A+", {**SURGE, "min_ready_seconds": 5}, ""),
    ("surge: an old one that may recover is kept", "A~&B. A+", SURGE, ""),
    ("surge: one that may not is not", "A%&B. C!&B.", SURGE, "-1A broken, -2C broken"),
    ("surge: what does not serve goes first", "A+ A~", SURGE, "+2"),
    ("surge: what was never ready goes whatever the budget", "A! A! A+", SURGE, "+1, +2"),
    ("surge: there must be room for it", "A/&A+ A+", SURGE, ""),
    ("surge: a new pod alone that does not come up stops it", "B! A+", SURGE, ""),
]


@pytest.mark.surface("D1.max-unavailable", "D1.rounding", "D1.unavailable-first", "D1.surge", "D1.on-delete")
@pytest.mark.parametrize(("sketch", "spec", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_update(sketch: str, spec: dict[str, Any], expected: str) -> None:
    assert sketch_plan(plan(observed(sketch, **spec))) == expected


@pytest.mark.surface("D1.rounding")
def test_a_budget_is_never_less_than_one() -> None:
    assert sketch_plan(plan(observed("A+ A+", max_unavailable=Bound(0)))) == "-1A outdated"
    assert sketch_plan(plan(observed("A+ A+", max_unavailable=Bound(1, percent=True)))) == "-1A outdated"


def test_only_what_still_looks_so_is_deleted_for_not_serving() -> None:
    actions = plan(observed("A! A~ A+", max_unavailable=Bound(3))).actions
    assert [(action.reason, action.only_unchanged) for action in actions if isinstance(action, DeletePod)] == [
        ("broken", True),
        ("unready", True),
        ("outdated", False),
    ]
