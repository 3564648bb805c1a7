"""What becomes of a node that is lost, and of its pods, over the real services.

The registry gives a node 40 seconds of silence; pods tolerate a lost node for 300, unless they say otherwise.
"""

import asyncio

import pytest

from statefleet.agent.behaviour import Behaviour
from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions
from statefleet.node_lifecycle.consequences import NOT_READY, OUT_OF_SERVICE, UNREACHABLE, readiness
from statefleet.objects.kinds import NODE, POD, STATEFUL_SET
from statefleet.objects.meta import is_deleting
from statefleet.objects.pods import condition, is_ready
from support.objects import a_pod, a_stateful_set
from support.working_fleet import Cable, WorkingFleet, is_well

GRACE_SECONDS = 45
TOLERATION_SECONDS = 301


def taints(node: Node) -> set[tuple[str, str]]:
    return {(taint.key, taint.effect) for taint in node.spec.taints}


def is_lost(node: Node) -> bool:
    return readiness(node) == "Unknown" and taints(node) == {(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")}


async def lose(working: WorkingFleet, agent: asyncio.Task[None], *nodes: str) -> None:
    """Have the machine that an agent runs on fail."""
    agent.cancel()
    await asyncio.wait([agent])
    working.clock.leap(GRACE_SECONDS)
    for name in nodes:
        await working.until_shown(NODE, name, is_lost)


async def a_running_pod(working: WorkingFleet, name: str = "web", **options: str) -> Pod:
    await working.create(a_pod(name, **options))
    return await working.until_shown(POD, name, is_ready)


async def until_evicted(working: WorkingFleet, name: str) -> Pod:
    await working.until_shown(POD, name, lambda pod: not is_ready(pod))
    working.clock.leap(TOLERATION_SECONDS)
    return await working.until_shown(POD, name, lambda pod: is_deleting(pod.metadata))


@pytest.mark.surface("S4.identity")
async def test_a_lost_node_is_tainted_and_its_pods_are_not_ready_then_evicted_and_stay(working):
    agent = await working.with_nodes("node")
    pod = await a_running_pod(working)
    await lose(working, agent, "node")
    unready = await working.until_shown(POD, "web", lambda pod: not is_ready(pod))
    assert not is_deleting(unready.metadata)
    assert unready.status.phase == "Running"
    target = condition(await until_evicted(working, "web"), "DisruptionTarget")
    assert target is not None
    assert (target.status, target.reason) == ("True", "DeletionByTaintManager")
    assert await working.events("web", "NodeNotReady")
    assert await working.events("web", "TaintManagerEviction")
    working.clock.leap(3600)
    await working.calm()
    assert await working.is_stored(pod)


@pytest.mark.surface("S4.node-gone")
async def test_pods_of_a_lost_node_go_when_the_node_is_deleted(working):
    agent = await working.with_nodes("node")
    await a_running_pod(working)
    await lose(working, agent, "node")
    await until_evicted(working, "web")
    await working.fleet.delete(NODE, "node")
    await working.until_gone(POD, "web")


async def test_a_pod_that_others_hold_when_its_node_is_gone_has_failed_for_that(working):
    agent = await working.with_nodes("node")
    pod = a_pod("web")
    pod.metadata.finalizers.append("example.com/hold")
    await working.create(pod)
    await working.until_shown(POD, "web", is_ready)
    await lose(working, agent, "node")
    await working.fleet.delete(NODE, "node")
    held = await working.until_shown(POD, "web", lambda pod: is_deleting(pod.metadata))
    target = condition(held, "DisruptionTarget")
    assert target is not None
    assert (held.status.phase, target.reason) == ("Failed", "DeletionByPodGC")


async def test_pods_that_are_not_evicted_yet_go_with_the_node_too(working):
    agent = await working.with_nodes("node")
    await a_running_pod(working)
    await lose(working, agent, "node")
    await working.fleet.delete(NODE, "node")
    await working.until_gone(POD, "web")


@pytest.mark.surface("S4.out-of-service")
async def test_pods_of_a_lost_node_go_when_it_is_out_of_service(working):
    agent = await working.with_nodes("node")
    await a_running_pod(working)
    await lose(working, agent, "node")
    await until_evicted(working, "web")
    await working.change(NODE, "node", lambda n: n.spec.taints.add(key=OUT_OF_SERVICE, effect="NoExecute"))
    await working.until_gone(POD, "web")


async def test_pods_of_a_node_that_is_well_are_only_evicted_though_it_is_said_to_be_out_of_service(working):
    await working.with_nodes("node", behaviour=Behaviour(stop_delay=600))
    pod = await a_running_pod(working)
    await working.change(NODE, "node", lambda n: n.spec.taints.add(key=OUT_OF_SERVICE, effect="NoExecute"))
    await working.until_shown(POD, "web", lambda pod: is_deleting(pod.metadata))
    await working.calm()
    assert await working.is_stored(pod)


@pytest.mark.surface("S4.force")
async def test_a_pod_of_a_lost_node_can_be_force_deleted(working):
    agent = await working.with_nodes("node")
    await a_running_pod(working)
    await lose(working, agent, "node")
    await working.fleet.delete(POD, "web", "default", options=DeleteOptions(grace_period_seconds=0))
    await working.until_gone(POD, "web")


async def test_a_node_that_comes_back_loses_its_taints_and_its_pods_are_ready_again(working):
    cable = Cable(working.fleet)
    await working.with_nodes("node", fleet=cable)
    pod = await a_running_pod(working)
    cable.is_cut = True
    working.clock.leap(GRACE_SECONDS)
    await working.until_shown(NODE, "node", is_lost)
    await working.until_shown(POD, "web", lambda pod: not is_ready(pod))
    cable.is_cut = False
    working.clock.leap(10)
    await working.until_shown(NODE, "node", is_well)
    back = await working.until_shown(POD, "web", is_ready)
    assert back.metadata.uid == pod.metadata.uid
    working.clock.leap(5)
    await working.calm()
    assert not is_deleting(working.get(POD, "web").metadata)


async def test_pods_that_were_evicted_end_once_their_node_is_back(working):
    agent = await working.with_nodes("node")
    await a_running_pod(working)
    await lose(working, agent, "node")
    await until_evicted(working, "web")
    await working.with_nodes("node")
    await working.until_gone(POD, "web")


@pytest.mark.surface("S4.identity", "S4.node-gone")
async def test_a_set_does_not_make_a_second_pod_of_an_identity_while_the_first_may_run(working):
    agent = await working.with_nodes("a")
    await working.create(a_stateful_set(replicas=1))
    first = await working.until_shown(POD, "web-0", is_ready)
    await working.with_nodes("b", first=1)
    await lose(working, agent, "a")
    await until_evicted(working, "web-0")
    await working.calm()
    assert [pod.metadata.uid for pod in working.list(POD)] == [first.metadata.uid]
    assert working.get(STATEFUL_SET, "web").status.ready_replicas == 0
    await working.fleet.delete(NODE, "a")
    second = await working.until_shown(POD, "web-0", is_ready)
    assert (second.spec.node_name, second.metadata.uid == first.metadata.uid) == ("b", False)


async def test_a_pod_may_tolerate_a_lost_node_for_longer_or_not_at_all(working):
    agent = await working.with_nodes("node")
    for name, seconds in (("patient", None), ("hasty", 0)):
        pod = a_pod(name)
        toleration = pod.spec.tolerations.add(key=UNREACHABLE, operator="Exists", effect="NoExecute")
        if seconds is not None:
            toleration.toleration_seconds = seconds
        await working.create(pod)
        await working.until_shown(POD, name, is_ready)
    await lose(working, agent, "node")
    await working.until_shown(POD, "hasty", lambda pod: is_deleting(pod.metadata))
    working.clock.leap(10 * TOLERATION_SECONDS)
    await working.until_shown(POD, "patient", lambda pod: not is_ready(pod))
    await working.calm()
    assert not is_deleting(working.get(POD, "patient").metadata)


async def test_a_taint_that_executes_evicts_the_pods_that_do_not_tolerate_it(working):
    await working.with_nodes("node")
    await a_running_pod(working)
    tolerant = a_pod("tolerant")
    tolerant.spec.tolerations.add(key="maintenance", operator="Exists")
    await working.create(tolerant)
    await working.until_shown(POD, "tolerant", is_ready)
    await working.change(NODE, "node", lambda n: n.spec.taints.add(key="maintenance", effect="NoExecute"))
    await working.until_gone(POD, "web")
    assert working.get(POD, "tolerant") is not None


async def test_a_taint_that_bears_no_time_evicts_when_it_was_tolerated_long_enough_since_it_was_seen(working):
    await working.with_nodes("node")
    pod = a_pod("web")
    pod.spec.tolerations.add(key="maintenance", operator="Exists", toleration_seconds=60, effect="NoExecute")
    await working.create(pod)
    await working.until_shown(POD, "web", is_ready)
    await working.change(NODE, "node", lambda n: n.spec.taints.add(key="maintenance", effect="NoExecute"))
    await working.calm()
    working.clock.leap(30)
    await working.change(NODE, "node", lambda n: n.metadata.labels.update(seen="again"))
    await working.calm()
    assert not is_deleting(working.get(POD, "web").metadata)
    working.clock.leap(31)
    await working.until_gone(POD, "web")
    assert not working.get(NODE, "node").spec.taints[0].HasField("time_added")


async def test_a_node_made_by_hand_gets_no_pods_before_somebody_says_it_is_ready(working):
    node = Node()
    node.metadata.name = "by-hand"
    await working.create(node)
    found = await working.until_shown(NODE, "by-hand", lambda node: node.spec.taints)
    assert taints(found) == {(NOT_READY, "NoSchedule")}


async def test_pressure_repels_new_pods(working):
    await working.with_nodes("node")

    def press(node: Node) -> None:
        next(each for each in node.status.conditions if each.type == "MemoryPressure").status = "True"

    await working.change_status(NODE, "node", press)
    found = await working.until_shown(NODE, "node", lambda node: node.spec.taints)
    assert taints(found) == {("node.kubernetes.io/memory-pressure", "NoSchedule")}


async def test_a_pod_bound_to_a_node_that_is_not_there_goes(working):
    await working.create(a_pod("lost", node="nowhere"))
    await working.until_shown(POD, "lost")
    await working.until_gone(POD, "lost")


async def test_pods_of_many_nodes_lost_at_once_are_all_seen_to(working):
    names = [f"n{index}" for index in range(20)]
    agent = await working.with_nodes(*names)
    await working.create(a_stateful_set(replicas=0))
    for name in names:
        await working.create(a_pod(f"on-{name}", node=name))
    await working.until(lambda: sum(map(is_ready, working.list(POD))) == len(names))
    await lose(working, agent, *names)
    await working.until(lambda: not any(map(is_ready, working.list(POD))))
    working.clock.leap(TOLERATION_SECONDS)
    await working.until(lambda: all(is_deleting(pod.metadata) for pod in working.list(POD)))
