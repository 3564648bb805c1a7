"""How far a rollout is: counted against what its strategy is to bring about, and no more."""

from __future__ import annotations

import pytest

from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.state_metrics.rollouts import of_daemon_set, of_stateful_set


def a_set(
    replicas: int, updated: int, *, partition: int = 0, start: int = 0, kind: str = "RollingUpdate"
) -> StatefulSet:
    owner = StatefulSet()
    owner.spec.replicas = replicas
    owner.spec.update_strategy.type = kind
    owner.spec.update_strategy.rolling_update.partition = partition
    if start:
        owner.spec.ordinals.start = start
    owner.status.updated_replicas = updated
    return owner


@pytest.mark.parametrize(
    ("owner", "desired", "updated"),
    [
        (a_set(5, 2), 5, 2),
        (a_set(5, 2, partition=3), 2, 2),
        (a_set(5, 5, partition=3), 2, 2),
        (a_set(5, 0, partition=9), 0, 0),
        (a_set(5, 1, partition=2, start=10), 3, 1),
        (a_set(5, 0, partition=12, start=10), 0, 0),
        (a_set(5, 1, kind="OnDelete"), 0, 0),
    ],
)
def test_pods_below_the_partition_do_not_count(owner: StatefulSet, desired: int, updated: int) -> None:
    rollout = of_stateful_set(owner, [])
    assert (rollout.desired, rollout.updated) == (desired, updated)


@pytest.mark.parametrize(("kind", "desired"), [("RollingUpdate", 4), ("OnDelete", 0)])
def test_a_daemon_set_rolls_on_every_node_that_it_should_be_on(kind: str, desired: int) -> None:
    owner = DaemonSet()
    owner.spec.update_strategy.type = kind
    owner.status.desired_number_scheduled = 4
    owner.status.updated_number_scheduled = 3
    rollout = of_daemon_set(owner, [])
    assert (rollout.desired, rollout.updated) == (desired, min(desired, 3))
