"""What is read from objects."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.meta.v1.primitives_pb2 import IntOrString
from statefleet.objects.times import to_time
from statefleet.statefulset.observe import is_member, ordinal_of, pod_view, read_pod, read_set, set_view
from support.fleet_objects import make_ready, make_stuck, pod, stateful_set


def test_a_set_with_its_defaults() -> None:
    view = set_view(stateful_set(replicas=4))
    assert (view.replicas, view.start, view.partition, view.max_unavailable) == (4, 0, 0, 1)
    assert (view.parallel, view.on_delete, view.deleting, view.history_limit) == (False, False, False, 10)
    bare = StatefulSet()
    assert (set_view(bare).replicas, set_view(bare).partition, set_view(bare).history_limit) == (1, None, 10)


@pytest.mark.surface("S3.all-at-once")
def test_a_set_with_everything() -> None:
    message = stateful_set(pod_management_policy="Parallel", min_ready_seconds=7, revision_history_limit=0)
    message.spec.update_strategy.type = "OnDelete"
    message.spec.ordinals.start = 5
    message.spec.update_strategy.rolling_update.partition = 2
    message.spec.persistent_volume_claim_retention_policy.when_deleted = "Delete"
    message.spec.persistent_volume_claim_retention_policy.when_scaled = "Retain"
    message.spec.volume_claim_templates.add().metadata.name = "data"
    message.metadata.deletion_timestamp.CopyFrom(to_time(1))
    view = set_view(message)
    assert (view.parallel, view.on_delete, view.start, view.partition, view.min_ready_seconds) == (
        True,
        True,
        5,
        2,
        7,
    )
    assert (view.claims_die_with_set, view.claims_die_with_scale) == (True, False)
    assert (view.claim_templates, view.deleting, view.history_limit) == (("data",), True, 0)


@pytest.mark.surface("S2.max-unavailable")
@pytest.mark.parametrize(
    ("value", "replicas", "expected"),
    [
        (IntOrString(type=0, int_val=3), 10, 3),
        (IntOrString(type=1, str_val="35%"), 10, 3),
        (IntOrString(type=1, str_val="5%"), 10, 1),
        (IntOrString(type=1, str_val="100%"), 0, 1),
        (IntOrString(type=0, int_val=0), 10, 1),
    ],
)
def test_max_unavailable_rounds_down_but_not_to_none(value: IntOrString, replicas: int, expected: int) -> None:
    message = stateful_set(replicas=replicas)
    message.spec.update_strategy.rolling_update.max_unavailable.CopyFrom(value)
    assert set_view(message).max_unavailable == expected


def test_the_fingerprint_changes_with_what_a_revision_is_made_from() -> None:
    first = read_set(stateful_set()).fingerprint

    def after(change: Callable[[StatefulSet], object]) -> bytes:
        message = stateful_set()
        change(message)
        return read_set(message).fingerprint

    assert after(lambda message: message.metadata.annotations.update(cause="x")) != first
    assert after(lambda message: message.metadata.labels.update(team="x")) != first
    assert after(lambda message: message.spec.template.metadata.labels.update(version="2")) != first
    assert after(lambda message: setattr(message.spec, "replicas", 9)) == first
    assert after(lambda message: setattr(message.status, "replicas", 9)) == first


def test_a_pod_on_its_way() -> None:
    message = pod("web-3", app="web")
    message.metadata.labels["controller-revision-hash"] = "web-abc"
    view = pod_view(message)
    assert (view.ordinal, view.revision, view.pending, view.ready, view.was_ready) == (
        3,
        "web-abc",
        True,
        False,
        False,
    )
    assert (view.stuck, view.finished, view.terminating, view.named) == (False, False, False, False)


def test_a_pod_that_is_ready() -> None:
    message = pod("web-0")
    make_ready(message, now=1234.0)
    view = pod_view(message)
    assert (view.ready, view.ready_since, view.was_ready, view.pending) == (True, 1234.0, True, False)


def test_a_pod_that_was_ready() -> None:
    message = pod("web-0")
    make_ready(message)
    message.status.conditions[0].status = "False"
    view = pod_view(message)
    assert (view.ready, view.was_ready) == (False, True)


@pytest.mark.parametrize(
    "reason",
    ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CrashLoopBackOff"],
)
def test_a_pod_that_waits_in_vain_is_stuck(reason: str) -> None:
    message = pod("web-0")
    make_stuck(message, reason)
    assert pod_view(message).stuck


def _restarted(message: Pod) -> None:
    message.status.init_container_statuses.add(name="init", restart_count=1)


def _unschedulable(message: Pod) -> None:
    message.status.conditions.add(type="PodScheduled", status="False", reason="Unschedulable")


def _failed(message: Pod) -> None:
    message.status.phase = "Failed"


@pytest.mark.parametrize("change", [_restarted, _unschedulable, _failed])
def test_other_signs_of_being_stuck(change: Callable[[Pod], None]) -> None:
    message = pod("web-0")
    change(message)
    assert pod_view(message).stuck


def test_a_pod_that_is_being_created_is_not_stuck() -> None:
    message = pod("web-0")
    make_stuck(message, "ContainerCreating")
    assert not pod_view(message).stuck


@pytest.mark.parametrize(
    ("name", "ordinal"), [("web-0", 0), ("a-b-12", 12), ("web", -1), ("web-", -1), ("web-x", -1), ("web-²", -1)]
)
def test_ordinals(name: str, ordinal: int) -> None:
    assert ordinal_of(name) == ordinal


@pytest.mark.parametrize(("name", "member"), [("web-0", True), ("web-00", False), ("other-0", False), ("web", False)])
def test_members_bear_the_name_and_an_ordinal(name: str, member: bool) -> None:
    assert is_member(set_view(stateful_set()), pod_view(pod(name))) is member


def test_a_pod_belongs_by_name_and_labels() -> None:
    facts = read_set(stateful_set())
    assert read_pod(pod("web-0", app="web"), facts).belongs
    assert not read_pod(pod("web-0", app="other"), facts).belongs
    assert not read_pod(pod("stray", app="web"), facts).belongs
