"""The text of a small fleet, as Prometheus gets it. UPDATE_GOLDEN=1 makes what it is what it should be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from prometheus_client import Metric

from statefleet.coordination.local import LocalCoordination
from statefleet.objects.kinds import POD
from statefleet.reconcile.shares import Shares
from statefleet.runtime.tasks import Tasks
from statefleet.state_metrics.exposition import StateExposition
from support.held_objects import HeldObjects
from support.prometheus_text import families, problems
from support.stores import ManualClock, settle

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
    assert StateExposition(HeldObjects([]), lambda _: True).text() == b""  # type: ignore[arg-type]


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


SERIES = {
    "kube_statefulset_": (
        {"namespace": "default", "statefulset": "web"},
        """created replicas metadata_generation status_observed_generation status_replicas status_replicas_current
        status_replicas_ready status_replicas_available status_replicas_updated status_current_revision
        status_update_revision""",
    ),
    "kube_daemonset_": (
        {"namespace": "default", "daemonset": "logs"},
        """created metadata_generation status_observed_generation status_current_number_scheduled
        status_desired_number_scheduled status_updated_number_scheduled status_number_available
        status_number_misscheduled status_number_ready status_number_unavailable""",
    ),
    "kube_poddisruptionbudget_": (
        {"namespace": "default", "poddisruptionbudget": "web"},
        """created status_current_healthy status_desired_healthy status_expected_pods status_observed_generation
        status_pod_disruptions_allowed""",
    ),
    "kube_pod_": (
        {"namespace": "default", "pod": "web-0", "uid": "uid-web-0"},
        """created container_info container_status_ready container_status_restarts_total container_status_running
        container_status_waiting container_status_waiting_reason info owner status_phase status_ready
        status_scheduled""",
    ),
    "kube_node_": (
        {"node": "node-1"},
        "created info spec_taint spec_unschedulable status_allocatable status_capacity status_condition",
    ),
    "statefleet_": (
        {"namespace": "default", "workload": "web", "workload_type": "statefulset"},
        "controllerrevisions rollout_revision rollout_revision_created_timestamp_seconds",
    ),
}
"""What every object of a kind has, by the start of the names: the labels of one, and how the names go on."""


@pytest.mark.surface(
    "metrics.statefulset-series",
    "metrics.daemonset-series",
    "metrics.budget-series",
    "metrics.pod-series",
    "metrics.node-series",
    "metrics.revisions",
)
@pytest.mark.parametrize(("start", "labels", "names"), [(start, *row) for start, row in SERIES.items()], ids=SERIES)
def test_series_bear_the_names_and_labels_that_dashboards_read(
    exposition: StateExposition, start: str, labels: dict[str, str], names: str
) -> None:
    samples = [sample for family in families(exposition.text().decode()).values() for sample in family.samples]
    told = {sample.name for sample in samples if labels.items() <= sample.labels.items()}
    assert {start + name for name in names.split()} - told == set()


async def test_of_several_workers_one_tells_of_the_objects(held: HeldObjects) -> None:
    coordination, clock = LocalCoordination(), ManualClock()
    shares = [Shares(coordination, name, clock) for name in ("a", "b", "c")]
    pages = [StateExposition(held, each.owns) for each in shares]  # type: ignore[arg-type]
    async with Tasks("test") as tasks:
        running = [tasks.spawn(each.follow(lambda: None), "shares") for each in shares]
        await settle()
        (teller,) = (index for index, page in enumerate(pages) if page.text())
        running[teller].cancel()
        await settle()
        (successor,) = (index for index, page in enumerate(pages) if page.text())
    assert successor != teller
