"""The text of a small fleet, as Prometheus gets it. UPDATE_GOLDEN=1 makes what it is what it should be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from prometheus_client import Metric

from statefleet.objects.kinds import POD
from statefleet.state_metrics.exposition import StateExposition
from support.held_objects import HeldObjects
from support.prometheus_text import families, problems

GOLDEN = Path(__file__).parents[2] / "golden" / "state_metrics.txt"


def test_a_small_fleet(exposition: StateExposition) -> None:
    text = exposition.text().decode()
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_it_is_as_prometheus_asks(exposition: StateExposition) -> None:
    assert problems(exposition.text().decode()) == []


def test_what_has_changed_is_rendered_anew(exposition: StateExposition, held: HeldObjects) -> None:
    before = families(exposition.text().decode())
    assert value(before, "kube_pod_status_phase", pod="web-1", phase="Running") == 1
    pod = next(message for message in held.list(POD) if message.metadata.name == "web-1")
    changed = type(pod)()
    changed.CopyFrom(pod)
    changed.status.phase = "Failed"
    held.messages[held.messages.index(pod)] = changed
    after = families(exposition.text().decode())
    assert value(after, "kube_pod_status_phase", pod="web-1", phase="Running") == 0
    assert value(after, "kube_pod_status_phase", pod="web-1", phase="Failed") == 1


def test_what_is_gone_is_told_no_more(exposition: StateExposition, held: HeldObjects) -> None:
    exposition.text()
    held.messages = [message for message in held.messages if message.metadata.name != "web-1"]
    assert 'pod="web-1"' not in exposition.text().decode()


def test_an_empty_fleet_has_no_metrics() -> None:
    assert StateExposition(HeldObjects([])).text() == b""  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("kube_statefulset_replicas", {"statefulset": "web"}, 3),
        ("kube_statefulset_status_replicas_updated", {"statefulset": "web"}, 1),
        ("kube_statefulset_status_current_revision", {"revision": "web-rev1"}, 1),
        ("kube_daemonset_status_updated_number_scheduled", {"daemonset": "logs"}, 2),
        ("kube_poddisruptionbudget_status_desired_healthy", {"poddisruptionbudget": "web"}, 3),
        ("kube_pod_container_status_restarts", {"pod": "web-0", "container": "main"}, 4),
        ("kube_pod_container_status_waiting_reason", {"pod": "web-0", "reason": "CrashLoopBackOff"}, 1),
        ("kube_pod_status_reason", {"pod": "done", "reason": "Evicted"}, 1),
        ("kube_pod_status_unschedulable", {"pod": "loose"}, 1),
        ("kube_pod_init_container_status_terminated_reason", {"pod": "done", "reason": "Completed"}, 1),
        ("kube_node_status_condition", {"condition": "Ready", "status": "unknown"}, 1),
        ("kube_node_status_capacity", {"resource": "cpu", "unit": "core"}, 1.5),
        ("kube_node_labels", {"label_topology_kubernetes_io_zone": 'a"b'}, 1),
        ("kube_persistentvolumeclaim_resource_requests_storage_bytes", {}, 10 * 2**30),
        ("statefleet_statefulset_partition", {"statefulset": "web"}, 1),
        ("statefleet_rollout_pods_desired", {"workload": "web", "workload_type": "statefulset"}, 2),
        ("statefleet_rollout_pods_updated", {"workload": "web", "workload_type": "statefulset"}, 1),
        ("statefleet_rollout_progress_ratio", {"workload": "web"}, 0.5),
        ("statefleet_rollout_progress_ratio", {"workload": "logs"}, 1),
        ("statefleet_rollout_revision", {"workload": "web", "role": "update"}, 2),
        ("statefleet_rollout_revision", {"workload": "logs", "role": "update"}, 3),
        ("statefleet_controllerrevisions", {"workload": "web"}, 2),
    ],
)
def test_a_sample(exposition: StateExposition, name: str, labels: dict[str, str], expected: float) -> None:
    assert value(families(exposition.text().decode()), name, **labels) == expected


def value(found: dict[str, Metric], name: str, **labels: str) -> float:
    """Return the value of the only sample of a family that has these labels."""
    (sample,) = [sample for sample in found[name].samples if labels.items() <= sample.labels.items()]
    return float(sample.value)
