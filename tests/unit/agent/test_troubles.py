"""What is told of a pod that does not run as it should."""

import pytest

from statefleet.agent.containers import Running, State, Terminated, Waiting
from statefleet.agent.lifecycle import PodMachine
from statefleet.agent.troubles import troubles
from statefleet.api.core.v1.pod_pb2 import Pod


def machine() -> PodMachine:
    pod = Pod()
    pod.metadata.name, pod.metadata.namespace, pod.metadata.uid = "web-0", "default", "u1"
    pod.spec.containers.add(name="c", image="web:1")
    return PodMachine.of(pod)


@pytest.mark.parametrize(
    "state",
    [Waiting("ContainerCreating"), Waiting("PodInitializing"), Running(1.0), Terminated(1, "Error", 0.0, 1.0)],
)
def test_of_what_is_on_its_way_or_over_nothing_is_told(state: State):
    pod = machine()
    pod.containers["c"].state = state
    assert troubles(pod) == {}


@pytest.mark.parametrize(
    ("state", "reason", "message"),
    [
        (Waiting("ErrImagePull", "not found"), "Failed", 'Failed to pull image "web:1": not found'),
        (Waiting("ImagePullBackOff", 'Back-off pulling image "web:1"'), "BackOff", 'Back-off pulling image "web:1"'),
        (
            Waiting("CrashLoopBackOff", "back-off 10s"),
            "BackOff",
            "Back-off restarting failed container c in pod web-0_default(u1)",
        ),
        (Waiting("RunContainerError", "no such file"), "Failed", "Error: RunContainerError: no such file"),
    ],
)
def test_what_goes_wrong_is_told_in_the_kubelet_s_words(state: State, reason: str, message: str):
    pod = machine()
    pod.containers["c"].state = state
    assert troubles(pod) == {"c": (reason, message)}


def test_a_pod_that_is_refused_is_told_as_a_whole():
    pod = machine()
    pod.reject("NodePorts", "taken")
    assert troubles(pod) == {"": ("NodePorts", "taken")}
