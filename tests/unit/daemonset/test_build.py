"""What the worker makes."""

from __future__ import annotations

import re

import pytest

from statefleet.daemonset.build import new_pod, pod_name, pod_pattern, with_status
from statefleet.daemonset.placement import target_node
from statefleet.daemonset.views import Status
from support.daemon_objects import daemon_set


@pytest.mark.surface("D2.affinity", "D3.hash", "D3.template-generation")
def test_a_new_pod() -> None:
    owner = daemon_set()
    owner.metadata.uid = "uid-agent"
    owner.metadata.annotations["deprecated.daemonset.template.generation"] = "4"
    owner.spec.template.metadata.annotations["note"] = "x"
    pattern = pod_pattern(owner, "abc")
    pod = new_pod(pattern, "agent-xyz", "n1")
    assert (pod.metadata.name, pod.metadata.generate_name, pod.metadata.namespace) == (
        "agent-xyz",
        "agent-",
        "default",
    )
    assert dict(pod.metadata.labels) == {
        "app": "agent",
        "controller-revision-hash": "abc",
        "pod-template-generation": "4",
    }
    assert dict(pod.metadata.annotations) == {"note": "x"}
    (reference,) = pod.metadata.owner_references
    assert (reference.kind, reference.uid, reference.controller, reference.block_owner_deletion) == (
        "DaemonSet",
        "uid-agent",
        True,
        True,
    )
    assert pod.spec.node_name == ""
    assert target_node(pod) == "n1"
    assert len(pod.spec.tolerations) == 6
    assert target_node(pattern) == "", "the pattern stays as it was"
    assert not owner.spec.template.spec.tolerations


def test_a_name_is_the_same_only_for_the_same_pod() -> None:
    owner, other = daemon_set(), daemon_set()
    owner.metadata.uid, other.metadata.uid = "uid-1", "uid-2"
    first = pod_name(owner, "node-uid", "abc", "")
    assert re.fullmatch(r"agent-[bcdfghjklmnpqrstvwxz2456789]{10}", first)
    assert first == pod_name(owner, "node-uid", "abc", "")
    others = {
        pod_name(other, "node-uid", "abc", ""),
        pod_name(owner, "other-uid", "abc", ""),
        pod_name(owner, "node-uid", "abd", ""),
        pod_name(owner, "node-uid", "abc", "replaced-uid"),
    }
    assert len(others | {first}) == 5


def test_a_name_fits_a_host_name() -> None:
    owner = daemon_set("a" * 51 + "-" + "b" * 30)
    name = pod_name(owner, "n", "r", "")
    assert name.startswith("a" * 51 + "-")
    assert len(name) <= 63


@pytest.mark.surface("D4.counts", "D4.generation")
def test_a_status_write_names_the_set_and_keeps_conditions() -> None:
    owner = daemon_set()
    owner.metadata.uid = "uid-agent"
    owner.status.conditions.add(type="Paused", status="True")
    message = with_status(owner, Status(3, desired=5, current=4, updated=3, ready=2, available=1, misscheduled=6))
    assert (message.metadata.name, message.metadata.uid, message.metadata.resource_version) == (
        "agent",
        "uid-agent",
        "",
    )
    status = message.status
    assert (status.observed_generation, status.desired_number_scheduled, status.current_number_scheduled) == (3, 5, 4)
    assert (status.updated_number_scheduled, status.number_ready, status.number_available) == (3, 2, 1)
    assert (status.number_unavailable, status.number_misscheduled) == (4, 6)
    assert not status.HasField("collision_count")
    assert [condition.type for condition in status.conditions] == ["Paused"]
    empty = with_status(owner, Status(1)).status
    assert not empty.HasField("number_available")
    assert empty.HasField("number_ready")
