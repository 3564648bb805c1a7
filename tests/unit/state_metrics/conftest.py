"""A small fleet and the exposition of its metrics."""

from __future__ import annotations

import pytest

from statefleet.state_metrics.exposition import StateExposition
from support.held_objects import HeldObjects
from support.small_fleet import small_fleet


@pytest.fixture
def held() -> HeldObjects:
    return HeldObjects(small_fleet())


@pytest.fixture
def exposition(held: HeldObjects) -> StateExposition:
    return StateExposition(held, lambda _: True)  # type: ignore[arg-type]
