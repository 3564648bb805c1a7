"""Reckon how many pods a budget allows to be disrupted. Pure: no I/O, clock or randomness.

The rules are those of Kubernetes' disruption controller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import ceil

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.meta.v1.primitives_pb2 import IntOrString
from statefleet.api.policy.v1.policy_pb2 import PodDisruptionBudget
from statefleet.objects.meta import controller_of, is_deleting
from statefleet.objects.pods import is_ready, is_terminal
from statefleet.objects.times import seconds

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
    disrupted = _still_disrupted(budget, {pod.metadata.name: pod for pod in counted}, now)
    healthy = sum(
        is_ready(pod) and not is_deleting(pod.metadata) and pod.metadata.name not in disrupted for pod in counted
    )
    expected, desired, problem = _expected(budget, counted, scale)
    return Reckoning(expected, desired, healthy, disrupted, problem)


def _expected(
    budget: PodDisruptionBudget, pods: list[Pod], scale: Callable[[Pod], int | None]
) -> tuple[int, int, str]:
    spec = budget.spec
    if spec.HasField("max_unavailable"):
        expected, problem = _scales(pods, scale)
        return expected, max(0, expected - amount(spec.max_unavailable, expected)), problem
    if spec.min_available.type == 1:
        expected, problem = _scales(pods, scale)
        return expected, amount(spec.min_available, expected), problem
    return len(pods), spec.min_available.int_val, ""


def _scales(pods: Iterable[Pod], scale: Callable[[Pod], int | None]) -> tuple[int, str]:
    """Return how many pods the controllers of some pods want altogether."""
    scales: dict[str, int] = {}
    for pod in pods:
        controller = controller_of(pod.metadata)
        wanted = scale(pod) if controller is not None else None
        if controller is None or wanted is None:
            return 0, f'found no controller with a scale for pod "{pod.metadata.name}"'
        scales[controller.uid] = wanted
    return sum(scales.values()), ""


def amount(value: IntOrString, total: int) -> int:
    """Return an amount given as a number or as a share of `total`, rounded up."""
    if value.type == 1:
        return ceil(int(value.str_val.removesuffix("%")) * total / 100)
    return value.int_val


def _still_disrupted(budget: PodDisruptionBudget, pods: Mapping[str, Pod], now: float) -> dict[str, float]:
    found = {}
    for name, since in budget.status.disrupted_pods.items():
        pod = pods.get(name)
        if pod is not None and not is_deleting(pod.metadata) and now - seconds(since) < DISRUPTED_SECONDS:
            found[name] = seconds(since)
    return found
