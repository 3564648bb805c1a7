"""Pods get nodes: at once where there is room, later where room appears, and never where they may not be."""

from statefleet.agent.nodes import NodeSize
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.objects.kinds import NODE, POD
from statefleet.objects.pods import condition
from support.objects import a_pod
from support.scheduling import apart, near, prefer_nodes, require_nodes, tolerate
from support.working_fleet import WorkingFleet, is_well


def is_bound(pod: Pod) -> bool:
    return bool(pod.spec.node_name)


def is_unschedulable(pod: Pod) -> bool:
    found = condition(pod, "PodScheduled")
    return found is not None and found.status == "False"


def asking(pod: Pod, cpu: str) -> Pod:
    pod.spec.containers[0].resources.requests["cpu"].string = cpu
    return pod


async def why(working: WorkingFleet, name: str) -> str:
    pod = await working.until_shown(POD, name, is_unschedulable)
    found = condition(pod, "PodScheduled")
    assert found is not None
    assert found.reason == "Unschedulable"
    return found.message


async def test_pods_wait_for_a_node_with_room(working):
    await working.create(asking(a_pod("big"), "2"))
    assert await why(working, "big") == "no nodes available to schedule pods"
    await working.with_nodes("small", size=NodeSize(cpu="1"))
    await working.until_shown(POD, "big", lambda pod: "1 Insufficient cpu" in str(condition(pod, "PodScheduled")))
    await working.with_nodes("large", size=NodeSize(cpu="2"), first=1)
    pod = await working.until_shown(POD, "big", is_bound)
    assert pod.spec.node_name == "large"
    (scheduled,) = await working.events("big", "Scheduled")
    assert scheduled.message == "Successfully assigned default/big to large"
    assert {event.type for event in await working.events("big", "FailedScheduling")} == {"Warning"}


async def test_a_pod_that_goes_makes_room_for_one_that_waits(working):
    await working.with_nodes("node", size=NodeSize(cpu="1"))
    await working.create(asking(a_pod("first"), "1"))
    await working.until_shown(POD, "first", is_bound)
    await working.create(asking(a_pod("second"), "1"))
    assert await why(working, "second") == "0/1 nodes are available: 1 Insufficient cpu."
    await working.fleet.delete(POD, "first", "default")
    await working.until_shown(POD, "second", is_bound)


async def test_a_pod_that_ends_makes_room_though_it_stays(working):
    await working.with_nodes("node", size=NodeSize(cpu="1"))
    await working.create(asking(a_pod("first"), "1"))
    await working.until_shown(POD, "first", lambda pod: pod.status.phase == "Running")
    await working.create(asking(a_pod("second"), "1"))
    await why(working, "second")
    await working.change_status(POD, "first", lambda pod: setattr(pod.status, "phase", "Succeeded"))
    await working.until_shown(POD, "second", is_bound)


async def test_a_cordoned_node_gets_no_pods_until_it_is_uncordoned(working):
    await working.with_nodes("node")
    await working.create(a_pod("before"))
    await working.until_shown(POD, "before", is_bound)
    await working.fleet.cordon("node")
    await working.until_shown(NODE, "node", lambda node: node.spec.taints)
    await working.create(a_pod("after"))
    assert await why(working, "after") == "0/1 nodes are available: 1 node(s) were unschedulable."
    assert working.get(POD, "before") is not None
    await working.fleet.cordon("node", unschedulable=False)
    await working.until_shown(POD, "after", is_bound)
    await working.until_shown(NODE, "node", is_well)


async def test_taints_labels_and_affinity_choose_among_nodes(working):
    await working.with_nodes("a", "b", "c")
    await working.change(NODE, "a", lambda node: node.spec.taints.add(key="k", value="v", effect="NoSchedule"))
    await working.change(NODE, "b", lambda node: node.metadata.labels.update(disk="ssd"))
    await working.until_shown(NODE, "b", lambda node: "disk" in node.metadata.labels)
    await working.until_shown(NODE, "a", lambda node: node.spec.taints)
    asked = {
        "required": require_nodes(a_pod("required"), {"disk": ["ssd"]}),
        "preferred": prefer_nodes(a_pod("preferred"), 1, "disk", "ssd"),
        "tolerant": tolerate(require_nodes(a_pod("tolerant"), by_name="a"), "k", value="v"),
        "repelled": require_nodes(a_pod("repelled"), by_name="a"),
    }
    for pod in asked.values():
        await working.create(pod)
    for name, node in {"required": "b", "preferred": "b", "tolerant": "a"}.items():
        assert (await working.until_shown(POD, name, is_bound)).spec.node_name == node
    assert "1 node(s) had untolerated taint {k: v}" in await why(working, "repelled")


async def test_pods_that_keep_apart_spread_and_wait_for_one_another(working):
    await working.with_nodes("a", "b")
    for index in range(3):
        await working.create(apart(a_pod(f"web-{index}", app="web"), app="web"))
    nodes = await working.until(
        lambda: len(bound := [pod for pod in working.list(POD) if is_bound(pod)]) == 2 and bound
    )
    assert {pod.spec.node_name for pod in nodes} == {"a", "b"}
    (waiting,) = (pod.metadata.name for pod in working.list(POD) if not is_bound(pod))
    assert "2 node(s) didn't match pod anti-affinity rules" in await why(working, waiting)
    await working.with_nodes("c", first=2)
    await working.until_shown(POD, waiting, is_bound)


async def test_a_pod_that_must_be_near_another_waits_for_it(working):
    await working.with_nodes("a", "b", "c")
    await working.create(near(a_pod("web"), "kubernetes.io/hostname", app="db"))
    assert "3 node(s) didn't match pod affinity rules" in await why(working, "web")
    await working.create(require_nodes(a_pod("db", app="db"), by_name="b"))
    assert (await working.until_shown(POD, "web", is_bound)).spec.node_name == "b"


async def test_a_pod_with_gates_or_another_scheduler_is_left_alone(working):
    await working.with_nodes("node")
    gated, foreign = a_pod("gated"), a_pod("foreign")
    gated.spec.scheduling_gates.add(name="example.com/wait")
    foreign.spec.scheduler_name = "another"
    for pod in (gated, foreign, a_pod("ours")):
        await working.create(pod)
    await working.until_shown(POD, "ours", is_bound)
    await working.calm()
    assert not any(is_bound(pod) for pod in working.list(POD) if pod.metadata.name != "ours")
    await working.change(POD, "gated", lambda pod: pod.spec.ClearField("scheduling_gates"))
    await working.until_shown(POD, "gated", is_bound)


async def test_a_hundred_pods_at_once_fit_exactly(working):
    await working.with_nodes(*(f"n{index}" for index in range(10)), size=NodeSize(cpu="1"))
    for index in range(100):
        await working.create(asking(a_pod(f"pod-{index}"), "100m"))
    await working.until(lambda: all(map(is_bound, working.list(POD))) and len(working.list(POD)) == 100)
    nodes = [pod.spec.node_name for pod in working.list(POD)]
    assert {nodes.count(name) for name in nodes} == {10}


async def test_a_binding_that_another_scheduler_made_is_respected(working):
    await working.with_nodes("node", size=NodeSize(cpu="1"))
    foreign = asking(a_pod("foreign"), "1")
    foreign.spec.scheduler_name = "another"
    await working.create(foreign)
    await working.fleet.bind("foreign", "default", "node")
    await working.create(asking(a_pod("ours"), "1"))
    assert "1 Insufficient cpu" in await why(working, "ours")
