"""Which changes of a pod or a set give cause for a look at the set, and how long that may wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.daemonset.controller import WATCHED_KINDS as OF_DAEMON_SETS
from statefleet.daemonset.controller import DaemonSetController
from statefleet.objects.kinds import POD, kind_of
from statefleet.objects.meta import controller_reference
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import STATUS_ONLY_SECONDS, Controller
from statefleet.reconcile.events import EventSink
from statefleet.reconcile.keys import Key
from statefleet.statefulset.controller import WATCHED_KINDS as OF_STATEFUL_SETS
from statefleet.statefulset.controller import StatefulSetController
from support.daemon_objects import copy_of, daemon_set
from support.fleet_objects import pod, stateful_set
from support.stores import ManualClock
from support.unplaced import Unplaced
from support.worker_fleet import WorkerFleet


class Bench:
    """A controller that has nothing to do, and a pod of its set's."""

    def __init__(self, owner: Any, make: Callable[..., Controller], kinds: Any) -> None:
        cache, events = Cache(WorkerFleet(), kinds, ManualClock()), EventSink(WorkerFleet(), ManualClock())
        watches = make(cache, events, Unplaced(), ManualClock()).watches()
        self._watches = [each for each in watches if each.kind is POD]
        (self._itself,) = (each for each in watches if each.kind is kind_of(owner))
        self.owner = owner
        self.key = Key("default", owner.metadata.name)
        self.unbound = pod(f"{owner.metadata.name}-0")
        self.unbound.metadata.owner_references.append(controller_reference(owner))
        self.unbound.metadata.resource_version = "7"

    def bound(self) -> Pod:
        message: Pod = copy_of(self.unbound)
        message.metadata.resource_version = "8"
        message.spec.node_name = "n1"
        message.status.conditions.add(type="PodScheduled", status="True")
        return message

    def concerned(self, before: Pod | None, after: Pod | None) -> dict[Key, float]:
        """Return the keys that need a look, each with the seconds that it may wait."""
        found: dict[Key, float] = {}
        for watched in self._watches:
            delay = watched.delay(before, after)
            found |= {key: delay for key in watched.keys(before, after) if delay is not None}
        return found

    def delay(self, after: Any) -> float | None:
        """Return the seconds that a look may wait when the set itself has changed."""
        return self._itself.delay(self.owner, after)


@pytest.fixture(params=["StatefulSet", "DaemonSet"])
def bench(request: pytest.FixtureRequest) -> Bench:
    if request.param == "DaemonSet":
        return Bench(daemon_set(), DaemonSetController, OF_DAEMON_SETS)
    return Bench(stateful_set(), StatefulSetController, OF_STATEFUL_SETS)


def test_a_pod_that_gets_its_node_gives_no_cause_to_look(bench: Bench) -> None:
    assert bench.concerned(bench.unbound, bench.bound()) == {}


def test_one_that_comes_or_is_told_to_go_gives_cause_for_a_new_status_alone(bench: Bench) -> None:
    told = bench.bound()
    told.metadata.deletion_timestamp.seconds = 1
    assert bench.concerned(None, bench.unbound) == {bench.key: STATUS_ONLY_SECONDS}
    assert bench.concerned(bench.bound(), told) == {bench.key: STATUS_ONLY_SECONDS}


def test_one_that_is_gone_gives_cause_at_once(bench: Bench) -> None:
    assert bench.concerned(bench.bound(), None) == {bench.key: 0.0}


def test_what_else_changes_does_too(bench: Bench) -> None:
    failed, renamed, ready = bench.bound(), bench.bound(), bench.bound()
    failed.status.phase = "Failed"
    renamed.metadata.labels["app"] = "another"
    ready.status.conditions.add(type="Ready", status="True")
    for after in (failed, renamed, ready):
        assert bench.concerned(bench.unbound, after) == bench.concerned(bench.bound(), after) == {bench.key: 0.0}


def test_one_for_which_there_was_no_room_before_does_too(bench: Bench) -> None:
    crowded = copy_of(bench.unbound)
    crowded.status.conditions.add(type="PodScheduled", status="False", reason="Unschedulable")
    assert bench.concerned(crowded, bench.bound()) == {bench.key: 0.0}


def test_a_set_is_looked_at_at_once_when_it_is_declared_anew_and_else_for_a_new_status_alone(bench: Bench) -> None:
    status, declared, leaving = copy_of(bench.owner), copy_of(bench.owner), copy_of(bench.owner)
    status.status.observed_generation = 1
    declared.metadata.generation += 1
    leaving.metadata.deletion_timestamp.seconds = 1
    assert bench.delay(status) == STATUS_ONLY_SECONDS
    assert bench.delay(declared) == bench.delay(leaving) == bench.delay(None) == 0.0
