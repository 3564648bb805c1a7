"""What an agent reports of its nodes, and what simulated containers are said to use."""

from typing import Any

import pytest

from statefleet.agent.behaviour import PREFIX, Behaviour
from statefleet.agent.containers import Running, Waiting
from statefleet.agent.nodes import NodeSize, describe
from statefleet.agent.place import Place
from statefleet.agent.runner import PodRunner
from statefleet.agent.runtime import Usage
from statefleet.agent.simulated import SimulatedRuntime
from statefleet.agent.usage import BATCH_BYTES, batches, node_usage
from statefleet.api.nodes.v1.usage_pb2 import ContainerUsage, NodeUsage, PodUsage
from support.objects import a_pod

NOW = 1000.0
UNUSED: Any = None


class Measured:
    """A runtime that has measured the containers whose names begin with a number: so many processors."""

    def usage(self, pod, life, now):
        if not life.name[0].isdigit():
            return None
        number = int(life.name[0])
        return Usage(number, 10 * number, now - number, 10.0 - number)


MEASURED: Any = Measured()


def add(place, name, *containers, running=True):
    pod = a_pod(name)
    pod.metadata.uid = f"uid-{name}"
    del pod.spec.containers[:]
    for container in containers:
        pod.spec.containers.add(name=container)
    runner = PodRunner(pod, UNUSED, UNUSED, UNUSED, UNUSED, host_ip="", pod_ip="")
    for life in runner.machine.containers.values():
        life.state = Running(NOW - 60) if running else Waiting("ContainerCreating")
    place.runners[name] = runner


@pytest.fixture
def place():
    return Place(describe("node", 0, NodeSize(), runtime="r", version="v"))


def test_a_node_uses_what_its_running_containers_use(place):
    add(place, "two", "1", "3")
    add(place, "one", "2", "unmeasured")
    add(place, "none", "unmeasured")
    add(place, "starting", "5", running=False)
    found = node_usage(place, MEASURED, NOW)
    assert (found.node, found.cpu_nanocores, found.memory_bytes) == ("node", 6, 60)
    assert (found.time_millis, found.window_millis) == (997_000, 9_000)
    two, one = found.pods
    assert (two.namespace, two.name, two.uid) == ("default", "two", "uid-two")
    assert (two.time_millis, two.window_millis) == (997_000, 9_000)
    assert list(two.containers) == [
        ContainerUsage(name="1", cpu_nanocores=1, memory_bytes=10),
        ContainerUsage(name="3", cpu_nanocores=3, memory_bytes=30),
    ]
    assert [container.name for container in one.containers] == ["2"]


def test_a_node_without_pods_uses_nothing_now(place):
    assert node_usage(place, MEASURED, NOW) == NodeUsage(node="node", time_millis=1_000_000)


def test_what_nobody_can_have_is_reported_as_the_most_there_is(place):
    class Boundless:
        def usage(self, pod, life, now):
            return Usage(10**30, 10**30, now, 1.0)

    boundless: Any = Boundless()
    add(place, "huge", "a", "b")
    found = node_usage(place, boundless, NOW)
    assert found.cpu_nanocores == found.memory_bytes == 2**63 - 1


def test_light_reports_share_a_message_and_heavy_ones_do_not():
    heavy = [NodeUsage(node=f"n{n}", pods=[PodUsage(name="x" * BATCH_BYTES)]) for n in range(3)]
    assert [[usage.node for usage in batch] for batch in batches(heavy)] == [["n0"], ["n1"], ["n2"]]
    light = [NodeUsage(node=f"n{n}") for n in range(3)]
    assert list(batches(light)) == [light]
    assert list(batches([])) == [[]]


@pytest.mark.parametrize(
    ("fleet", "annotation", "expected"),
    [
        (0.0, None, (0, 0)),
        (0.5, None, (250_000_000, 64 << 20)),
        (0.0, "0.25", (125_000_000, 32 << 20)),
        (0.5, "0", (0, 0)),
        (0.0, "2", (1_000_000_000, 256 << 20)),
        (0.5, "unreadable", (250_000_000, 64 << 20)),
    ],
)
def test_a_simulated_container_uses_a_fraction_of_what_it_requests(place, fleet, annotation, expected):
    add(place, "web", "app")
    runner = place.runners["web"]
    (life,) = runner.machine.mains
    life.spec.resources.requests["cpu"].string = "500m"
    life.spec.resources.requests["memory"].string = "128Mi"
    if annotation:
        runner.pod.metadata.annotations[f"{PREFIX}usage"] = annotation
    used = SimulatedRuntime(Behaviour(usage=fleet)).usage(runner.pod, life, NOW)
    assert used == Usage(expected[0], expected[1], NOW, 15.0)


def test_a_simulated_container_that_requests_nothing_or_does_not_run_uses_nothing(place):
    add(place, "web", "app")
    runner = place.runners["web"]
    (life,) = runner.machine.mains
    runtime = SimulatedRuntime(Behaviour(usage=1.0))
    life.state = Running(NOW - 4)
    assert runtime.usage(runner.pod, life, NOW) == Usage(0, 0, NOW, 4.0)
    assert not life.spec.resources.requests
    life.state = Waiting("ContainerCreating")
    assert runtime.usage(runner.pod, life, NOW) is None
