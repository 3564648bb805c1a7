"""What nodes and pods use: kept by the leader as agents said it last, as long as it is fresh, and never logged."""

from __future__ import annotations

from typing import Any

import pytest

from statefleet.api.nodes.v1.node_registry_pb2 import ListPodUsageRequest
from statefleet.api.nodes.v1.node_registry_pb2_grpc import NodeRegistryStub
from statefleet.api.nodes.v1.usage_pb2 import ContainerUsage, NodeUsage, PodUsage
from statefleet.objects.kinds import NODE
from support.objects import a_node
from support.opened_services import Services
from support.stores import settle


def pod(name: str, namespace: str = "default", *, containers: int = 1) -> PodUsage:
    found = [ContainerUsage(name=f"c{number}", cpu_nanocores=5, memory_bytes=7) for number in range(containers)]
    return PodUsage(name=name, namespace=namespace, uid=f"uid-{name}", containers=found)


def usage(node: str = "node-1", *pods: PodUsage, cpu: int = 5) -> NodeUsage:
    return NodeUsage(node=node, time_millis=3, window_millis=2, cpu_nanocores=cpu, memory_bytes=9, pods=pods)


async def registered(services: Services, *names: str) -> int:
    return (await services.fleet.register(a_node(name) for name in names)).session


async def pods_of(services: Services, namespace: str = "", node: str = "") -> dict[str, list[str]]:
    found = await services.fleet.pod_usage(namespace, node=node)
    return {each.node: [pod.name for pod in each.pods] for each in found}


async def test_what_agents_report_is_listed_by_node_and_by_pod(services: Services) -> None:
    session = await registered(services, "node-1", "node-2")
    version = services.nodes.replica.state.version
    first, second = usage("node-1", pod("a"), pod("b", "other")), usage("node-2", pod("c"))
    await services.fleet.heartbeat(["node-1", "node-2"], session, usage=[second, first])
    assert await services.fleet.node_usage() == [usage("node-1"), usage("node-2")]
    assert await services.fleet.node_usage("node-2") == [usage("node-2")]
    assert await services.fleet.node_usage("node-3") == []
    assert await services.fleet.pod_usage(node="node-2") == [NodeUsage(node="node-2", pods=[pod("c")])]
    assert await pods_of(services) == {"node-1": ["a", "b"], "node-2": ["c"]}
    assert await pods_of(services, "other") == {"node-1": ["b"]}
    assert await pods_of(services, "default", "node-1") == {"node-1": ["a"]}
    assert services.nodes.replica.state.version == version


async def test_a_report_stands_in_for_the_one_before(services: Services) -> None:
    session = await registered(services, "node-1", "node-2")
    await services.fleet.heartbeat(["node-1", "node-2"], session, usage=[usage("node-1", pod("a")), usage("node-2")])
    await services.fleet.heartbeat(["node-1"], session, usage=[usage("node-1", pod("b"), cpu=6)])
    await services.fleet.heartbeat(["node-1", "node-2"], session)
    assert await services.fleet.node_usage() == [usage("node-1", cpu=6), usage("node-2")]
    assert await pods_of(services) == {"node-1": ["b"]}


async def test_the_registry_says_how_often_it_wants_to_be_told(services: Services) -> None:
    assert (await services.fleet.register([a_node()])).usage_interval_seconds == 15.0


async def test_what_was_not_said_again_is_no_longer_served(services: Services) -> None:
    session = await registered(services, "node-1", "node-2")
    await services.fleet.heartbeat(["node-1"], session, usage=[usage("node-1", pod("a"))])
    await services.clock.advance(39)
    await services.fleet.heartbeat(["node-1", "node-2"], session, usage=[usage("node-2", pod("b"))])
    assert await pods_of(services) == {"node-1": ["a"], "node-2": ["b"]}
    await services.clock.advance(2)
    assert await services.fleet.node_usage() == [usage("node-2")]
    assert await services.fleet.node_usage("node-1") == []
    assert await pods_of(services) == {"node-2": ["b"]}


async def test_a_node_that_is_gone_or_was_made_anew_uses_nothing(services: Services) -> None:
    session = await registered(services, "node-1")
    await services.fleet.heartbeat(["node-1"], session, usage=[usage()])
    await services.fleet.delete(NODE, "node-1")
    assert await services.fleet.node_usage() == []
    session = await registered(services, "node-1")
    assert await services.fleet.node_usage() == []
    await services.fleet.heartbeat(["node-1"], session, usage=[usage()])
    assert await services.fleet.node_usage() == [usage()]


async def test_only_the_newest_session_is_believed_and_of_the_nodes_that_it_names(services: Services) -> None:
    first = await registered(services, "node-1", "node-2")
    second = await registered(services, "node-1")
    told = [usage("node-1", cpu=1), usage("node-2", cpu=1)]
    assert list((await services.fleet.heartbeat(["node-1", "node-2"], first, usage=told)).lost) == ["node-1"]
    assert await services.fleet.node_usage() == [usage("node-2", cpu=1)]
    await services.fleet.heartbeat(["node-1"], second, usage=[usage("node-1", cpu=2), usage("node-2", cpu=2)])
    assert await services.fleet.node_usage() == [usage("node-1", cpu=2), usage("node-2", cpu=1)]


async def test_a_new_leader_knows_nothing_until_it_is_told(services: Services) -> None:
    session = await registered(services, "node-1")
    await services.fleet.heartbeat(["node-1"], session, usage=[usage()])
    services.coordination.revoke("nodes")
    await settle()
    await services.nodes.replica.leading()
    assert await services.fleet.node_usage() == []
    await services.fleet.heartbeat(["node-1"], session, usage=[usage()])
    assert await services.fleet.node_usage() == [usage()]


@pytest.mark.parametrize("namespace", ["", "default"])
async def test_what_is_too_much_for_one_answer_comes_in_pages(services: Services, namespace: str) -> None:
    names = [f"node-{number}" for number in range(3)]
    session = await registered(services, *names)
    for name in names:
        heavy = usage(name, pod(f"on-{name}", containers=100_000), pod("elsewhere", "other"))
        await services.fleet.heartbeat([name], session, usage=[heavy])
    stub: Any = NodeRegistryStub(services.channel)
    first = await stub.ListPodUsage(ListPodUsageRequest(namespace=namespace))
    assert ([each.node for each in first.nodes], first.next) == (["node-0"], "node-0")
    shown = await pods_of(services, namespace)
    assert {node: pods[0] for node, pods in shown.items()} == {name: f"on-{name}" for name in names}
