"""Decide an eviction: the budgets that select the pod, and its deletion, in one transaction. Pure."""

from __future__ import annotations

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.policy.v1.policy_pb2 import PodDisruptionBudget, PodDisruptionBudgetStatus
from statefleet.api.workloads.v1.workload_store_pb2 import EvictRequest
from statefleet.errors import Cause, Internal, Subject, TooManyRequests
from statefleet.objects.budgets import INSUFFICIENT_PODS, SYNC_FAILED, disruption_allowed
from statefleet.objects.kinds import POD, POD_DISRUPTION_BUDGET
from statefleet.objects.meta import is_deleting, to_time
from statefleet.objects.pods import is_ready, is_terminal, tell_disruption
from statefleet.objects.selectors import LabelSelector
from statefleet.store.deletion import decide_deletion
from statefleet.store.draft import Draft
from statefleet.store.entries import Entry, Key
from statefleet.store.rejections import forbidden, not_found
from statefleet.store.strategy import Strategy

_UNCONFIRMED_LIMIT = 2000
"""How many evicted pods a budget may wait to see go before it allows no more."""
_RETRY_SECONDS = 10


def decide_eviction(draft: Draft, strategy: Strategy[Pod], request: EvictRequest) -> tuple[Pod, bool]:
    """Return the pod as it is left and whether it is gone, having put all changes into the draft.

    A pod that does not run, or has ended, or is being deleted passes every budget. One that runs but is not ready
    passes while its budget is met, or always where the budget says so. Else a disruption is taken from the budget.
    Raises NotFound, Conflict, TooManyRequests where the budget is spent or not yet observed, Forbidden, and Internal
    where several budgets select the pod.
    """
    stored = draft.state.get(Key(POD.name, request.namespace, request.name))
    if stored is None:
        raise not_found(POD, request.name)
    pod = stored.message
    if not (pod.status.phase == "Pending" or is_terminal(pod) or is_deleting(pod.metadata)):
        budget = _budget_for(draft, pod)
        if budget is not None and not _passes_unready(pod, budget.message):
            _spend(draft, budget, pod.metadata.name)
    return decide_deletion(draft, strategy, stored, request.delete_options, _disrupted(stored, draft.now))


def _budget_for(draft: Draft, pod: Pod) -> Entry | None:
    budgets = [
        entry
        for entry in draft.state.list(POD_DISRUPTION_BUDGET.name, pod.metadata.namespace)
        if entry.message.spec.HasField("selector")
        and LabelSelector.from_message(entry.message.spec.selector).matches(pod.metadata.labels)
    ]
    if len(budgets) > 1:
        raise Internal(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
    return budgets[0] if budgets else None


def _passes_unready(pod: Pod, budget: PodDisruptionBudget) -> bool:
    if is_ready(pod):
        return False
    if budget.spec.unhealthy_pod_eviction_policy == "AlwaysAllow":
        return True
    return budget.status.current_healthy >= budget.status.desired_healthy > 0


def _spend(draft: Draft, stored: Entry, pod: str) -> None:
    """Take one disruption from a budget."""
    old: PodDisruptionBudget = stored.message
    name, status = old.metadata.name, old.status
    if status.observed_generation < old.metadata.generation:
        raise _blocked(f"The disruption budget {name} is still being processed by the server.", _RETRY_SECONDS)
    if status.disruptions_allowed < 0:
        raise forbidden(POD_DISRUPTION_BUDGET, name, "pdb disruptions allowed is negative")
    if len(status.disrupted_pods) > _UNCONFIRMED_LIMIT:
        why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise forbidden(POD_DISRUPTION_BUDGET, name, why)
    if status.disruptions_allowed == 0:
        raise _blocked(f"The disruption budget {name} {_why_spent(status)}")
    budget: PodDisruptionBudget = stored.copy()
    budget.status.disruptions_allowed -= 1
    if budget.status.disruptions_allowed == 0:
        _disallow(budget, draft.now)
    budget.status.disrupted_pods[pod].CopyFrom(to_time(draft.now))
    draft.replace(POD_DISRUPTION_BUDGET, budget, stored)


def _why_spent(status: PodDisruptionBudgetStatus) -> str:
    """Return what keeps a budget from allowing a disruption, in Kubernetes' words.

    The numbers are no reason where they could not be reckoned, nor where more pods are healthy than must be: then an
    eviction was allowed just now that they do not count yet.
    """
    told = disruption_allowed(status)
    refusal = told if told is not None and told.status == "False" and told.message else None
    if refusal is not None and refusal.reason == SYNC_FAILED:
        return f"does not allow evicting pods currently because it failed sync: {refusal.message}"
    if status.current_healthy <= status.desired_healthy:
        return f"needs {status.desired_healthy} healthy pods and has {status.current_healthy} currently"
    if refusal is not None:
        return f"does not allow evicting pods currently ({refusal.reason}): {refusal.message}"
    return "does not allow evicting pods currently"


def _blocked(why: str, retry_after_seconds: int = 0) -> TooManyRequests:
    return TooManyRequests(
        "Cannot evict pod as it would violate the pod's disruption budget.",
        Subject(causes=(Cause("DisruptionBudget", why),), retry_after_seconds=retry_after_seconds),
    )


def _disallow(budget: PodDisruptionBudget, now: float) -> None:
    allowed = disruption_allowed(budget.status)
    if allowed is not None and allowed.status != "False":
        allowed.status, allowed.reason = "False", INSUFFICIENT_PODS
        allowed.last_transition_time.CopyFrom(to_time(now))
        allowed.observed_generation = budget.metadata.generation


def _disrupted(stored: Entry, now: float) -> Pod:
    """Return a copy of the pod with the condition that says that it was evicted."""
    pod: Pod = stored.copy()
    tell_disruption(pod, "EvictionByEvictionAPI", "Eviction API: evicting", now)
    return pod
