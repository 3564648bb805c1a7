"""A pod's life, as its status tells it."""

from statefleet.agent.containers import Event, Signal
from statefleet.agent.lifecycle import PodMachine
from statefleet.agent.status import pod_status
from statefleet.api.core.v1.pod_pb2 import Pod, PodStatus


def machine(*, sidecar: bool = False, restart_policy: str = "Always") -> PodMachine:
    pod = Pod()
    pod.metadata.name = "web-0"
    pod.spec.restart_policy = restart_policy
    pod.spec.init_containers.add(name="side", image="side:1", restart_policy="Always" if sidecar else "")
    pod.spec.containers.add(name="c", image="web:1")
    found = PodMachine.of(pod)
    found.begin()
    return found


def hear(pod: PodMachine, name: str, *signals: Signal, exit_code: int = 0) -> None:
    for signal in signals:
        pod.handle(Event(signal, name, exit_code=exit_code), 1.0)


def status_of(pod: PodMachine) -> PodStatus:
    return pod_status(pod, host_ip="172.16.0.1", pod_ip="10.64.0.1", now=2.0)


def conditions(pod: PodMachine) -> dict[str, tuple[str, str, str]]:
    return {each.type: (each.status, each.reason, each.message) for each in status_of(pod).conditions}


def test_a_pod_is_ready_only_with_its_sidecars():
    pod = machine(sidecar=True)
    hear(pod, "side", Signal.PULLED, Signal.STARTED)
    hear(pod, "c", Signal.PULLED, Signal.STARTED, Signal.READY)
    unready = ("False", "ContainersNotReady", "containers with unready status: [side]")
    assert not status_of(pod).init_container_statuses[0].ready
    assert conditions(pod)["ContainersReady"] == unready
    assert conditions(pod)["Ready"] == unready
    hear(pod, "side", Signal.READY)
    assert status_of(pod).init_container_statuses[0].ready
    assert conditions(pod)["ContainersReady"] == ("True", "", "")
    assert conditions(pod)["Ready"] == ("True", "", "")


def test_a_sidecar_that_crashes_makes_its_pod_unready_but_not_uninitialized():
    pod = machine(sidecar=True)
    hear(pod, "side", Signal.PULLED, Signal.STARTED, Signal.READY)
    hear(pod, "c", Signal.PULLED, Signal.STARTED, Signal.READY)
    hear(pod, "side", Signal.EXITED, exit_code=1)
    assert conditions(pod)["Ready"] == ("False", "ContainersNotReady", "containers with unready status: [side]")
    assert conditions(pod)["Initialized"] == ("True", "", "")
    assert pod.phase == "Running"


def test_init_containers_that_are_done_do_not_count_as_unready():
    pod = machine()
    hear(pod, "side", Signal.PULLED, Signal.STARTED)
    assert conditions(pod)["Initialized"] == (
        "False",
        "ContainersNotInitialized",
        "containers with incomplete status: [side]",
    )
    hear(pod, "side", Signal.EXITED)
    assert status_of(pod).init_container_statuses[0].ready
    assert conditions(pod)["Ready"] == ("False", "ContainersNotReady", "containers with unready status: [c]")


def test_a_pod_that_has_succeeded_says_so_in_its_conditions():
    pod = machine(restart_policy="Never")
    hear(pod, "side", Signal.PULLED, Signal.STARTED, Signal.EXITED)
    hear(pod, "c", Signal.PULLED, Signal.STARTED, Signal.EXITED)
    shown = conditions(pod)
    assert shown["Initialized"] == ("True", "PodCompleted", "")
    assert shown["Ready"] == shown["ContainersReady"] == ("False", "PodCompleted", "")
