"""Budgets know how many pods may go, over the real services."""

import pytest

from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions
from statefleet.api.policy.v1.policy_pb2 import PodDisruptionBudget
from statefleet.errors import TooManyRequests
from statefleet.objects.kinds import POD, POD_DISRUPTION_BUDGET, STATEFUL_SET
from statefleet.objects.pods import is_ready
from support.objects import a_budget, a_pod, a_stateful_set
from support.working_fleet import WorkingFleet

BUDGET = POD_DISRUPTION_BUDGET


def maximum(share: str) -> PodDisruptionBudget:
    budget = a_budget(app="web")
    budget.spec.ClearField("min_available")
    budget.spec.max_unavailable.type, budget.spec.max_unavailable.str_val = 1, share
    return budget


async def a_set(working: WorkingFleet, replicas: int = 3) -> None:
    await working.with_nodes("a", "b", "c")
    await working.create(a_stateful_set(replicas=replicas))
    await working.until(lambda: sum(map(is_ready, working.list(POD))) == replicas)


async def until_allowed(working: WorkingFleet, allowed: int, healthy: int = 3) -> PodDisruptionBudget:
    def is_reckoned(budget: PodDisruptionBudget) -> bool:
        status = budget.status
        return (status.disruptions_allowed, status.current_healthy) == (allowed, healthy)

    return await working.until_shown(BUDGET, "budget", is_reckoned)


def conditions(budget: PodDisruptionBudget) -> dict[str, str]:
    return {each.status: each.reason for each in budget.status.conditions}


@pytest.mark.surface("texts.budget-status")
async def test_an_eviction_takes_from_the_budget_until_the_pod_is_back(working):
    await a_set(working)
    await working.create(a_budget(min_available=2, app="web"))
    budget = await until_allowed(working, 1)
    assert (budget.status.expected_pods, budget.status.desired_healthy) == (3, 2)
    assert conditions(budget) == {"True": "SufficientPods"}
    first = working.get(POD, "web-0")
    await working.fleet.evict("web-0", "default")
    with pytest.raises(TooManyRequests):
        await working.fleet.evict("web-1", "default")
    await working.until_shown(POD, "web-0", lambda pod: pod.metadata.uid != first.metadata.uid and is_ready(pod))
    assert not (await until_allowed(working, 1)).status.disrupted_pods


async def test_a_share_is_of_what_the_set_should_have(working):
    await a_set(working)
    await working.create(maximum("34%"))
    assert (await until_allowed(working, 2)).status.desired_healthy == 1
    await working.change(STATEFUL_SET, "web", lambda found: setattr(found.spec, "replicas", 6))
    budget = await until_allowed(working, 3, healthy=6)
    assert (budget.status.expected_pods, budget.status.desired_healthy) == (6, 3)


async def test_a_budget_for_pods_without_a_scale_allows_nothing_and_says_so(working):
    await working.with_nodes("a")
    stray = a_pod("stray", app="web")
    stray.metadata.owner_references.add(kind="ReplicaSet", api_version="apps/v1", name="r", uid="r", controller=True)
    await working.create(stray)
    await working.until_shown(POD, "stray", is_ready)
    await working.create(maximum("50%"))
    budget = await working.until_shown(BUDGET, "budget", lambda budget: budget.status.conditions)
    assert conditions(budget) == {"False": "SyncFailed"}
    assert await working.events("budget", "CalculateExpectedPodCountFailed")


async def test_an_empty_selector_is_all_pods_and_none_is_no_pod(working):
    await a_set(working)
    everything, nothing = a_budget("everything"), a_budget("nothing")
    everything.spec.selector.SetInParent()
    nothing.spec.ClearField("selector")
    for budget in (everything, nothing):
        await working.create(budget)
    found = await working.until_shown(BUDGET, "everything", lambda budget: budget.status.conditions)
    assert found.status.expected_pods == 3
    found = await working.until_shown(BUDGET, "nothing", lambda budget: budget.status.conditions)
    assert found.status.expected_pods == 0


async def test_an_eviction_that_comes_to_nothing_is_forgotten_after_two_minutes(working):
    await a_set(working)
    await working.create(a_budget(min_available=2, app="web"))
    await until_allowed(working, 1)

    def disrupt(budget: PodDisruptionBudget) -> None:
        budget.status.disrupted_pods["web-1"].seconds = int(working.clock.now())

    await working.change_status(BUDGET, "budget", disrupt)
    await until_allowed(working, 0, healthy=2)
    working.clock.leap(110)
    await working.calm()
    await until_allowed(working, 0, healthy=2)
    working.clock.leap(11)
    assert not (await until_allowed(working, 1)).status.disrupted_pods
    (event,) = await working.events("web-1", "NotDeleted")
    assert event.message == "Pod was expected by PDB default/budget to be deleted but it wasn't"


@pytest.mark.surface("texts.budget-status")
async def test_a_change_of_the_budget_is_reckoned_anew(working):
    await a_set(working)
    await working.create(a_budget(min_available=2, app="web"))
    await until_allowed(working, 1)
    changed = await working.change(BUDGET, "budget", lambda b: setattr(b.spec.min_available, "int_val", 3))
    budget = await until_allowed(working, 0)
    assert budget.status.observed_generation == changed.metadata.generation
    assert conditions(budget) == {"False": "InsufficientPods"}


async def test_pods_that_a_set_takes_over_are_reckoned_with(working):
    await a_set(working)
    await working.create(maximum("1%"))
    await until_allowed(working, 1)
    orphan = DeleteOptions(propagation_policy="Orphan")
    await working.fleet.delete(STATEFUL_SET, "web", "default", options=orphan)
    await working.until_gone(STATEFUL_SET, "web")
    await until_allowed(working, 0)
    await working.create(a_stateful_set(replicas=3))
    await working.until(lambda: all(pod.metadata.owner_references for pod in working.list(POD)))
    assert (await until_allowed(working, 1)).status.expected_pods == 3
