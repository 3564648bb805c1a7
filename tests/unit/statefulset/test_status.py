"""What the status says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from statefleet.statefulset.plan import plan
from support.set_sketch import observed

ROWS: list[tuple[str, str, str, dict[str, Any], str]] = [
    # replicas/ready/available/current/updated and the two revisions
    ("nothing yet", "- -", "AA", {}, "0/0/0/0/0 AA"),
    ("all there", "A+ A+", "AA", {}, "2/2/2/2/2 AA"),
    ("in the middle of an update", "A+ A+ B+", "AB", {}, "3/3/3/2/1 AB"),
    ("the last one starting", "B. B+ B+", "AB", {}, "3/2/2/0/3 AB"),
    ("done: the update revision is the current one", "B+ B+ B+", "AB", {}, "3/3/3/3/3 BB"),
    ("not done while there is a pod too many", "B+ B+ B+", "AB", {"replicas": 2}, "3/3/3/0/3 AB"),
    ("nor while there is one too few", "B+ B+ -", "AB", {}, "2/2/2/0/2 AB"),
    ("done though not yet available", "B+1 B+1", "AB", {"min_ready_seconds": 30}, "2/2/0/2/2 BB"),
    ("a partition keeps two revisions", "A+ B+ B+", "AB", {"partition": 1}, "3/3/3/1/2 AB"),
    ("terminating pods are replicas, ready ones, but of no revision", "A+ A/", "AA", {}, "2/2/2/1/1 AA"),
    ("OnDelete is done likewise", "B+ B+", "AB", {"on_delete": True}, "2/2/2/2/2 BB"),
    ("OnDelete halfway", "A+ B+", "AB", {"on_delete": True}, "2/2/2/1/1 AB"),
    ("scaled to nothing", "", "AB", {}, "0/0/0/0/0 BB"),
]


@pytest.mark.surface("S3.available", "S7.status", "S8.counts", "S8.complete", "S8.observed")
@pytest.mark.parametrize(
    ("sketch", "revisions", "spec", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_status(sketch: str, revisions: str, spec: dict[str, Any], expected: str) -> None:
    status = plan(observed(sketch, revisions, generation=7, **spec)).status
    counts = (
        status.replicas,
        status.ready_replicas,
        status.available_replicas,
        status.current_replicas,
        status.updated_replicas,
    )
    assert "/".join(map(str, counts)) + " " + status.current_revision + status.update_revision == expected
    assert status.observed_generation == 7


@pytest.mark.surface("S8.observed")
def test_collisions_are_told() -> None:
    assert plan(replace(observed("A+"), collision_count=2)).status.collision_count == 2
