"""Binding: once, to a node that has not filled since, by a choice that still holds."""

from __future__ import annotations

import asyncio

import pytest

from statefleet.api.object.v1.verbs_pb2 import Binding
from statefleet.errors import BadRequest, Conflict, NotFound
from statefleet.objects.kinds import POD
from support.objects import a_config_map, a_pod
from support.opened_services import Services


def now(services: Services) -> str:
    return str(services.workloads.replica.state.version)


async def test_the_pod_gets_its_node_and_is_scheduled(services: Services) -> None:
    await services.fleet.create(a_pod())
    pod = (await services.fleet.bind("web-0", "default", "n1")).object
    assert (pod.spec.node_name, pod.metadata.generation) == ("n1", 1)
    (condition,) = pod.status.conditions
    assert (condition.type, condition.status) == ("PodScheduled", "True")
    assert condition.last_transition_time.seconds == int(services.clock.now())
    assert not condition.reason


async def test_an_unschedulable_pod_becomes_scheduled(services: Services) -> None:
    pod = (await services.fleet.create(a_pod())).object
    pod.status.conditions.add(type="PodScheduled", status="False", reason="Unschedulable", message="no node")
    await services.fleet.update_status(pod)
    (condition,) = (await services.fleet.bind("web-0", "default", "n1")).object.status.conditions
    assert (condition.status, condition.reason, condition.message) == ("True", "", "")


async def test_a_bound_pod_stays_where_it_is(services: Services) -> None:
    await services.fleet.create(a_pod())
    await services.fleet.bind("web-0", "default", "n1")
    with pytest.raises(Conflict) as caught:
        await services.fleet.bind("web-0", "default", "n2")
    assert caught.value.message == (
        'Operation cannot be fulfilled on pods/binding "web-0": pod web-0 is already assigned to node "n1"'
    )


async def test_of_two_bindings_at_once_one_wins(services: Services) -> None:
    await services.fleet.create(a_pod())
    outcomes = await asyncio.gather(
        services.fleet.bind("web-0", "default", "n1"),
        services.fleet.bind("web-0", "default", "n2"),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 1
    assert (await services.fleet.get(POD, "web-0", "default")).spec.node_name in ("n1", "n2")


async def test_another_pod_of_the_name_is_not_bound(services: Services) -> None:
    await services.fleet.create(a_pod())
    with pytest.raises(Conflict, match="UID in precondition: other"):
        await services.fleet.bind("web-0", "default", "n1", uid="other")
    with pytest.raises(NotFound, match='pods "web-1" not found'):
        await services.fleet.bind("web-1", "default", "n1")


async def test_a_pod_that_is_going_or_gated_is_not_bound(services: Services) -> None:
    going = a_pod("going")
    going.metadata.finalizers.append("example.com/hold")
    await services.fleet.create(going)
    await services.fleet.delete(POD, "going", "default")
    with pytest.raises(Conflict, match="pod going is being deleted, cannot be assigned to a host"):
        await services.fleet.bind("going", "default", "n1")
    gated = a_pod("gated")
    gated.spec.scheduling_gates.add(name="example.com/wait")
    await services.fleet.create(gated)
    with pytest.raises(Conflict, match=r"non-empty \.spec\.schedulingGates"):
        await services.fleet.bind("gated", "default", "n1")


async def test_a_choice_does_not_hold_once_its_node_took_another_pod(services: Services) -> None:
    for name in ("a", "b", "c"):
        await services.fleet.create(a_pod(name))
    observed = now(services)
    await services.fleet.bind("a", "default", "n1", observed_version=observed)
    with pytest.raises(Conflict, match='a pod was bound to node "n1" after version'):
        await services.fleet.bind("b", "default", "n1", observed_version=observed)
    await services.fleet.bind("b", "default", "n2", observed_version=observed)
    await services.fleet.bind("c", "default", "n1", observed_version=now(services))


async def test_a_choice_about_all_nodes_does_not_hold_once_any_took_a_pod(services: Services) -> None:
    for name in ("a", "b"):
        await services.fleet.create(a_pod(name))
    observed = now(services)
    await services.fleet.bind("a", "default", "n1")
    with pytest.raises(Conflict, match="a pod was bound to a node after version"):
        await services.fleet.bind("b", "default", "n2", observed_version=observed, any_node=True)


async def test_a_pod_created_on_a_node_counts_as_bound_to_it(services: Services) -> None:
    await services.fleet.create(a_pod("a"))
    observed = now(services)
    await services.fleet.create(a_pod("b", node="n1"))
    with pytest.raises(Conflict):
        await services.fleet.bind("a", "default", "n1", observed_version=observed)


async def test_of_choices_at_once_for_one_node_one_holds(services: Services) -> None:
    for number in range(4):
        await services.fleet.create(a_pod(f"pod-{number}"))
    observed = now(services)
    outcomes = await asyncio.gather(
        *(services.fleet.bind(f"pod-{n}", "default", "n1", observed_version=observed) for n in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 3


async def test_a_new_pod_comes_with_the_node_chosen_for_it(services: Services) -> None:
    binding = Binding(node="n1", observed_version=now(services))
    pod = (await services.fleet.create(a_pod(), binding=binding)).object
    assert (pod.spec.node_name, pod.status.phase, pod.metadata.generation) == ("n1", "Pending", 1)
    (condition,) = pod.status.conditions
    assert (condition.type, condition.status) == ("PodScheduled", "True")
    assert condition.last_transition_time.seconds == int(services.clock.now())


async def test_a_new_pod_comes_without_a_node_that_another_came_to_since_the_choice(services: Services) -> None:
    observed = now(services)
    await services.fleet.create(a_pod("web-1"))
    await services.fleet.bind("web-1", "default", "n1")
    pod = (await services.fleet.create(a_pod(), binding=Binding(node="n1", observed_version=observed))).object
    assert (pod.spec.node_name, len(pod.status.conditions)) == ("", 0)
    other = (
        await services.fleet.create(a_pod("web-2"), binding=Binding(node="n2", observed_version=observed))
    ).object
    assert other.spec.node_name == "n2"


async def test_of_new_pods_at_once_for_one_node_one_gets_it(services: Services) -> None:
    binding = Binding(node="n1", observed_version=now(services))
    names = ("web-0", "web-1", "web-2")
    written = await asyncio.gather(*(services.fleet.create(a_pod(name), binding=binding) for name in names))
    assert sorted(each.object.spec.node_name for each in written) == ["", "", "n1"]


async def test_a_new_pod_that_has_its_node_refuses_choices_made_before(services: Services) -> None:
    observed = now(services)
    await services.fleet.create(a_pod("web-1"), binding=Binding(node="n1", observed_version=observed))
    await services.fleet.create(a_pod())
    with pytest.raises(Conflict, match='a pod was bound to node "n1" after version'):
        await services.fleet.bind("web-0", "default", "n1", observed_version=observed)


async def test_a_pod_that_names_its_node_itself_keeps_it_and_is_scheduled(services: Services) -> None:
    asked = a_pod()
    asked.spec.node_name = "n2"
    pod = (await services.fleet.create(asked, binding=Binding(node="n1", observed_version=now(services)))).object
    assert pod.spec.node_name == "n2"
    assert [(each.type, each.status) for each in pod.status.conditions] == [("PodScheduled", "True")]


async def test_only_pods_have_nodes(services: Services) -> None:
    with pytest.raises(BadRequest, match="binding: a ConfigMap has no node to be bound to"):
        await services.fleet.create(a_config_map(), binding=Binding(node="n1"))
    with pytest.raises(BadRequest, match=r"binding\.node: Required value"):
        await services.fleet.create(a_pod(), binding=Binding(observed_version="1"))
    with pytest.raises(BadRequest, match="observedVersion"):
        await services.fleet.create(a_pod(), binding=Binding(node="n1", observed_version="x"))
