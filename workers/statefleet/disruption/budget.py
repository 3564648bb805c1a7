"""Reckon how many pods a budget allows to be disrupted. Pure: no I/O, clock or randomness.

The rules are those of Kubernetes' disruption controller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.policy.v1.policy_pb2 import PodDisruptionBudget
from statefleet.objects.meta import controller_of, is_deleting
from statefleet.objects.pods import is_ready, is_terminal
from statefleet.objects.times import seconds
from statefleet.reconcile.bounds import Bound

DISRUPTED_SECONDS = 120.0
"""How long an eviction counts though the pod shows no sign of it."""


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What a budget's status says."""

    expected: int
    desired_healthy: int
    current_healthy: int
    disrupted: Mapping[str, float]
    """Pods whose eviction counts already, and since when: seconds since the Unix epoch."""
    problem: str = ""
    """Why nothing could be reckoned: nothing is allowed then."""
    unmanaged: tuple[str, ...] = ()
    """Pods without a controller, which the reckoning could not take into account."""
    overdue: tuple[str, ...] = ()
    """Pods that were evicted long ago and show no sign of it; their eviction counts no more."""

    @property
    def allowed(self) -> int:
        """How many more pods may be disrupted."""
        if self.problem or not self.expected:
            return 0
        return max(0, self.current_healthy - self.desired_healthy)


def reckon(
    budget: PodDisruptionBudget, pods: Iterable[Pod], scale: Callable[[Pod], int | None], now: float
) -> Reckoning:
    """Reckon a budget over the pods that it selects.

    `scale` tells how many pods the controller of a pod wants, None where there is no such controller; `now` is in
    seconds since the Unix epoch.
    """
    counted = [pod for pod in pods if not is_terminal(pod)]
    unconfirmed = _unconfirmed(budget, {pod.metadata.name: pod for pod in counted})
    disrupted = {name: since for name, since in unconfirmed.items() if now - since < DISRUPTED_SECONDS}
    healthy = sum(
        is_ready(pod) and not is_deleting(pod.metadata) and pod.metadata.name not in disrupted for pod in counted
    )
    overdue = tuple(name for name in unconfirmed if name not in disrupted)
    spec = budget.spec
    limited, least = spec.HasField("max_unavailable"), Bound.read(spec.min_available)
    if not limited and not least.percent:
        expected = len(counted) if spec.HasField("min_available") else 0
        return Reckoning(expected, least.number, healthy, disrupted, overdue=overdue)
    expected, unmanaged, problem = _scales(counted, scale)
    if limited:
        desired = max(0, expected - Bound.read(spec.max_unavailable).rounded_up(expected))
    else:
        desired = least.rounded_up(expected)
    return Reckoning(expected, desired, healthy, disrupted, problem, unmanaged, overdue)


def _scales(pods: Iterable[Pod], scale: Callable[[Pod], int | None]) -> tuple[int, tuple[str, ...], str]:
    """Return how many pods the controllers of some pods want altogether, the pods without one, and what is wrong."""
    scales: dict[str, int] = {}
    unmanaged: list[str] = []
    for pod in pods:
        controller = controller_of(pod.metadata)
        if controller is None:
            unmanaged.append(pod.metadata.name)
            continue
        wanted = scale(pod)
        if wanted is None:
            return 0, (), f'found no controller with a scale for pod "{pod.metadata.name}"'
        scales[controller.uid] = wanted
    return sum(scales.values()), tuple(unmanaged), ""


def _unconfirmed(budget: PodDisruptionBudget, pods: Mapping[str, Pod]) -> dict[str, float]:
    """Return the pods that were evicted and show no sign of it yet, and since when."""
    found = {}
    for name, since in budget.status.disrupted_pods.items():
        pod = pods.get(name)
        if pod is not None and not is_deleting(pod.metadata):
            found[name] = seconds(since)
    return found
