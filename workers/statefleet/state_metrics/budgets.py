"""Metrics of disruption budgets, as kube-state-metrics names them. Pure: no I/O or clock."""

from __future__ import annotations

from statefleet.api.policy.v1.policy_pb2 import PodDisruptionBudget
from statefleet.state_metrics.families import Family, Table, created, labels, one

BUDGETS: Table[PodDisruptionBudget] = Table(
    lambda budget: labels(namespace=budget.metadata.namespace, poddisruptionbudget=budget.metadata.name),
    (
        Family(
            "kube_poddisruptionbudget_created", "When the budget was made.", lambda budget: created(budget.metadata)
        ),
        Family(
            "kube_poddisruptionbudget_status_current_healthy",
            "Pods of the budget that are healthy.",
            lambda budget: one(budget.status.current_healthy),
        ),
        Family(
            "kube_poddisruptionbudget_status_desired_healthy",
            "Pods of the budget that should be healthy at the least.",
            lambda budget: one(budget.status.desired_healthy),
        ),
        Family(
            "kube_poddisruptionbudget_status_expected_pods",
            "Pods that the budget counts.",
            lambda budget: one(budget.status.expected_pods),
        ),
        Family(
            "kube_poddisruptionbudget_status_pod_disruptions_allowed",
            "Pods that may be evicted now.",
            lambda budget: one(budget.status.disruptions_allowed),
        ),
        Family(
            "kube_poddisruptionbudget_status_observed_generation",
            "The generation that the status speaks of.",
            lambda budget: one(budget.status.observed_generation),
        ),
    ),
)
