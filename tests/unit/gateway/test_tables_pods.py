"""The row of a pod in every kind of trouble."""

from __future__ import annotations

import pytest

from statefleet.api.core.v1.container_pb2 import Container
from statefleet.api.core.v1.pod_pb2 import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    Pod,
    PodCondition,
    PodIP,
    PodReadinessGate,
    PodSpec,
    PodStatus,
)
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.gateway import tables
from statefleet.objects.kinds import POD
from statefleet.objects.times import to_time

NOW = 1_800_000_000.0
RUNNING = ContainerState(running=ContainerStateRunning(started_at=to_time(NOW - 60)))


def waiting(reason: str = "") -> ContainerState:
    return ContainerState(waiting=ContainerStateWaiting(reason=reason))


def ended(code: int = 0, reason: str = "", signal: int = 0) -> ContainerState:
    return ContainerState(terminated=ContainerStateTerminated(exit_code=code, reason=reason, signal=signal))


def status(
    name: str = "c",
    state: ContainerState = RUNNING,
    *,
    ready: bool = False,
    restarts: int = 0,
    last_end: float | None = None,
    started: bool = False,
) -> ContainerStatus:
    found = ContainerStatus(name=name, state=state, ready=ready, restart_count=restarts, started=started)
    if last_end is not None:
        found.last_state.terminated.finished_at.CopyFrom(to_time(last_end))
    return found


def a_pod(
    *statuses: ContainerStatus,
    phase: str = "Running",
    reason: str = "",
    init: tuple[ContainerStatus, ...] = (),
    init_containers: tuple[Container, ...] = (),
    conditions: dict[str, str] | None = None,
    deleted: bool = False,
    containers: int = 1,
) -> Pod:
    pod = Pod(
        metadata=ObjectMeta(name="p", creation_timestamp=to_time(NOW - 3 * 3600 - 300)),
        spec=PodSpec(
            containers=[Container(name=f"c{n}") for n in range(containers)], init_containers=init_containers
        ),
        status=PodStatus(
            phase=phase,
            reason=reason,
            container_statuses=statuses,
            init_container_statuses=init,
            conditions=[PodCondition(type=name, status=value) for name, value in (conditions or {}).items()],
        ),
    )
    if deleted:
        pod.metadata.deletion_timestamp.CopyFrom(to_time(NOW))
    return pod


def row(pod: Pod) -> dict[str, str]:
    found = tables.table(POD, [pod], now=NOW)
    names = [column["name"] for column in found["columnDefinitions"]]
    return dict(zip(names, found["rows"][0]["cells"], strict=True))


INIT = (Container(name="i1"), Container(name="i2"))
SIDECAR = (Container(name="side", restart_policy="Always"),)


@pytest.mark.surface("columns.pod-status")
@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (a_pod(phase="Pending"), "Pending"),
        (a_pod(status(ready=True)), "Running"),
        (a_pod(status(state=waiting("ContainerCreating")), phase="Pending"), "ContainerCreating"),
        (a_pod(status(state=waiting("ImagePullBackOff")), phase="Pending"), "ImagePullBackOff"),
        (a_pod(status(state=waiting("CrashLoopBackOff"))), "CrashLoopBackOff"),
        (a_pod(status(state=waiting("PodInitializing")), phase="Pending"), "PodInitializing"),
        (a_pod(status(state=waiting()), phase="Pending"), "Pending"),
        (a_pod(status(state=ended(0, "Completed")), phase="Succeeded"), "Completed"),
        (a_pod(status(state=ended(1, "Error")), phase="Failed"), "Error"),
        (a_pod(status(state=ended(137, "OOMKilled"))), "OOMKilled"),
        (a_pod(status(state=ended(7)), phase="Failed"), "ExitCode:7"),
        (a_pod(status(state=ended(0, signal=9)), phase="Failed"), "Signal:9"),
        (a_pod(phase="Failed", reason="Evicted"), "Evicted"),
        (a_pod(phase="Running", reason="NodeLost"), "NodeLost"),
        (a_pod(status(ready=True), deleted=True), "Terminating"),
        (a_pod(status(ready=True), reason="NodeLost", deleted=True), "Unknown"),
        (a_pod(status(state=ended(0, "Completed")), phase="Succeeded", deleted=True), "Completed"),
        (a_pod(status(state=ended(1, "Error")), phase="Failed", deleted=True), "Error"),
    ],
)
def test_the_status_says_what_goes_on(pod, expected):
    assert row(pod)["Status"] == expected


@pytest.mark.surface("columns.pod-status")
@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((status("i1"),), "Init:0/2"),
        ((status("i1", waiting("PodInitializing")),), "Init:0/2"),
        ((status("i1", ended(0)), status("i2")), "Init:1/2"),
        ((status("i1", ended(0)), status("i2", waiting("CrashLoopBackOff"))), "Init:CrashLoopBackOff"),
        ((status("i1", waiting("ErrImagePull")), status("i2", waiting("PodInitializing"))), "Init:ErrImagePull"),
        ((status("i1", ended(1, "Error")),), "Init:Error"),
        ((status("i1", ended(3)),), "Init:ExitCode:3"),
        ((status("i1", ended(1, signal=15)),), "Init:Signal:15"),
        ((status("i1", ended(0)), status("i2", ended(0))), "PodInitializing"),
    ],
)
def test_the_status_tells_how_far_initialisation_is(statuses, expected):
    main = status(state=waiting("PodInitializing"))
    assert row(a_pod(main, phase="Pending", init=statuses, init_containers=INIT))["Status"] == expected


def test_an_initialised_pod_is_judged_by_its_main_containers():
    pod = a_pod(
        status(state=waiting("CrashLoopBackOff"), restarts=2),
        init=(status("side", waiting("CrashLoopBackOff"), restarts=4),),
        init_containers=SIDECAR,
        conditions={"Initialized": "True"},
    )
    assert (row(pod)["Status"], row(pod)["Restarts"]) == ("CrashLoopBackOff", "6")


def test_the_first_container_in_trouble_gives_the_status():
    pod = a_pod(status("a", waiting("ErrImagePull")), status("b", waiting("CrashLoopBackOff")), containers=2)
    assert row(pod)["Status"] == "ErrImagePull"


@pytest.mark.parametrize(("ready", "expected"), [("True", "Running"), ("False", "NotReady")])
def test_one_container_that_completed_beside_one_that_runs(ready, expected):
    pod = a_pod(
        status("a", ended(0, "Completed")), status("b", ready=True), conditions={"Ready": ready}, containers=2
    )
    assert (row(pod)["Status"], row(pod)["Ready"]) == (expected, "1/2")


def test_a_gated_pod_says_that_it_is_held_back():
    pod = a_pod(phase="Pending")
    pod.status.conditions.append(PodCondition(type="PodScheduled", status="False", reason="SchedulingGated"))
    assert row(pod)["Status"] == "SchedulingGated"


def test_ready_counts_running_containers_that_are_ready():
    pod = a_pod(status("a", ready=True), status("b"), status("c", waiting("x"), ready=True), containers=3)
    assert row(pod)["Ready"] == "1/3"


def test_sidecars_count_as_containers_and_do_not_hold_up_initialisation():
    pod = a_pod(status(ready=True), init=(status("side", ready=True, started=True),), init_containers=SIDECAR)
    assert (row(pod)["Ready"], row(pod)["Status"]) == ("2/2", "Running")
    starting = a_pod(status(state=waiting("PodInitializing")), init=(status("side"),), init_containers=SIDECAR)
    assert (row(starting)["Ready"], row(starting)["Status"]) == ("0/2", "Init:0/1")


@pytest.mark.surface("columns.pod-restarts")
def test_restarts_tell_when_the_last_one_was():
    pod = a_pod(
        status("a", restarts=2, last_end=NOW - 7200), status("b", restarts=1, last_end=NOW - 300), containers=2
    )
    assert row(pod)["Restarts"] == "3 (5m ago)"


@pytest.mark.surface("columns.pod-restarts")
def test_restarts_of_unknown_time_are_a_bare_number():
    assert row(a_pod(status(restarts=3)))["Restarts"] == "3"
    assert row(a_pod(status(last_end=NOW - 300)))["Restarts"] == "0"


def test_restarts_count_init_containers_only_while_they_run():
    init = (status("i1", ended(0), restarts=1), status("i2", restarts=4, last_end=NOW - 60))
    pod = a_pod(status(state=waiting("PodInitializing"), restarts=9), init=init, init_containers=INIT)
    assert row(pod)["Restarts"] == "5 (60s ago)"
    done = (status("i1", ended(0), restarts=1), status("i2", ended(0), restarts=4))
    assert row(a_pod(status(restarts=9), init=done, init_containers=INIT))["Restarts"] == "9"


def test_wide_columns_say_none_where_there_is_nothing():
    found = row(a_pod())
    assert [found[name] for name in ("IP", "Node", "Nominated Node", "Readiness Gates")] == ["<none>"] * 4
    assert found["Age"] == "3h5m"


@pytest.mark.surface("columns.pod")
def test_wide_columns():
    pod = a_pod(conditions={"example.com/a": "True", "example.com/b": "False"})
    pod.spec.node_name, pod.status.nominated_node_name = "n1", "n2"
    pod.status.pod_ips.extend([PodIP(ip="10.0.0.1"), PodIP(ip="fd00::1")])
    pod.spec.readiness_gates.extend(PodReadinessGate(condition_type=f"example.com/{name}") for name in "abc")
    found = row(pod)
    wide = [found[name] for name in ("IP", "Node", "Nominated Node", "Readiness Gates")]
    assert wide == ["10.0.0.1", "n1", "n2", "1/3"]


@pytest.mark.parametrize(("phase", "is_over"), [("Succeeded", True), ("Failed", True), ("Running", False)])
def test_a_row_tells_that_a_pod_has_come_to_its_end(phase, is_over):
    (found,) = tables.table(POD, [a_pod(phase=phase)], now=NOW)["rows"]
    if not is_over:
        assert "conditions" not in found
    else:
        (condition,) = found["conditions"]
        assert (condition["type"], condition["status"], condition["reason"]) == ("Completed", "True", phase)
