"""Health: silence makes a node Unknown, its return makes it Ready, and little of it is written."""

from __future__ import annotations

from statefleet.api.core.v1.node_pb2 import Node, NodeCondition
from statefleet.objects.kinds import NODE
from support.objects import a_node
from support.opened_services import Services
from support.stores import settle


async def ready(services: Services, name: str = "node-1") -> NodeCondition:
    node = await services.fleet.get(NODE, name)
    return next(condition for condition in node.status.conditions if condition.type == "Ready")


def pressed(name: str = "node-1") -> Node:
    node = a_node(name)
    node.status.conditions.add(type="MemoryPressure", status="False", reason="KubeletHasSufficientMemory")
    return node


async def pass_time(services: Services, seconds: float) -> None:
    """Let time pass in steps short enough for the leader to look."""
    while seconds > 0:
        await services.clock.advance(min(2.0, seconds))
        seconds -= 2.0


async def test_silence_makes_a_node_unknown(services: Services) -> None:
    await services.fleet.register([pressed()])
    await pass_time(services, 40)
    assert (await ready(services)).status == "True"
    await pass_time(services, 4)
    condition = await ready(services)
    assert (condition.status, condition.reason) == ("Unknown", "NodeStatusUnknown")
    assert condition.last_transition_time.seconds == int(services.clock.now()) - 2
    node = await services.fleet.get(NODE, "node-1")
    assert {each.type: each.status for each in node.status.conditions} == {
        "Ready": "Unknown",
        "MemoryPressure": "Unknown",
    }


async def test_heartbeats_keep_a_node_ready_and_write_nothing(services: Services) -> None:
    session = (await services.fleet.register([a_node()])).session
    version = services.nodes.replica.state.version
    for _ in range(14):
        await pass_time(services, 20)
        await services.fleet.heartbeat(["node-1"], session)
    assert services.nodes.replica.state.version == version


async def test_a_node_that_returns_is_ready_when_its_heartbeat_is_answered(services: Services) -> None:
    session = (await services.fleet.register([pressed()])).session
    await pass_time(services, 60)
    assert (await ready(services)).status == "Unknown"
    assert not (await services.fleet.heartbeat(["node-1"], session)).lost
    condition = await ready(services)
    assert condition.status == "True"
    assert condition.last_transition_time.seconds == int(services.clock.now())
    node = await services.fleet.get(NODE, "node-1")
    assert {each.type: each.status for each in node.status.conditions}["MemoryPressure"] == "False"


async def test_registering_again_brings_a_node_back_too(services: Services) -> None:
    await services.fleet.register([a_node()])
    await pass_time(services, 60)
    await services.fleet.register([a_node()])
    assert (await ready(services)).status == "True"
    await pass_time(services, 30)
    assert (await ready(services)).status == "True"


async def test_the_heartbeat_time_is_written_every_five_minutes(services: Services) -> None:
    session = (await services.fleet.register([a_node()])).session
    registered = services.clock.now()
    for _ in range(31):
        await pass_time(services, 10)
        await services.fleet.heartbeat(["node-1"], session)
    assert (await ready(services)).last_heartbeat_time.seconds == int(registered) + 300
    assert (await ready(services)).last_transition_time.seconds == int(registered)


async def test_only_silent_nodes_are_touched(services: Services) -> None:
    session = (await services.fleet.register([a_node("node-1"), a_node("node-2")])).session
    for _ in range(3):
        await pass_time(services, 20)
        await services.fleet.heartbeat(["node-2"], session)
    assert (await ready(services)).status == "Unknown"
    assert (await ready(services, "node-2")).status == "True"


async def test_a_node_without_agent_is_unknown_after_a_while(services: Services) -> None:
    await services.fleet.create(a_node())
    await pass_time(services, 30)
    assert not (await services.fleet.get(NODE, "node-1")).status.conditions
    await pass_time(services, 20)
    condition = await ready(services)
    assert (condition.status, condition.reason) == ("Unknown", "NodeStatusNeverUpdated")


async def test_a_new_leader_gives_a_full_grace_period(services: Services) -> None:
    await services.fleet.register([a_node()])
    await pass_time(services, 30)
    services.coordination.revoke("nodes")
    await settle()
    await services.nodes.replica.leading()
    await pass_time(services, 38)
    assert (await ready(services)).status == "True"
    await pass_time(services, 10)
    assert (await ready(services)).status == "Unknown"


async def test_a_node_made_anew_under_the_same_name_begins_anew(services: Services) -> None:
    await services.fleet.register([a_node()])
    await pass_time(services, 38)
    await services.fleet.delete(NODE, "node-1")
    await services.fleet.create(a_node())
    await pass_time(services, 30)
    assert not (await services.fleet.get(NODE, "node-1")).status.conditions
