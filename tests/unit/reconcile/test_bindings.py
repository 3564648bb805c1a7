"""That a pod gets its node gives the set that made it no cause for a look, and any other change of it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.daemonset.controller import WATCHED_KINDS as OF_DAEMON_SETS
from statefleet.daemonset.controller import DaemonSetController
from statefleet.objects.kinds import POD
from statefleet.objects.meta import controller_reference
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import Controller
from statefleet.reconcile.events import EventSink
from statefleet.reconcile.keys import Key
from statefleet.statefulset.controller import WATCHED_KINDS as OF_STATEFUL_SETS
from statefleet.statefulset.controller import StatefulSetController
from support.daemon_objects import copy_of, daemon_set
from support.fleet_objects import pod, stateful_set
from support.stores import ManualClock
from support.worker_fleet import WorkerFleet


class Bench:
    """A controller that has nothing to do, and a pod of its set's."""

    def __init__(self, owner: Any, make: Callable[..., Controller], kinds: Any) -> None:
        cache, events = Cache(WorkerFleet(), kinds, ManualClock()), EventSink(WorkerFleet(), ManualClock())
        self._watches = [each for each in make(cache, events, ManualClock()).watches() if each.kind is POD]
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

    def concerned(self, before: Pod | None, after: Pod | None) -> set[Key]:
        return {key for watched in self._watches for key in watched.keys(before, after)}


@pytest.fixture(params=["StatefulSet", "DaemonSet"])
def bench(request: pytest.FixtureRequest) -> Bench:
    if request.param == "DaemonSet":
        return Bench(daemon_set(), DaemonSetController, OF_DAEMON_SETS)
    return Bench(stateful_set(), StatefulSetController, OF_STATEFUL_SETS)


def test_a_pod_that_gets_its_node_gives_no_cause_to_look(bench: Bench) -> None:
    assert bench.concerned(bench.unbound, bench.bound()) == set()


def test_one_that_comes_or_goes_does(bench: Bench) -> None:
    assert bench.concerned(None, bench.unbound) == bench.concerned(bench.bound(), None) == {bench.key}


def test_what_else_changes_does_too(bench: Bench) -> None:
    failed, renamed, ready = bench.bound(), bench.bound(), bench.bound()
    failed.status.phase = "Failed"
    renamed.metadata.labels["app"] = "another"
    ready.status.conditions.add(type="Ready", status="True")
    for after in (failed, renamed, ready):
        assert bench.concerned(bench.unbound, after) == bench.concerned(bench.bound(), after) == {bench.key}


def test_one_for_which_there_was_no_room_before_does_too(bench: Bench) -> None:
    crowded = copy_of(bench.unbound)
    crowded.status.conditions.add(type="PodScheduled", status="False", reason="Unschedulable")
    assert bench.concerned(crowded, bench.bound()) == {bench.key}
