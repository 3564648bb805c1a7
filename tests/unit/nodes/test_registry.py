"""Nodes: how agents enter them, take them over, and how they are cordoned."""

from __future__ import annotations

import pytest

from statefleet.api.core.v1.node_pb2 import Node
from statefleet.errors import BadRequest, Fenced, Invalid, NotFound
from statefleet.objects.kinds import NODE
from support.objects import a_node
from support.opened_services import Services


def ready(node: Node) -> str:
    return next((condition.status for condition in node.status.conditions if condition.type == "Ready"), "")


async def stored(services: Services, name: str = "node-1") -> Node:
    return await services.fleet.get(NODE, name)


async def test_a_registered_node_is_ready_and_labelled(services: Services) -> None:
    asked = a_node()
    asked.metadata.labels["zone"] = "a"
    asked.status.node_info.architecture = "arm64"
    (node,) = (await services.fleet.register([asked])).nodes
    assert dict(node.metadata.labels) == {
        "zone": "a",
        "kubernetes.io/hostname": "node-1",
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "arm64",
    }
    assert ready(node) == "True"
    assert node.status.allocatable["cpu"].string == "2"
    (condition,) = node.status.conditions
    assert condition.last_heartbeat_time.seconds == int(services.clock.now())
    assert node == await stored(services)


async def test_an_agent_can_stand_for_many_nodes(services: Services) -> None:
    answer = await services.fleet.register(a_node(f"node-{number}") for number in range(250))
    assert len(answer.nodes) == 250
    assert answer.heartbeat_interval_seconds > 0
    assert len((await services.fleet.list(NODE)).items) == 250


async def test_a_node_is_taken_up_again_with_what_others_wrote(services: Services) -> None:
    first = (await services.fleet.register([a_node()])).nodes[0]
    await services.fleet.cordon("node-1")
    tainted = await stored(services)
    tainted.spec.taints.add(key="example.com/old", effect="NoSchedule")
    tainted.metadata.labels["by-hand"] = "yes"
    await services.fleet.update(tainted)
    grown = a_node()
    grown.status.capacity["cpu"].string = "8"
    grown.status.addresses.add(type="InternalIP", address="10.0.0.1")
    again = (await services.fleet.register([grown])).nodes[0]
    assert again.metadata.uid == first.metadata.uid
    assert again.metadata.labels["by-hand"] == "yes"
    assert again.spec.unschedulable
    assert "example.com/old" in [taint.key for taint in again.spec.taints]
    assert again.status.capacity["cpu"].string == "8"
    assert again.status.allocatable["cpu"].string == "8"
    assert again.status.addresses[0].address == "10.0.0.1"


async def test_a_second_agent_fences_the_first(services: Services) -> None:
    first = await services.fleet.register([a_node("node-1"), a_node("node-2")])
    second = await services.fleet.register([a_node("node-1")])
    assert second.session > first.session
    answer = await services.fleet.heartbeat(["node-1", "node-2", "node-3"], first.session)
    assert list(answer.lost) == ["node-1", "node-3"]
    assert not (await services.fleet.heartbeat(["node-1"], second.session)).lost
    stale = first.nodes[0]
    stale.metadata.resource_version, stale.status.phase = "", "Running"
    with pytest.raises(Fenced, match='node "node-1" has been taken by a newer session'):
        await services.fleet.update_status(stale)
    await services.fleet.update_status(second.nodes[0])


async def test_an_agent_that_registers_some_of_its_nodes_again_keeps_the_others(services: Services) -> None:
    await services.fleet.register([a_node("node-1"), a_node("node-2")])
    again = await services.fleet.register([a_node("node-1")])
    assert not (await services.fleet.heartbeat(["node-1", "node-2"], again.session)).lost


async def test_an_update_cannot_take_a_node_over(services: Services) -> None:
    node = (await services.fleet.register([a_node()])).nodes[0]
    node.metadata.annotations["statefleet.io/agent-session"] = "99"
    updated = (await services.fleet.update(node)).object
    assert updated.metadata.annotations["statefleet.io/agent-session"] == "1"
    bare = a_node()
    assert (await services.fleet.update(bare)).object.metadata.annotations["statefleet.io/agent-session"] == "1"


async def test_cordoning(services: Services) -> None:
    await services.fleet.register([a_node()])
    assert (await services.fleet.cordon("node-1")).object.spec.unschedulable
    version = services.nodes.replica.state.version
    assert (await services.fleet.cordon("node-1")).object.spec.unschedulable
    assert services.nodes.replica.state.version == version
    assert not (await services.fleet.cordon("node-1", unschedulable=False)).object.spec.unschedulable
    with pytest.raises(NotFound, match='nodes "nope" not found'):
        await services.fleet.cordon("nope")


async def test_the_pods_network_of_a_node_stays(services: Services) -> None:
    node = a_node()
    node.spec.pod_cidr = "10.64.0.0/24"
    stored = (await services.fleet.create(node)).object
    assert list(stored.spec.pod_cidrs) == ["10.64.0.0/24"]
    stored.spec.pod_cidr = "10.64.1.0/24"
    with pytest.raises(Invalid, match=r"spec\.podCIDRs: Forbidden: node updates may not change podCIDR"):
        await services.fleet.update(stored)


async def test_a_node_by_hand_keeps_its_status_and_can_be_deleted(services: Services) -> None:
    node = (await services.fleet.create(a_node())).object
    assert node.status.capacity["cpu"].string == "2"
    assert ready(node) == ""
    assert (await services.fleet.delete(NODE, "node-1")).deleted
    assert list((await services.fleet.heartbeat(["node-1"], 1)).lost) == ["node-1"]


async def test_what_cannot_be_registered(services: Services) -> None:
    with pytest.raises(BadRequest, match="each node needs a name"):
        await services.fleet.register([Node()])
    with pytest.raises(Invalid, match=r'Node "Not_A_Name" is invalid: metadata\.name'):
        await services.fleet.register([a_node("Not_A_Name")])
