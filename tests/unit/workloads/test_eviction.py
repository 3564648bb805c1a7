"""Evictions: what passes, what a budget blocks, and that a budget is never spent twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.policy.v1.policy_pb2 import PodDisruptionBudget
from statefleet.errors import Internal, NotFound, TooManyRequests
from statefleet.objects.kinds import POD, POD_DISRUPTION_BUDGET
from support.objects import a_budget, a_pod, running
from support.opened_services import Services

BLOCKED = "Cannot evict pod as it would violate the pod's disruption budget."


async def place(services: Services, name: str = "web-0", *, ready: bool = True) -> Pod:
    await services.fleet.create(a_pod(name, node="n1", app="web"))
    return (await services.fleet.update_status(running(a_pod(name), ready=ready))).object


async def budget(
    services: Services, *, allowed: int, healthy: int = 3, desired: int = 3, name: str = "web-pdb", **spec: Any
) -> None:
    """A budget that has been observed, with so many disruptions left."""
    wanted = a_budget(name, app="web")
    for field, value in spec.items():
        setattr(wanted.spec, field, value)
    stored = (await services.fleet.create(wanted)).object
    status = stored.status
    status.disruptions_allowed, status.current_healthy, status.desired_healthy = allowed, healthy, desired
    status.observed_generation, status.expected_pods = stored.metadata.generation, healthy
    status.conditions.add(type="DisruptionAllowed", status="True", reason="SufficientPods")
    status.conditions[0].last_transition_time.seconds = 1
    await services.fleet.update_status(stored)


async def stored_budget(services: Services) -> PodDisruptionBudget:
    return await services.fleet.get(POD_DISRUPTION_BUDGET, "web-pdb", "default")


async def evict(services: Services, name: str = "web-0") -> Pod:
    await services.fleet.evict(name, "default")
    return await services.fleet.get(POD, name, "default")


@pytest.mark.surface("texts.eviction-condition")
async def test_without_a_budget_the_pod_is_marked_and_says_why(services: Services) -> None:
    await place(services)
    pod = await evict(services)
    assert pod.metadata.HasField("deletion_timestamp")
    condition = next(each for each in pod.status.conditions if each.type == "DisruptionTarget")
    assert (condition.status, condition.reason, condition.message) == (
        "True",
        "EvictionByEvictionAPI",
        "Eviction API: evicting",
    )


async def test_a_disruption_is_taken_from_the_budget(services: Services) -> None:
    await place(services)
    await budget(services, allowed=1)
    await evict(services)
    status = (await stored_budget(services)).status
    assert status.disruptions_allowed == 0
    assert status.disrupted_pods["web-0"].seconds == int(services.clock.now())
    assert (status.conditions[0].status, status.conditions[0].reason) == ("False", "InsufficientPods")


@pytest.mark.surface("texts.eviction-blocked")
async def test_a_spent_budget_blocks(services: Services) -> None:
    await place(services)
    await budget(services, allowed=0)
    with pytest.raises(TooManyRequests) as caught:
        await evict(services)
    assert caught.value.message == BLOCKED
    assert caught.value.subject is not None
    (cause,) = caught.value.subject.causes
    assert cause.reason == "DisruptionBudget"
    assert cause.message == "The disruption budget web-pdb needs 3 healthy pods and has 3 currently"
    assert not (await services.fleet.get(POD, "web-0", "default")).metadata.HasField("deletion_timestamp")


@pytest.mark.surface("texts.eviction-blocked")
@pytest.mark.parametrize(
    ("healthy", "reason", "message", "why"),
    [
        (2, "InsufficientPods", "", "needs 3 healthy pods and has 2 currently"),
        (4, "InsufficientPods", "", "does not allow evicting pods currently"),
        (4, "Held", "by hand", "does not allow evicting pods currently (Held): by hand"),
        (3, "SyncFailed", "no scale", "does not allow evicting pods currently because it failed sync: no scale"),
    ],
)
async def test_a_budget_that_allows_nothing_says_why(
    services: Services, healthy: int, reason: str, message: str, why: str
) -> None:
    await place(services)
    await budget(services, allowed=0, healthy=healthy)
    stored = await stored_budget(services)
    condition = stored.status.conditions[0]
    condition.status, condition.reason, condition.message = "False", reason, message
    await services.fleet.update_status(stored)
    with pytest.raises(TooManyRequests) as caught:
        await evict(services)
    assert caught.value.subject is not None
    assert caught.value.subject.causes[0].message == f"The disruption budget web-pdb {why}"


@pytest.mark.surface("texts.eviction-unobserved")
async def test_a_budget_that_was_not_observed_since_it_changed_blocks_for_a_while(services: Services) -> None:
    await place(services)
    await services.fleet.create(a_budget("web-pdb", app="web"))
    with pytest.raises(TooManyRequests) as caught:
        await evict(services)
    assert caught.value.subject is not None
    assert caught.value.subject.retry_after_seconds == 10
    assert caught.value.subject.causes[0].message == (
        "The disruption budget web-pdb is still being processed by the server."
    )


@pytest.mark.surface("texts.eviction-two-budgets")
async def test_two_budgets_are_an_error(services: Services) -> None:
    await place(services)
    await budget(services, allowed=1)
    await budget(services, allowed=1, name="second")
    with pytest.raises(Internal, match="This pod has more than one PodDisruptionBudget"):
        await evict(services)


async def test_of_evictions_at_once_the_budget_lets_as_many_through_as_it_allows(services: Services) -> None:
    for number in range(6):
        await place(services, f"web-{number}")
    await budget(services, allowed=2)
    outcomes = await asyncio.gather(
        *(services.fleet.evict(f"web-{number}", "default") for number in range(6)), return_exceptions=True
    )
    assert sum(outcome is None for outcome in outcomes) == 2
    assert sum(isinstance(outcome, TooManyRequests) for outcome in outcomes) == 4
    going = [pod for pod in (await services.fleet.list(POD)).items if pod.metadata.HasField("deletion_timestamp")]
    assert {pod.metadata.name for pod in going} == set((await stored_budget(services)).status.disrupted_pods)


@pytest.mark.surface("texts.eviction-passes")
@pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Pending"])
async def test_a_pod_that_does_not_run_passes(services: Services, phase: str) -> None:
    await services.fleet.create(a_pod(node="n1", app="web"))
    pod = a_pod()
    pod.status.phase = phase
    await services.fleet.update_status(pod)
    await budget(services, allowed=0, healthy=2)
    await services.fleet.evict("web-0", "default")
    assert not (await stored_budget(services)).status.disrupted_pods


@pytest.mark.surface("texts.eviction-passes")
async def test_a_pod_that_is_going_passes(services: Services) -> None:
    await place(services)
    await services.fleet.delete(POD, "web-0", "default")
    await budget(services, allowed=0)
    await evict(services)
    assert not (await stored_budget(services)).status.disrupted_pods


@pytest.mark.surface("texts.eviction-unready")
@pytest.mark.parametrize(
    ("healthy", "desired", "policy", "passes"),
    [
        (3, 3, "", True),
        (2, 3, "", False),
        (0, 0, "", False),
        (2, 3, "IfHealthyBudget", False),
        (2, 3, "AlwaysAllow", True),
    ],
)
async def test_a_pod_that_is_not_ready(
    services: Services, healthy: int, desired: int, policy: str, passes: bool
) -> None:
    await place(services, ready=False)
    spec = {"unhealthy_pod_eviction_policy": policy} if policy else {}
    await budget(services, allowed=0, healthy=healthy, desired=desired, **spec)
    if passes:
        assert (await evict(services)).metadata.HasField("deletion_timestamp")
    else:
        with pytest.raises(TooManyRequests):
            await evict(services)


async def test_a_budget_of_other_pods_or_without_selector_does_not_matter(services: Services) -> None:
    await place(services)
    await services.fleet.create(a_budget("others", app="other"))
    unselecting = a_budget("none")
    unselecting.spec.ClearField("selector")
    await services.fleet.create(unselecting)
    assert (await evict(services)).metadata.HasField("deletion_timestamp")


async def test_a_dry_run_spends_nothing(services: Services) -> None:
    await place(services)
    await budget(services, allowed=1)
    await services.fleet.evict("web-0", "default", dry_run=True)
    assert (await stored_budget(services)).status.disruptions_allowed == 1


async def test_a_pod_that_does_not_exist(services: Services) -> None:
    with pytest.raises(NotFound, match='pods "web-0" not found'):
        await services.fleet.evict("web-0", "default")
