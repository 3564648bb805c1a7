"""Metrics of rollouts, which are our own: how far they are, where they stop on purpose, and their revisions. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.state_metrics.families import Family, Sample, Table, labels, one
from statefleet.state_metrics.sets import partition


@dataclass(frozen=True, slots=True)
class Rollout:
    """A set, as its rollout is seen."""

    workload_type: str
    """As dashboards name it: statefulset or daemonset."""
    meta: ObjectMeta
    desired: int
    """How many pods its update strategy is to bring to the update revision: none where that is left to the user."""
    updated: int
    """How many pods are at the update revision, of those that the strategy is to bring there."""
    count: int = 0
    """How many revisions are kept."""
    revisions: dict[str, ControllerRevision] = field(default_factory=dict)
    """The current and the update revision, as far as they are known."""


def of_stateful_set(owner: StatefulSet, revisions: Sequence[ControllerRevision]) -> Rollout:
    """Return the rollout of a StatefulSet that has these revisions."""
    named = {revision.metadata.name: revision for revision in revisions}
    roles = {"current": owner.status.current_revision, "update": owner.status.update_revision}
    desired = 0
    if owner.spec.update_strategy.type == "RollingUpdate":
        desired = max(0, owner.spec.replicas - partition(owner))
    return Rollout(
        "statefulset",
        owner.metadata,
        desired,
        min(desired, owner.status.updated_replicas),
        len(revisions),
        {role: named[name] for role, name in roles.items() if name in named},
    )


def of_daemon_set(owner: DaemonSet, revisions: Sequence[ControllerRevision]) -> Rollout:
    """Return the rollout of a DaemonSet that has these revisions, of which the last is the update revision."""
    rolls = owner.spec.update_strategy.type == "RollingUpdate"
    desired = owner.status.desired_number_scheduled if rolls else 0
    last = max(revisions, key=lambda revision: revision.revision, default=None)
    return Rollout(
        "daemonset",
        owner.metadata,
        desired,
        min(desired, owner.status.updated_number_scheduled),
        len(revisions),
        {} if last is None else {"update": last},
    )


def _progress(rollout: Rollout) -> float:
    return rollout.updated / rollout.desired if rollout.desired else 1


def _numbers(rollout: Rollout) -> Iterator[Sample]:
    for role, revision in rollout.revisions.items():
        yield labels(role=role), revision.revision


def _creations(rollout: Rollout) -> Iterator[Sample]:
    for role, revision in rollout.revisions.items():
        yield labels(role=role), revision.metadata.creation_timestamp.seconds


ROLLOUTS: Table[Rollout] = Table(
    lambda rollout: labels(
        namespace=rollout.meta.namespace, workload_type=rollout.workload_type, workload=rollout.meta.name
    ),
    (
        Family(
            "statefleet_rollout_pods_desired",
            "Pods that the update strategy is to bring to the update revision: not those below the partition.",
            lambda rollout: one(rollout.desired),
        ),
        Family(
            "statefleet_rollout_pods_updated",
            "Pods, of those desired, that are at the update revision.",
            lambda rollout: one(rollout.updated),
        ),
        Family(
            "statefleet_rollout_progress_ratio",
            "The share of the desired pods that are at the update revision.",
            lambda rollout: one(_progress(rollout)),
        ),
        Family(
            "statefleet_rollout_revision",
            "The number of the revision that the rollout starts from, and of the one that it leads to.",
            _numbers,
        ),
        Family(
            "statefleet_rollout_revision_created_timestamp_seconds",
            "When these revisions were recorded.",
            _creations,
        ),
        Family(
            "statefleet_controllerrevisions",
            "Revisions that are kept of the set.",
            lambda rollout: one(rollout.count),
        ),
    ),
)
