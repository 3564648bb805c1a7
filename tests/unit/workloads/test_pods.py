"""Pods: how they begin, change, become ready and end."""

from __future__ import annotations

import pytest

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions
from statefleet.errors import Invalid, NotFound
from statefleet.objects.kinds import POD
from support.objects import a_pod, running
from support.opened_services import Services

FIRST_READY = "statefleet.io/first-ready"


async def placed(services: Services, *, grace: int | None = None) -> Pod:
    """A pod that runs on a node."""
    pod = a_pod()
    if grace is not None:
        pod.spec.termination_grace_period_seconds = grace
    await services.fleet.create(pod)
    await services.fleet.bind("web-0", "default", "n1")
    return (await services.fleet.update_status(running(a_pod()))).object


async def delete(services: Services, grace: int | None = None) -> tuple[Pod, bool]:
    options = DeleteOptions() if grace is None else DeleteOptions(grace_period_seconds=grace)
    answer = await services.fleet.delete(POD, "web-0", "default", options=options)
    return answer.object.pod, answer.deleted


async def test_a_new_pod_is_pending_whatever_it_says(services: Services) -> None:
    pod = (await services.fleet.create(running(a_pod()))).object
    assert (pod.status.phase, pod.status.qos_class) == ("Pending", "BestEffort")
    assert not pod.status.conditions
    assert pod.metadata.generation == 1


async def test_the_quality_of_service_rests_on_defaulted_requests(services: Services) -> None:
    pod = a_pod()
    for resource in ("cpu", "memory"):
        pod.spec.containers[0].resources.limits[resource].string = "1"
    assert (await services.fleet.create(pod)).object.status.qos_class == "Guaranteed"


async def test_lost_nodes_are_tolerated_for_five_minutes(services: Services) -> None:
    pod = (await services.fleet.create(a_pod())).object
    assert [(each.key, each.operator, each.effect, each.toleration_seconds) for each in pod.spec.tolerations] == [
        ("node.kubernetes.io/not-ready", "Exists", "NoExecute", 300),
        ("node.kubernetes.io/unreachable", "Exists", "NoExecute", 300),
    ]


async def test_a_pod_that_says_itself_what_it_tolerates_keeps_that(services: Services) -> None:
    pod = a_pod()
    pod.spec.tolerations.add(key="node.kubernetes.io/not-ready", operator="Exists", effect="NoExecute")
    stored = (await services.fleet.create(pod)).object
    assert [each.key for each in stored.spec.tolerations] == [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ]
    everything = a_pod("web-1")
    everything.spec.tolerations.add(operator="Exists")
    assert len((await services.fleet.create(everything)).object.spec.tolerations) == 1


async def test_the_image_can_change_and_raises_the_generation(services: Services) -> None:
    await services.fleet.create(a_pod())
    updated = (await services.fleet.update(a_pod(image="nginx:2"))).object
    assert updated.spec.containers[0].image == "nginx:2"
    assert updated.metadata.generation == 2


async def test_the_rest_of_the_spec_cannot_change(services: Services) -> None:
    pod = (await services.fleet.create(a_pod())).object
    pod.spec.hostname = "other"
    with pytest.raises(Invalid, match="spec: Forbidden: pod updates may not change fields other than"):
        await services.fleet.update(pod)


async def test_the_first_readiness_is_stamped_once(services: Services) -> None:
    await services.fleet.create(a_pod())
    not_ready = (await services.fleet.update_status(running(a_pod(), ready=False))).object
    assert FIRST_READY not in not_ready.metadata.annotations
    ready = (await services.fleet.update_status(running(a_pod()))).object
    assert ready.metadata.annotations[FIRST_READY] == "1970-01-12T13:46:40Z"
    await services.clock.advance(60)
    await services.fleet.update_status(running(a_pod(), ready=False))
    again = (await services.fleet.update_status(running(a_pod()))).object
    assert again.metadata.annotations[FIRST_READY] == "1970-01-12T13:46:40Z"
    assert again.status.qos_class == "BestEffort"


async def test_a_running_pod_is_marked_and_gone_when_its_node_says_so(services: Services) -> None:
    before = await placed(services)
    marked, gone = await delete(services)
    assert not gone
    assert marked.metadata.deletion_grace_period_seconds == 30
    assert marked.metadata.deletion_timestamp.seconds == int(services.clock.now()) + 30
    assert marked.metadata.generation == before.metadata.generation + 1
    _, gone = await delete(services, 0)
    assert gone
    with pytest.raises(NotFound):
        await services.fleet.get(POD, "web-0", "default")


async def test_a_second_delete_can_only_shorten_the_grace_period(services: Services) -> None:
    await placed(services)
    first, _ = await delete(services, 20)
    longer, _ = await delete(services, 60)
    assert longer == first
    unsaid, _ = await delete(services)
    assert unsaid == first
    shorter, gone = await delete(services, 5)
    assert not gone
    assert shorter.metadata.deletion_grace_period_seconds == 5
    assert shorter.metadata.deletion_timestamp.seconds == first.metadata.deletion_timestamp.seconds - 15


async def test_a_pod_without_a_node_is_gone_at_once(services: Services) -> None:
    await services.fleet.create(a_pod())
    _, gone = await delete(services)
    assert gone


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
async def test_a_pod_that_has_ended_is_gone_at_once(services: Services, phase: str) -> None:
    pod = await placed(services)
    pod.status.phase = phase
    pod.metadata.resource_version = ""
    await services.fleet.update_status(pod)
    _, gone = await delete(services)
    assert gone


async def test_a_pod_without_grace_is_gone_at_once(services: Services) -> None:
    await placed(services, grace=0)
    _, gone = await delete(services)
    assert gone


async def test_a_finalizer_keeps_a_pod_whose_grace_is_over(services: Services) -> None:
    pod = a_pod(node="n1")
    pod.metadata.finalizers.append("example.com/hold")
    await services.fleet.create(pod)
    await delete(services)
    held, gone = await delete(services, 0)
    assert not gone
    assert held.metadata.deletion_grace_period_seconds == 0
    del held.metadata.finalizers[:]
    await services.fleet.update(held)
    with pytest.raises(NotFound):
        await services.fleet.get(POD, "web-0", "default")


async def test_the_last_finalizer_does_not_cut_the_grace_period_short(services: Services) -> None:
    pod = a_pod(node="n1")
    pod.metadata.finalizers.append("example.com/hold")
    await services.fleet.create(pod)
    marked, _ = await delete(services)
    del marked.metadata.finalizers[:]
    await services.fleet.update(marked)
    assert (await services.fleet.get(POD, "web-0", "default")).metadata.deletion_grace_period_seconds == 30
