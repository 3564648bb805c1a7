"""History: the oldest idle revisions go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from statefleet.daemonset.plan import plan
from statefleet.reconcile.history import RevisionView
from support.daemon_sketch import observed, sketch_plan

ROWS: list[tuple[str, str, str, dict[str, Any], str]] = [
    ("none beyond the limit", "E+", "ABCE", {"history_limit": 3}, ""),
    ("the oldest beyond it", "E+", "ABCDE", {"history_limit": 3}, "cut A"),
    ("all but those in use", "E+", "ABCE", {"history_limit": 0}, "cut A, cut B, cut C"),
    ("those of pods neither go nor count", "A+ E+", "ABCDE", {"history_limit": 1, "on_delete": True}, "cut B, cut C"),
    ("nor those of pods where none should be", "(A+) E+", "ABE", {"history_limit": 0}, "cut B"),
    ("nor the update revision before any pod has it", "", "ABE", {"history_limit": 0}, "cut A, cut B"),
]


@pytest.mark.surface("revisions.limit")
@pytest.mark.parametrize(
    ("sketch", "revisions", "spec", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_history(sketch: str, revisions: str, spec: dict[str, Any], expected: str) -> None:
    views = tuple(RevisionView(name, name) for name in revisions)
    assert sketch_plan(plan(replace(observed(sketch, "E", **spec), revisions=views))) == expected
