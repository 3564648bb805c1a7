"""What is read from objects."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.meta.v1.primitives_pb2 import IntOrString
from statefleet.daemonset.build import with_status
from statefleet.daemonset.observe import pod_view, read_set, revision_label, set_view, status_view
from statefleet.daemonset.views import Status
from statefleet.objects.times import to_time
from statefleet.reconcile.bounds import Bound
from support.daemon_objects import daemon_set, owned_pod
from support.fleet_objects import make_ready, make_stuck


@pytest.mark.surface("D1.max-unavailable")
def test_a_set_with_its_defaults() -> None:
    view = set_view(DaemonSet())
    assert (view.on_delete, view.surges, view.min_ready_seconds, view.history_limit) == (False, False, 0, 10)
    assert view.budget(100) == 1


def test_a_set_with_everything() -> None:
    message = daemon_set(min_ready_seconds=7, revision_history_limit=0)
    rolling = message.spec.update_strategy.rolling_update
    rolling.max_unavailable.int_val = 0
    rolling.max_surge.CopyFrom(IntOrString(type=1, str_val="15%"))
    view = set_view(message)
    assert (view.surges, view.pods_a_node, view.min_ready_seconds, view.history_limit) == (True, 2, 7, 0)
    assert view.budget(10) == 2
    message.spec.update_strategy.type = "OnDelete"
    assert (set_view(message).surges, set_view(message).pods_a_node) == (False, 1)


@pytest.mark.surface("D1.rounding")
@pytest.mark.parametrize(("percent", "nodes", "expected"), [(10, 100, 10), (10, 101, 11), (1, 1, 1), (100, 7, 7)])
def test_a_percentage_rounds_up(percent: int, nodes: int, expected: int) -> None:
    assert Bound(percent, percent=True).rounded_up(nodes) == expected


def test_the_fingerprint_changes_with_what_a_revision_is_made_from() -> None:
    first = read_set(daemon_set()).fingerprint

    def after(change: Callable[[DaemonSet], object]) -> bytes:
        message = daemon_set()
        change(message)
        return read_set(message).fingerprint

    assert after(lambda message: message.metadata.annotations.update(cause="x")) != first
    assert after(lambda message: message.spec.template.metadata.labels.update(version="2")) != first
    assert after(lambda message: setattr(message.spec, "min_ready_seconds", 9)) == first
    assert after(lambda message: setattr(message.status, "number_ready", 9)) == first


def test_a_pod_on_its_way() -> None:
    message = owned_pod(daemon_set(), "agent-x", app="agent", **{"controller-revision-hash": "abc"})
    message.metadata.creation_timestamp.CopyFrom(to_time(77))
    view = pod_view(message)
    assert (view.node, view.bound, view.revision, view.created) == ("", False, "abc", 77.0)
    assert (view.ready, view.was_ready, view.stuck, view.finished, view.terminating) == (False,) * 5


def test_a_pod_that_is_ready_and_one_that_was() -> None:
    message = owned_pod(daemon_set(), "agent-x", "n1")
    make_ready(message, now=1234.0)
    view = pod_view(message)
    assert (view.node, view.bound, view.ready, view.ready_since, view.was_ready) == ("n1", True, True, 1234.0, True)
    message.status.conditions[0].status = "False"
    view = pod_view(message)
    assert (view.ready, view.was_ready) == (False, True)


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CrashLoopBackOff"])
def test_a_pod_that_waits_in_vain_is_stuck(reason: str) -> None:
    message = owned_pod(daemon_set(), "agent-x", "n1")
    make_stuck(message, reason)
    assert pod_view(message).stuck


def test_a_pod_that_was_restarted_is_stuck_unless_it_serves() -> None:
    message = owned_pod(daemon_set(), "agent-x", "n1")
    message.status.container_statuses.add(name="c", restart_count=1)
    assert pod_view(message).stuck
    make_ready(message)
    assert not pod_view(message).stuck


def test_a_pod_for_which_there_is_no_room_is_stuck() -> None:
    message = owned_pod(daemon_set(), "agent-x")
    message.status.conditions.add(type="PodScheduled", status="False", reason="Unschedulable")
    assert pod_view(message).stuck


@pytest.mark.parametrize(("phase", "failed", "succeeded"), [("Failed", True, False), ("Succeeded", False, True)])
def test_a_pod_that_has_ended(phase: str, failed: bool, succeeded: bool) -> None:
    message = owned_pod(daemon_set(), "agent-x", "n1")
    message.status.phase = phase
    view = pod_view(message)
    assert (view.failed, view.succeeded, view.finished) == (failed, succeeded, True)


def test_pods_bear_the_hash_of_a_revision() -> None:
    message = ControllerRevision()
    message.metadata.name = "agent-c"
    message.metadata.labels["controller-revision-hash"] = "c"
    assert revision_label(message) == "c"


def test_a_status_is_read_as_it_was_written() -> None:
    status = Status(3, desired=5, current=4, updated=3, ready=2, available=1, misscheduled=6, collision_count=7)
    assert status_view(with_status(daemon_set(), status).status) == status
