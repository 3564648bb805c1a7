"""How many pods a budget allows to be disrupted."""

import pytest

from statefleet.api.meta.v1.primitives_pb2 import IntOrString
from statefleet.api.policy.v1.policy_pb2 import PodDisruptionBudget
from statefleet.disruption.budget import DISRUPTED_SECONDS, reckon
from statefleet.reconcile.bounds import Bound
from support.objects import a_pod, running, set_condition

NOW = 1000.0


def a_budget(**spec: int | str) -> PodDisruptionBudget:
    budget = PodDisruptionBudget()
    for field, value in spec.items():
        asked = IntOrString(type=1, str_val=value) if isinstance(value, str) else IntOrString(int_val=value)
        getattr(budget.spec, field).CopyFrom(asked)
        getattr(budget.spec, field).SetInParent()
    return budget


def pods(ready: int, unready: int = 0, *, owner: str = "set"):
    found = [running(a_pod(f"web-{index}"), ready=index < ready) for index in range(ready + unready)]
    for pod in found if owner else ():
        pod.metadata.owner_references.add(kind="StatefulSet", name="web", uid=owner, controller=True)
    return found


@pytest.mark.surface("texts.budget-status")
@pytest.mark.parametrize(
    ("spec", "ready", "unready", "scale", "desired", "allowed"),
    [
        ({"min_available": 2}, 3, 0, 3, 2, 1),
        ({"min_available": 2}, 2, 1, 3, 2, 0),
        ({"min_available": 2}, 1, 2, 3, 2, 0),
        ({"min_available": 0}, 3, 0, 3, 0, 3),
        ({"min_available": "50%"}, 3, 0, 3, 2, 1),
        ({"min_available": "100%"}, 3, 0, 3, 3, 0),
        ({"min_available": "1%"}, 3, 0, 3, 1, 2),
        ({"max_unavailable": 1}, 3, 0, 3, 2, 1),
        ({"max_unavailable": 1}, 2, 0, 3, 2, 0),
        ({"max_unavailable": 5}, 3, 0, 3, 0, 3),
        ({"max_unavailable": 0}, 3, 0, 3, 3, 0),
        ({"max_unavailable": "34%"}, 3, 0, 3, 1, 2),
        ({"max_unavailable": "30%"}, 10, 0, 10, 7, 3),
    ],
)
def test_what_a_budget_allows(spec, ready, unready, scale, desired, allowed):
    found = reckon(a_budget(**spec), pods(ready, unready), lambda pod: scale, NOW)
    assert (found.desired_healthy, found.current_healthy, found.allowed) == (desired, ready, allowed)


def test_a_number_counts_the_pods_there_are_and_a_share_those_there_should_be():
    assert reckon(a_budget(min_available=1), pods(2), lambda pod: 5, NOW).expected == 2
    assert reckon(a_budget(min_available="50%"), pods(2), lambda pod: 5, NOW).expected == 5
    two_sets = [*pods(2, owner="one"), *pods(1, owner="other")]
    assert reckon(a_budget(max_unavailable=1), two_sets, lambda pod: 5, NOW).expected == 10


def test_without_pods_nothing_is_allowed():
    assert reckon(a_budget(min_available=0), [], lambda pod: 0, NOW).allowed == 0


def test_a_budget_that_asks_for_nothing_allows_nothing():
    found = reckon(a_budget(), pods(3), lambda pod: 3, NOW)
    assert (found.expected, found.desired_healthy, found.current_healthy, found.allowed) == (0, 0, 3, 0)


def test_pods_that_go_or_have_ended_are_not_healthy():
    three = pods(3)
    three[0].metadata.deletion_timestamp.seconds = 1
    three[1].status.phase = "Failed"
    found = reckon(a_budget(min_available=1), three, lambda pod: 3, NOW)
    assert (found.expected, found.current_healthy) == (2, 1)


def test_pods_without_a_controller_are_left_out_and_told():
    found = reckon(a_budget(max_unavailable=1), [*pods(2), running(a_pod("alone"))], lambda pod: 2, NOW)
    assert (found.expected, found.unmanaged, found.problem) == (2, ("alone",), "")
    assert not reckon(a_budget(min_available=1), pods(1, owner=""), lambda pod: 2, NOW).unmanaged


def test_a_controller_without_a_scale_allows_nothing():
    found = reckon(a_budget(max_unavailable=1), pods(3), lambda pod: None, NOW)
    assert found.problem == 'found no controller with a scale for pod "web-0"'
    assert found.allowed == 0


@pytest.mark.parametrize(
    ("since", "counts", "overdue"), [(NOW - 1, True, False), (NOW - DISRUPTED_SECONDS, False, True)]
)
def test_an_eviction_counts_until_the_pod_shows_it_or_for_two_minutes(since, counts, overdue):
    budget = a_budget(min_available=1)
    budget.status.disrupted_pods["web-0"].seconds = int(since)
    budget.status.disrupted_pods["gone"].seconds = int(since)
    found = reckon(budget, pods(3), lambda pod: 3, NOW)
    assert ("web-0" in found.disrupted, found.overdue == ("web-0",)) == (counts, overdue)
    assert found.current_healthy == (2 if counts else 3)


def test_an_eviction_that_shows_counts_no_more():
    budget = a_budget(min_available=1)
    budget.status.disrupted_pods["web-0"].seconds = int(NOW)
    three = pods(3)
    three[0].metadata.deletion_timestamp.seconds = 1
    found = reckon(budget, three, lambda pod: 3, NOW)
    assert (found.disrupted, found.current_healthy) == ({}, 2)


def test_readiness_is_the_condition_not_the_phase():
    (pod,) = pods(1)
    set_condition(pod, "Ready", "Unknown")
    assert reckon(a_budget(min_available=1), [pod], lambda pod: 1, NOW).current_healthy == 0


@pytest.mark.parametrize(("text", "total", "wanted"), [("50%", 5, 3), ("0%", 5, 0), ("7%", 100, 7), ("29%", 100, 29)])
def test_shares_are_rounded_up(text, total, wanted):
    assert Bound.read(IntOrString(type=1, str_val=text)).rounded_up(total) == wanted
