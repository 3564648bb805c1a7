"""Metrics of pods, as kube-state-metrics names them. Pure: no I/O or clock."""

from __future__ import annotations

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.objects.meta import controller_of
from statefleet.objects.pods import condition
from statefleet.state_metrics.containers import CONTAINER_FAMILIES
from statefleet.state_metrics.families import NONE, Family, Samples, Table, at, choice, created, deleted, labels, one

_PHASES = ("Pending", "Succeeded", "Failed", "Unknown", "Running")
_STATUSES = ("true", "false", "unknown")
_REASONS = frozenset({"Evicted", "NodeAffinity", "NodeLost", "NodePorts", "Shutdown", "UnexpectedAdmissionError"})
"""The reasons that become a label's value; others do not, since anyone who runs pods may make some up."""


def _info(pod: Pod) -> Samples:
    owner = controller_of(pod.metadata)
    own = labels(
        host_ip=pod.status.host_ip,
        pod_ip=pod.status.pod_ip,
        node=pod.spec.node_name,
        created_by_kind=owner.kind if owner else "",
        created_by_name=owner.name if owner else "",
        priority_class=pod.spec.priority_class_name,
        host_network="true" if pod.spec.host_network else "false",
    )
    return ((own, 1),)


def _owner(pod: Pod) -> Samples:
    references = pod.metadata.owner_references
    if not references:
        return ((labels(owner_kind="", owner_name="", owner_is_controller=""), 1),)
    return [
        (
            labels(
                owner_kind=owner.kind,
                owner_name=owner.name,
                owner_is_controller="true" if owner.controller else "false",
            ),
            1,
        )
        for owner in references
    ]


def _completion(pod: Pod) -> Samples:
    ends = [status.state.terminated.finished_at.seconds for status in pod.status.container_statuses]
    return one(max(ends)) if any(ends) else NONE


def _condition(pod: Pod, name: str) -> Samples:
    found = condition(pod, name)
    return NONE if found is None else choice("condition", _STATUSES, found.status.lower())


def _unschedulable(pod: Pod) -> Samples:
    found = condition(pod, "PodScheduled")
    return one(1) if found is not None and found.status == "False" else NONE


def _reason(pod: Pod) -> Samples:
    return ((labels(reason=pod.status.reason), 1),) if pod.status.reason in _REASONS else NONE


PODS: Table[Pod] = Table(
    lambda pod: labels(namespace=pod.metadata.namespace, pod=pod.metadata.name, uid=pod.metadata.uid),
    (
        Family("kube_pod_info", "Where the pod is and what made it.", _info),
        Family("kube_pod_owner", "What owns the pod.", _owner),
        Family("kube_pod_created", "When the pod was made.", lambda pod: created(pod.metadata)),
        Family("kube_pod_deletion_timestamp", "When the pod has to be gone.", lambda pod: deleted(pod.metadata)),
        Family("kube_pod_start_time", "When the pod's node took it up.", lambda pod: at(pod.status.start_time)),
        Family("kube_pod_completion_time", "When the pod's last container ended.", _completion),
        Family(
            "kube_pod_status_phase",
            "The pod's phase.",
            lambda pod: choice("phase", _PHASES, pod.status.phase) if pod.status.phase else NONE,
        ),
        Family("kube_pod_status_ready", "Whether the pod is ready.", lambda pod: _condition(pod, "Ready")),
        Family(
            "kube_pod_status_scheduled", "Whether the pod has a node.", lambda pod: _condition(pod, "PodScheduled")
        ),
        Family("kube_pod_status_unschedulable", "Pods for which there is no node.", _unschedulable),
        Family("kube_pod_status_reason", "Why the pod is as it is, where that is out of the ordinary.", _reason),
        *CONTAINER_FAMILIES,
    ),
)
