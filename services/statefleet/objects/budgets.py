"""The condition by which a disruption budget says whether it allows a disruption. Pure: no I/O or clock."""

from __future__ import annotations

from typing import Final

from statefleet.api.meta.v1.condition_pb2 import Condition
from statefleet.api.policy.v1.policy_pb2 import PodDisruptionBudgetStatus

DISRUPTION_ALLOWED: Final = "DisruptionAllowed"
"""The condition's type."""
SUFFICIENT_PODS: Final = "SufficientPods"
"""The reason where it is True."""
INSUFFICIENT_PODS: Final = "InsufficientPods"
"""The reason where it is False."""
SYNC_FAILED: Final = "SyncFailed"
"""The reason where the numbers could not be reckoned; the condition is False then."""


def disruption_allowed(status: PodDisruptionBudgetStatus) -> Condition | None:
    """Return the condition, where the status has it."""
    return next((found for found in status.conditions if found.type == DISRUPTION_ALLOWED), None)
