"""The status: what the nodes make true, counted as Kubernetes counts."""

from __future__ import annotations

from typing import Any

import pytest

from statefleet.daemonset.plan import plan
from statefleet.reconcile.bounds import Bound
from support.daemon_sketch import observed

SURGE: dict[str, Any] = {"max_unavailable": Bound(0), "max_surge": Bound(1)}

# The nodes, then: desired, current, updated, ready, available, unavailable, misscheduled.
ROWS: list[tuple[str, str, dict[str, Any], tuple[int, ...]]] = [
    ("none", "", {}, (0, 0, 0, 0, 0, 0, 0)),
    ("nodes without a pod", "- -", {}, (2, 0, 0, 0, 0, 2, 0)),
    ("updated and outdated", "A+ B+ B.", {}, (3, 3, 2, 2, 2, 1, 0)),
    ("ready is not available", "B+2 B+9", {"min_ready_seconds": 5}, (2, 2, 2, 2, 1, 1, 0)),
    ("on its way out counts as long as it serves", "A/", {}, (1, 1, 0, 1, 1, 0, 0)),
    ("where none should be", "(B+) [B+] [-] {B+}", {}, (0, 0, 0, 0, 0, 0, 2)),
    ("of two the oldest counts", "A+&B.", SURGE, (1, 1, 0, 1, 1, 0, 0)),
    ("also while it goes", "A/&B+", SURGE, (1, 1, 0, 1, 1, 0, 0)),
    ("one that is bound before one that is not", "A:&B+", SURGE, (1, 1, 1, 1, 1, 0, 0)),
]


@pytest.mark.surface("D4.counts", "D4.generation")
@pytest.mark.parametrize(("sketch", "spec", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_status(sketch: str, spec: dict[str, Any], expected: tuple[int, ...]) -> None:
    found = plan(observed(sketch, generation=7, **spec)).status
    assert found.observed_generation == 7
    assert (
        found.desired,
        found.current,
        found.updated,
        found.ready,
        found.available,
        found.unavailable,
        found.misscheduled,
    ) == expected
