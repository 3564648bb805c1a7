"""Agents run the pods of their nodes, over the real services."""

import asyncio
from typing import Any

from statefleet.agent.behaviour import PREFIX, Behaviour
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.nodes.v1.usage_pb2 import NodeUsage
from statefleet.client.fleet import Fleet
from statefleet.objects.kinds import NODE, POD
from statefleet.objects.meta import is_deleting
from statefleet.objects.pods import is_ready
from support.objects import a_pod
from support.working_fleet import WorkingFleet


def on(node: str, name: str = "web", *, image: str = "nginx:1", port: int = 0, **behaviour: str) -> Pod:
    pod = a_pod(name, node=node, image=image)
    pod.metadata.annotations.update({PREFIX + key.replace("_", "-"): text for key, text in behaviour.items()})
    if port:
        pod.spec.containers[0].ports.add(container_port=80, host_port=port)
    return pod


def waiting_for(pod: Pod) -> str:
    statuses = pod.status.container_statuses
    return statuses[0].state.waiting.reason if statuses else ""


async def stop(working: WorkingFleet, agent: asyncio.Task[None]) -> None:
    agent.cancel()
    await asyncio.wait([agent])


async def test_a_pod_runs_becomes_ready_and_ends(working):
    await working.with_nodes("node")
    await working.create(on("node"))
    pod = await working.until_shown(POD, "web", is_ready)
    assert (pod.status.phase, pod.status.pod_ip, pod.status.host_ip) == ("Running", "10.64.0.1", "172.16.0.1")
    assert pod.status.container_statuses[0].ready
    await working.fleet.delete(POD, "web", "default")
    await working.until_gone(POD, "web")


async def test_a_pod_that_is_slow_to_stop_stays_while_it_stops(working):
    await working.with_nodes("node")
    pod = await working.create(on("node", stop_delay="600"))
    await working.until_shown(POD, "web", is_ready)
    await working.fleet.delete(POD, "web", "default")
    await working.until_shown(POD, "web", lambda pod: is_deleting(pod.metadata))
    await working.calm()
    assert await working.is_stored(pod)


async def test_an_image_that_cannot_be_had_fails(working):
    await working.with_nodes("node")
    await working.create(on("node", image="nginx:bad"))
    pod = await working.until_shown(POD, "web", lambda pod: waiting_for(pod) == "ErrImagePull")
    assert (pod.status.phase, pod.status.pod_ip) == ("Pending", "10.64.0.1")
    (event,) = await working.events("web", "Failed")
    assert (event.type, event.source.component) == ("Warning", "kubelet")


async def test_a_container_that_crashes_is_restarted_then_backed_off(working):
    await working.with_nodes("node")
    await working.create(on("node", crash_after="0.001", exit_code="3"))
    pod = await working.until_shown(POD, "web", lambda pod: waiting_for(pod) == "CrashLoopBackOff")
    (status,) = pod.status.container_statuses
    assert (status.restart_count, status.last_state.terminated.exit_code) == (2, 3)
    assert pod.status.phase == "Running"
    (event,) = await working.events("web", "BackOff")
    assert event.message.startswith("Back-off restarting failed container main in pod web_default(")


async def test_a_host_port_taken_on_the_node_is_refused_until_it_is_free(working):
    await working.with_nodes("node")
    await working.create(on("node", "first", port=8080))
    await working.until_shown(POD, "first", is_ready)
    await working.create(on("node", "second", port=8080))
    refused = await working.until_shown(POD, "second", lambda pod: pod.status.phase == "Failed")
    assert (refused.status.reason, refused.status.message) == (
        "NodePorts",
        "Pod was rejected: host port TCP/8080 is taken on node node",
    )
    await working.fleet.delete(POD, "first", "default")
    await working.until_gone(POD, "first")
    await working.create(on("node", "third", port=8080))
    await working.until_shown(POD, "third", is_ready)


async def test_an_agent_started_anew_takes_up_the_pods_that_run_with_their_addresses(working):
    agent = await working.with_nodes("node")
    for name in ("one", "two"):
        await working.create(on("node", name))
        await working.until_shown(POD, name, is_ready)
    await working.fleet.delete(POD, "one", "default")
    await working.until_gone(POD, "one")
    before = working.get(POD, "two")
    await stop(working, agent)
    await working.create(on("node", "new"))
    await working.with_nodes("node")
    new = await working.until_shown(POD, "new", is_ready)
    await working.calm()
    after = working.get(POD, "two")
    assert after.metadata.resource_version == before.metadata.resource_version
    assert (before.status.pod_ip, new.status.pod_ip) == ("10.64.0.2", "10.64.0.1")


async def test_pods_that_went_while_no_agent_was_there_are_forgotten(working):
    agent = await working.with_nodes("node")
    await working.create(on("node", port=80))
    await working.until_shown(POD, "web", is_ready)
    await stop(working, agent)
    await working.fleet.delete(POD, "web", "default")
    await working.until_shown(POD, "web", lambda pod: is_deleting(pod.metadata))
    await working.with_nodes("node")
    await working.until_gone(POD, "web")
    await working.create(on("node", "next", port=80))
    await working.until_shown(POD, "next", is_ready)


async def test_a_container_that_was_backing_off_is_started_by_the_next_agent(working):
    agent = await working.with_nodes("node")
    await working.create(on("node", crash_after="0.001"))
    await working.until_shown(POD, "web", lambda pod: waiting_for(pod) == "CrashLoopBackOff")
    await stop(working, agent)
    await working.change(POD, "web", lambda pod: pod.metadata.annotations.clear())
    await working.with_nodes("node")
    pod = await working.until_shown(POD, "web", is_ready)
    assert pod.status.container_statuses[0].restart_count == 2


async def test_a_node_that_somebody_deletes_is_registered_again(working):
    await working.with_nodes("node")
    first = await working.until_shown(NODE, "node")
    await working.fleet.delete(NODE, "node")
    await working.until_gone(NODE, "node")
    working.clock.leap(11)
    await working.until_shown(NODE, "node", lambda node: node.metadata.uid != first.metadata.uid)
    await working.create(on("node"))
    await working.until_shown(POD, "web", is_ready)


async def test_an_agent_leaves_its_node_to_a_newer_one(working):
    await working.with_nodes("shared", "own")
    await working.create(on("shared"))
    await working.until_shown(POD, "web", is_ready)
    session = working.get(NODE, "shared").metadata.annotations["statefleet.io/agent-session"]
    working.agent("shared", behaviour=Behaviour(stop_delay=600))

    def is_taken() -> bool:
        node = working.get(NODE, "shared")
        return node is not None and node.metadata.annotations["statefleet.io/agent-session"] != session

    await working.until(is_taken)
    taken = working.get(NODE, "shared")
    for _ in range(3):
        working.clock.leap(11)
        await working.calm()
    assert working.get(NODE, "shared").metadata.annotations == taken.metadata.annotations
    await working.create(on("own", "other"))
    await working.until_shown(POD, "other", is_ready)
    await working.fleet.delete(POD, "web", "default")
    await working.until_shown(POD, "web", lambda pod: is_deleting(pod.metadata))
    await working.calm()
    # The older agent's containers would have stopped at once.
    assert working.get(POD, "web") is not None


async def test_an_agent_reports_what_its_nodes_and_pods_use(working):
    await working.with_nodes("node", "other")
    fleet = working.fleet
    await working.calm()
    assert [usage.node for usage in await fleet.node_usage()] == ["node", "other"]
    pod = on("node", usage="0.5")
    pod.spec.containers[0].resources.requests["cpu"].string = "100m"
    pod = await working.create(pod)
    await working.until_shown(POD, "web", is_ready)
    assert await fleet.pod_usage() == []
    working.clock.leap(16)
    await working.calm()
    (found,) = await fleet.pod_usage("default", node="node")
    (used,) = found.pods
    assert (used.name, used.uid, used.containers[0].cpu_nanocores) == ("web", pod.metadata.uid, 50_000_000)
    assert [usage.cpu_nanocores for usage in await fleet.node_usage()] == [50_000_000, 0]
    await fleet.delete(POD, "web", "default")
    await working.until_gone(POD, "web")
    working.clock.leap(16)
    await working.calm()
    assert await fleet.pod_usage() == []
    assert [usage.cpu_nanocores for usage in await fleet.node_usage()] == [0, 0]


class OldRegistry:
    """A fleet whose registry knows nothing of usage, and what heartbeats were sent to it."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.heartbeats: list[tuple[list[str], list[NodeUsage]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fleet, name)

    async def register(self, nodes: Any, **options: Any) -> Any:
        answer = await self._fleet.register(nodes, **options)
        answer.ClearField("usage_interval_seconds")
        return answer

    async def heartbeat(self, nodes: Any, session: int, *, usage: Any, **options: Any) -> Any:
        self.heartbeats.append((list(nodes), list(usage)))
        return await self._fleet.heartbeat(nodes, session, usage=usage, **options)


async def test_a_registry_that_does_not_ask_what_is_used_is_not_told(working):
    registry = OldRegistry(working.fleet)
    await working.with_nodes("node", fleet=registry)
    for _ in range(3):
        await working.calm()
        working.clock.leap(11)
    await working.calm()
    assert registry.heartbeats == [(["node"], [])] * 3


async def test_agents_with_other_nodes_give_other_addresses(working):
    await working.with_nodes("a")
    await working.with_nodes("b", first=1)
    for node in "ab":
        await working.create(on(node, f"on-{node}"))
        await working.until_shown(POD, f"on-{node}", is_ready)
    assert {pod.status.pod_ip for pod in working.list(POD)} == {"10.64.0.1", "10.64.1.1"}
