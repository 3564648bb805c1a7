"""History: the oldest idle revisions go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from statefleet.reconcile.history import RevisionView
from statefleet.statefulset.plan import plan
from support.set_sketch import observed, sketch_plan

ROWS: list[tuple[str, str, str, dict[str, Any], str]] = [
    ("none beyond the limit", "E+", "ABCE", {"history_limit": 3}, ""),
    ("the oldest beyond it", "E+", "ABCDE", {"history_limit": 3}, "cut A"),
    ("those in use do not count", "E+", "ABCE", {"history_limit": 2}, "cut A"),
    ("all but those in use", "E+", "ABCDE", {"history_limit": 0}, "cut A, cut B, cut C, cut D"),
    ("those of pods stay", "A+ E+", "ABCDE", {"history_limit": 1, "on_delete": True}, "cut B, cut C"),
    ("those of pods beyond the set stay", "E+ A/", "ABDE", {"history_limit": 0, "replicas": 1}, "cut B, cut D"),
]


@pytest.mark.surface("revisions.limit")
@pytest.mark.parametrize(
    ("sketch", "revisions", "spec", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_history(sketch: str, revisions: str, spec: dict[str, Any], expected: str) -> None:
    views = tuple(RevisionView(name, name) for name in revisions)
    assert sketch_plan(plan(replace(observed(sketch, "EE", **spec), revisions=views))) == expected


def test_what_the_stored_status_names_stays() -> None:
    seen = observed("C+", "CC", history_limit=0)
    views = tuple(RevisionView(name, name) for name in "ABC")
    assert sketch_plan(plan(replace(seen, revisions=views, spared=frozenset("B")))) == "cut A"
    assert sketch_plan(plan(replace(seen, revisions=views, settled=False))) == ""
