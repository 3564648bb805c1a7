"""Metrics of StatefulSets and DaemonSets, as kube-state-metrics names them. Pure: no I/O or clock."""

from __future__ import annotations

from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.state_metrics.families import NONE, Family, Samples, Table, created, deleted, labels, one


def partition(owner: StatefulSet) -> int:
    """Return how many pods, the lowest, a rolling update leaves as they are."""
    strategy = owner.spec.update_strategy
    return strategy.rolling_update.partition if strategy.type == "RollingUpdate" else 0


def _ordinals_start(owner: StatefulSet) -> Samples:
    return one(owner.spec.ordinals.start) if owner.spec.HasField("ordinals") else NONE


def _retention(owner: StatefulSet) -> Samples:
    policy = owner.spec.persistent_volume_claim_retention_policy
    if not policy.when_deleted and not policy.when_scaled:
        return NONE
    return ((labels(when_deleted=policy.when_deleted, when_scaled=policy.when_scaled), 1),)


def _revision(name: str) -> Samples:
    return ((labels(revision=name), 1),)


STATEFUL_SETS: Table[StatefulSet] = Table(
    lambda owner: labels(namespace=owner.metadata.namespace, statefulset=owner.metadata.name),
    (
        Family("kube_statefulset_created", "When the set was made.", lambda owner: created(owner.metadata)),
        Family(
            "kube_statefulset_deletion_timestamp",
            "When the set's deletion was asked for.",
            lambda owner: deleted(owner.metadata),
        ),
        Family("kube_statefulset_replicas", "Pods asked for.", lambda owner: one(owner.spec.replicas)),
        Family("kube_statefulset_ordinals_start", "The first pod's ordinal, where one is given.", _ordinals_start),
        Family(
            "kube_statefulset_metadata_generation",
            "The newest generation of the spec.",
            lambda owner: one(owner.metadata.generation),
        ),
        Family(
            "kube_statefulset_status_observed_generation",
            "The generation that the status speaks of.",
            lambda owner: one(owner.status.observed_generation),
        ),
        Family("kube_statefulset_status_replicas", "Pods that exist.", lambda owner: one(owner.status.replicas)),
        Family(
            "kube_statefulset_status_replicas_ready",
            "Pods that are ready.",
            lambda owner: one(owner.status.ready_replicas),
        ),
        Family(
            "kube_statefulset_status_replicas_available",
            "Pods that have been ready for the time that the set asks for.",
            lambda owner: one(owner.status.available_replicas),
        ),
        Family(
            "kube_statefulset_status_replicas_current",
            "Pods at the current revision.",
            lambda owner: one(owner.status.current_replicas),
        ),
        Family(
            "kube_statefulset_status_replicas_updated",
            "Pods at the update revision.",
            lambda owner: one(owner.status.updated_replicas),
        ),
        Family(
            "kube_statefulset_status_current_revision",
            "The revision that a rollout starts from.",
            lambda owner: _revision(owner.status.current_revision),
        ),
        Family(
            "kube_statefulset_status_update_revision",
            "The revision that a rollout leads to.",
            lambda owner: _revision(owner.status.update_revision),
        ),
        Family(
            "kube_statefulset_persistentvolumeclaim_retention_policy",
            "What becomes of the claims of pods that go, and of a set that goes.",
            _retention,
        ),
        Family(
            "statefleet_statefulset_partition",
            "How many pods, the lowest, a rolling update leaves as they are.",
            lambda owner: one(partition(owner)),
        ),
    ),
)

DAEMON_SETS: Table[DaemonSet] = Table(
    lambda owner: labels(namespace=owner.metadata.namespace, daemonset=owner.metadata.name),
    (
        Family("kube_daemonset_created", "When the set was made.", lambda owner: created(owner.metadata)),
        Family(
            "kube_daemonset_metadata_generation",
            "The newest generation of the spec.",
            lambda owner: one(owner.metadata.generation),
        ),
        Family(
            "kube_daemonset_status_observed_generation",
            "The generation that the status speaks of.",
            lambda owner: one(owner.status.observed_generation),
        ),
        Family(
            "kube_daemonset_status_desired_number_scheduled",
            "Nodes that should have a pod of the set.",
            lambda owner: one(owner.status.desired_number_scheduled),
        ),
        Family(
            "kube_daemonset_status_current_number_scheduled",
            "Nodes that should have a pod of the set and do.",
            lambda owner: one(owner.status.current_number_scheduled),
        ),
        Family(
            "kube_daemonset_status_updated_number_scheduled",
            "Nodes with a pod at the newest revision.",
            lambda owner: one(owner.status.updated_number_scheduled),
        ),
        Family(
            "kube_daemonset_status_number_ready",
            "Nodes that should have a pod of the set and have one that is ready.",
            lambda owner: one(owner.status.number_ready),
        ),
        Family(
            "kube_daemonset_status_number_available",
            "Nodes that should have a pod of the set and have one that is available.",
            lambda owner: one(owner.status.number_available),
        ),
        Family(
            "kube_daemonset_status_number_unavailable",
            "Nodes that should have a pod of the set and have none that is available.",
            lambda owner: one(owner.status.number_unavailable),
        ),
        Family(
            "kube_daemonset_status_number_misscheduled",
            "Nodes that should have no pod of the set and do.",
            lambda owner: one(owner.status.number_misscheduled),
        ),
    ),
)
