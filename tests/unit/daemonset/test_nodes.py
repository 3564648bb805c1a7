"""What a node gets for itself: a pod where one is wanted, none where it is not, and no more than one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from statefleet.daemonset.actions import CreatePod
from statefleet.daemonset.plan import plan
from statefleet.daemonset.standing import Judge
from statefleet.daemonset.views import Fit, NodeView, SetView
from statefleet.reconcile.bounds import Bound
from support.daemon_sketch import NOW, observed, pod, sketch_plan

SURGE: dict[str, Any] = {"max_unavailable": Bound(0), "max_surge": Bound(1)}

ROWS: list[tuple[str, str, dict[str, Any], str]] = [
    ("a pod on every node", "- - -", {}, "+1, +2, +3"),
    ("whatever the budget and the strategy", "- - -", {"on_delete": True}, "+1, +2, +3"),
    ("nothing to do", "B+ B. B:", {}, ""),
    ("none on a node with a taint that only repels", "(-)", {}, ""),
    ("what is there stays", "(B+) (A+) (A!)", {}, ""),
    ("none on a node that it does not fit", "[-]", {}, ""),
    ("what is there goes", "[B+] [A+&B.]", {}, "-1B misplaced, -2A misplaced, -2B misplaced"),
    ("once", "[B/]", {}, ""),
    ("pods of a node that went are others' to judge", "{B+}", {}, ""),
    ("but for those that cannot be bound any more", "{B:}", {}, "-1B misplaced"),
    ("a pod on its way out is waited for", "B/", {}, ""),
    ("failed pods go", "Bx Ax", {}, "-1B failed, -2A failed"),
    ("and such that ended well", "B0", {}, "-1B succeeded"),
    ("and such on nodes that take no new ones", "(Bx)", {}, "-1B failed"),
    ("of two pods the older stays", "B+&B+", {}, "-1B surplus"),
    ("of two pods the one that serves stays", "A+&B.", {}, "-1B surplus"),
    ("of two that serve the updated one", "A+&B+", {}, "-1A surplus"),
    ("of two that do not the updated one", "A~&B.", {}, "-1A surplus"),
    ("while surging there may be two", "A+&B.", SURGE, ""),
    ("but not three", "A+&A+&B.", SURGE, "-1A surplus"),
    ("while surging a new pod comes beside one on its way out", "B/", SURGE, "+1"),
    ("but not beside two", "A/&B/", SURGE, ""),
    ("nor beside one that failed", "Bx", SURGE, "-1B failed"),
]


@pytest.mark.surface("D1.two-pods", "D2.no-execute", "D2.no-schedule")
@pytest.mark.parametrize(("sketch", "spec", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_nodes(sketch: str, spec: dict[str, Any], expected: str) -> None:
    assert sketch_plan(plan(observed(sketch, **spec))) == expected


def judged(node: NodeView, now: float = NOW, **spec: Any) -> Any:
    return Judge(SetView("agent", **spec), "B", now).judge(node)


def failing(revision: str = "B") -> NodeView:
    failed = pod("n1", f"{revision}x")
    return NodeView("n1", Fit.WANTED, {failed.name: failed}, patience=NOW + 4)


@pytest.mark.surface("D2.failed-pods")
def test_a_node_where_pods_fail_again_and_again_is_given_time() -> None:
    standing = judged(failing())
    assert (standing.moves, standing.changes_at) == ((), NOW + 4)
    assert [move.reason for move in judged(failing(), NOW + 4).moves] == ["failed"]


def test_what_an_update_replaces_anyway_is_not() -> None:
    assert [move.reason for move in judged(failing("A")).moves] == ["failed"]


def test_the_next_pod_knows_which_it_replaces() -> None:
    assert judged(NodeView("n1", Fit.WANTED, last="uid-old")).moves == (CreatePod("n1", "uid-old"),)
    leaving, outdated = pod("n1", "B/"), pod("n1", "A+")
    standing = judged(NodeView("n1", Fit.WANTED, {leaving.name: leaving}), **SURGE)
    assert standing.moves == (CreatePod("n1", leaving.uid),)
    standing = judged(NodeView("n1", Fit.WANTED, {outdated.name: outdated}), **SURGE)
    assert standing.step == CreatePod("n1", outdated.uid)


@pytest.mark.surface("D2.bursts")
def test_pods_are_made_in_bursts() -> None:
    step = plan(observed(" ".join(["-"] * 600)))
    assert [type(action) for action in step.actions] == [CreatePod] * 250
    assert step.look_again_in == 0
    assert plan(observed(" ".join(["-"] * 250))).look_again_in is None
    mixed = plan(observed(" ".join(["-", "[A+]"] * 300)))
    assert len(mixed.actions) == 2 * 250


def test_time_alone_makes_a_pod_available() -> None:
    seen = observed("B+7 B+2 A+", min_ready_seconds=10)
    assert plan(seen).look_again_in == 3
    assert plan(observed("B+7", min_ready_seconds=7)).look_again_in is None
    seen.roster.settle(seen.set, "B", NOW + 3)
    assert plan(replace(seen, now=NOW + 3)).look_again_in == 5


def test_without_min_ready_seconds_a_clock_that_is_ahead_does_no_harm() -> None:
    ready = replace(pod("n1", "B+"), ready_since=NOW + 60)
    standing = judged(NodeView("n1", Fit.WANTED, {ready.name: ready}))
    assert (standing.counts.available, standing.changes_at) == (1, float("inf"))
