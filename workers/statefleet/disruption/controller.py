"""Keep the status of disruption budgets true to their pods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.policy.v1.policy_pb2 import PodDisruptionBudget, PodDisruptionBudgetStatus
from statefleet.disruption.budget import DISRUPTED_SECONDS, Reckoning, reckon
from statefleet.objects.budgets import (
    DISRUPTION_ALLOWED,
    INSUFFICIENT_PODS,
    SUFFICIENT_PODS,
    SYNC_FAILED,
    disruption_allowed,
)
from statefleet.objects.kinds import POD, POD_DISRUPTION_BUDGET, STATEFUL_SET
from statefleet.objects.meta import controller_of, full_name, is_deleting
from statefleet.objects.pods import is_ready, is_terminal
from statefleet.objects.selectors import NOTHING, LabelSelector
from statefleet.objects.times import to_time
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import Controller, Result, Watched, itself
from statefleet.reconcile.events import EventRecorder
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.keys import Key, key_of
from statefleet.reconcile.memo import Memo
from statefleet.runtime.clock import Clock

PAUSE_SECONDS = 0.1
"""The least time between two statuses of a budget, where the later one is good news: while pods are rolled it would
be out of date at once. What allows less is written without delay, for evictions rely on it."""
_SCALED = (STATEFUL_SET.name, STATEFUL_SET.api_version)


class Disruption(Controller):
    """Reckons budgets. A key is a budget."""

    name = "disruption"

    def __init__(self, cache: Cache, recorder: EventRecorder, clock: Clock) -> None:
        self._cache = cache
        self._recorder = recorder
        self._clock = clock
        self._selector = Memo(cache, POD_DISRUPTION_BUDGET, _selector)
        self._written: dict[Key, float] = {}

    def watches(self) -> Sequence[Watched]:
        """Watch budgets, the pods that they select, and the sets that say how many there should be."""
        return [
            itself(POD_DISRUPTION_BUDGET),
            Watched(POD, self._keys_of_pod),
            Watched(STATEFUL_SET, self._keys_of_set),
        ]

    async def reconcile(self, key: Key, act: Executor) -> Result:
        """Write a budget's status."""
        budget = self._cache.get(POD_DISRUPTION_BUDGET, key.namespace, key.name)
        if budget is None or is_deleting(budget.metadata):
            self._written.pop(key, None)
            return Result()
        selector = self._selector(budget)
        pods = [pod for pod in self._cache.list(POD, key.namespace) if selector.matches(pod.metadata.labels)]
        now = self._clock.now()
        reckoning = reckon(budget, pods, self._scale, now)
        self._tell(budget, reckoning)
        changed = _with_status(budget, reckoning, now)
        if changed.status != budget.status:
            at = self._clock.monotonic()
            wait = self._written.get(key, -PAUSE_SECONDS) + PAUSE_SECONDS - at
            if wait > 0 and _is_good_news(changed.status, budget.status):
                return Result(requeue_after=wait)
            self._written[key] = at
            await act.update_status(changed)
        oldest = min(reckoning.disrupted.values(), default=None)
        return Result(requeue_after=None if oldest is None else oldest + DISRUPTED_SECONDS - now)

    def _tell(self, budget: PodDisruptionBudget, reckoning: Reckoning) -> None:
        if reckoning.problem:
            self._recorder.warning(budget, "CalculateExpectedPodCountFailed", reckoning.problem)
        if reckoning.unmanaged:
            text = (
                "some pods that the budget selects have no controller and are not reckoned with: give minAvailable as"
            )
            self._recorder.warning(budget, "UnmanagedPods", f"{text} a number to have all pods counted")
        text = f"Pod was expected by PDB {full_name(budget.metadata)} to be deleted but it wasn't"
        for name in reckoning.overdue:
            pod = self._cache.get(POD, budget.metadata.namespace, name)
            self._recorder.warning(pod, "NotDeleted", text)

    def _scale(self, pod: Pod) -> int | None:
        controller = controller_of(pod.metadata)
        if controller is None or (controller.kind, controller.api_version) != _SCALED:
            return None
        found = self._cache.get(STATEFUL_SET, pod.metadata.namespace, controller.name)
        return found.spec.replicas if found is not None and found.metadata.uid == controller.uid else None

    def _keys_of_set(self, before: StatefulSet | None, after: StatefulSet | None) -> Iterable[Key]:
        found = after if after is not None else before
        if found is None or (before and after and before.spec.replicas == after.spec.replicas):
            return []
        return [key_of(budget) for budget in self._cache.list(POD_DISRUPTION_BUDGET, found.metadata.namespace)]

    def _keys_of_pod(self, before: Pod | None, after: Pod | None) -> Iterable[Key]:
        if before is not None and after is not None and not _matters(before, after):
            return
        pods = [pod for pod in (before, after) if pod is not None]
        for budget in self._cache.list(POD_DISRUPTION_BUDGET, pods[0].metadata.namespace):
            selector = self._selector(budget)
            if any(selector.matches(pod.metadata.labels) for pod in pods):
                yield Key(budget.metadata.namespace, budget.metadata.name)


def _selector(budget: PodDisruptionBudget) -> LabelSelector:
    """Return what a budget selects: nothing where it has no selector, everything where that is empty."""
    return LabelSelector.from_message(budget.spec.selector) if budget.spec.HasField("selector") else NOTHING


def _matters(before: Pod, after: Pod) -> bool:
    return (
        is_ready(before) != is_ready(after)
        or is_deleting(before.metadata) != is_deleting(after.metadata)
        or is_terminal(before) != is_terminal(after)
        or before.metadata.labels != after.metadata.labels
        or before.metadata.owner_references != after.metadata.owner_references
    )


def _is_good_news(new: PodDisruptionBudgetStatus, old: PodDisruptionBudgetStatus) -> bool:
    """Return whether a status allows no less than the one before, to the same budget."""
    return (
        new.observed_generation == old.observed_generation
        and new.disruptions_allowed >= old.disruptions_allowed
        and new.current_healthy >= old.current_healthy
        and new.desired_healthy <= old.desired_healthy
    )


def _with_status(budget: PodDisruptionBudget, reckoning: Reckoning, now: float) -> PodDisruptionBudget:
    changed = PodDisruptionBudget()
    changed.CopyFrom(budget)
    status = changed.status
    status.disruptions_allowed = reckoning.allowed
    _set_condition(changed, reckoning, now)
    if reckoning.problem:
        return changed
    status.observed_generation = budget.metadata.generation
    status.expected_pods = reckoning.expected
    status.desired_healthy = reckoning.desired_healthy
    status.current_healthy = reckoning.current_healthy
    status.disrupted_pods.clear()
    for name, since in reckoning.disrupted.items():
        status.disrupted_pods[name].CopyFrom(to_time(since))
    return changed


def _set_condition(budget: PodDisruptionBudget, reckoning: Reckoning, now: float) -> None:
    if reckoning.problem:
        wanted = ("False", SYNC_FAILED, reckoning.problem)
    else:
        wanted = ("True", SUFFICIENT_PODS, "") if reckoning.allowed else ("False", INSUFFICIENT_PODS, "")
    found = disruption_allowed(budget.status)
    if found is None:
        found = budget.status.conditions.add(type=DISRUPTION_ALLOWED)
    if found.status != wanted[0]:
        found.last_transition_time.CopyFrom(to_time(now))
    found.status, found.reason, found.message = wanted
    found.observed_generation = budget.metadata.generation
