"""Keep the status of disruption budgets true to their pods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.policy.v1.policy_pb2 import PodDisruptionBudget
from statefleet.disruption.budget import DISRUPTED_SECONDS, Reckoning, reckon
from statefleet.objects.kinds import POD, POD_DISRUPTION_BUDGET, STATEFUL_SET
from statefleet.objects.meta import controller_of, is_deleting
from statefleet.objects.pods import is_ready, is_terminal
from statefleet.objects.selectors import LabelSelector
from statefleet.objects.times import to_time
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import Controller, Result, Watched, itself
from statefleet.reconcile.events import EventRecorder
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.keys import Key
from statefleet.runtime.clock import Clock

_CONDITION = "DisruptionAllowed"


class Disruption(Controller):
    """Reckons budgets. A key is a budget."""

    name = "disruption"

    def __init__(self, cache: Cache, recorder: EventRecorder, clock: Clock) -> None:
        self._cache = cache
        self._recorder = recorder
        self._clock = clock

    def watches(self) -> Sequence[Watched]:
        """Watch budgets, the pods that they select, and the sets that say how many there should be."""
        return [
            itself(POD_DISRUPTION_BUDGET),
            Watched(POD, self._keys_of_pod),
            Watched(STATEFUL_SET, lambda before, after: self._keys_in((after or before).metadata.namespace)),
        ]

    async def reconcile(self, key: Key, act: Executor) -> Result:
        """Write a budget's status."""
        budget = self._cache.get(POD_DISRUPTION_BUDGET, key.namespace, key.name)
        if budget is None or is_deleting(budget.metadata):
            return Result()
        selector = LabelSelector.from_message(budget.spec.selector)
        pods = [pod for pod in self._cache.list(POD, key.namespace) if selector.matches(pod.metadata.labels)]
        reckoning = reckon(budget, pods, self._scale, self._clock.now())
        if reckoning.problem:
            self._recorder.warning(budget, "CalculateExpectedPodCountFailed", reckoning.problem)
        changed = _with_status(budget, reckoning, self._clock.now())
        if changed.status != budget.status:
            await act.update_status(changed)
        return Result(requeue_after=DISRUPTED_SECONDS if reckoning.disrupted else None)

    def _scale(self, pod: Pod) -> int | None:
        controller = controller_of(pod.metadata)
        if controller is None or controller.kind != STATEFUL_SET.name:
            return None
        found = self._cache.get(STATEFUL_SET, pod.metadata.namespace, controller.name)
        return found.spec.replicas if found is not None and found.metadata.uid == controller.uid else None

    def _keys_in(self, namespace: str) -> list[Key]:
        budgets = self._cache.list(POD_DISRUPTION_BUDGET, namespace)
        return [Key(namespace, budget.metadata.name) for budget in budgets]

    def _keys_of_pod(self, before: Pod | None, after: Pod | None) -> Iterable[Key]:
        if before is not None and after is not None and not _matters(before, after):
            return
        pods = [pod for pod in (before, after) if pod is not None]
        for budget in self._cache.list(POD_DISRUPTION_BUDGET, pods[0].metadata.namespace):
            selector = LabelSelector.from_message(budget.spec.selector)
            if any(selector.matches(pod.metadata.labels) for pod in pods):
                yield Key(budget.metadata.namespace, budget.metadata.name)


def _matters(before: Pod, after: Pod) -> bool:
    return (
        is_ready(before) != is_ready(after)
        or is_deleting(before.metadata) != is_deleting(after.metadata)
        or is_terminal(before) != is_terminal(after)
        or before.metadata.labels != after.metadata.labels
    )


def _with_status(budget: PodDisruptionBudget, reckoning: Reckoning, now: float) -> PodDisruptionBudget:
    changed = PodDisruptionBudget()
    changed.CopyFrom(budget)
    status = changed.status
    status.observed_generation = budget.metadata.generation
    status.expected_pods = reckoning.expected
    status.desired_healthy = reckoning.desired_healthy
    status.current_healthy = reckoning.current_healthy
    status.disruptions_allowed = reckoning.allowed
    status.disrupted_pods.clear()
    for name, since in reckoning.disrupted.items():
        status.disrupted_pods[name].CopyFrom(to_time(since))
    _set_condition(changed, reckoning, now)
    return changed


def _set_condition(budget: PodDisruptionBudget, reckoning: Reckoning, now: float) -> None:
    if reckoning.problem:
        wanted = ("False", "SyncFailed", reckoning.problem)
    else:
        wanted = ("True", "SufficientPods", "") if reckoning.allowed else ("False", "InsufficientPods", "")
    conditions = budget.status.conditions
    found = next((condition for condition in conditions if condition.type == _CONDITION), None)
    if found is None:
        found = conditions.add(type=_CONDITION)
    if found.status != wanted[0]:
        found.last_transition_time.CopyFrom(to_time(now))
    found.status, found.reason, found.message = wanted
    found.observed_generation = budget.metadata.generation
