"""Read where a pod of a set is in its life. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.rollouts.v1.rollouts_pb2 import PodProgress
from statefleet.objects.meta import REVISION_LABEL, is_deleting
from statefleet.objects.pods import available_at, condition, is_ready
from statefleet.objects.trouble import trouble_of, was_ready

Phase: TypeAlias = PodProgress.Phase.ValueType

WAITING: Final = PodProgress.PHASE_WAITING
TERMINATING: Final = PodProgress.PHASE_TERMINATING
STARTING: Final = PodProgress.PHASE_STARTING
READY: Final = PodProgress.PHASE_READY
AVAILABLE: Final = PodProgress.PHASE_AVAILABLE
BROKEN: Final = PodProgress.PHASE_BROKEN

NEVER: Final = float("inf")
_NODE_NAME_FIELD: Final = "metadata.name"


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What counts of a pod, at any time."""

    name: str
    uid: str
    label: str
    """What it carries as its revision: a StatefulSet's the revision's name, a DaemonSet's its hash alone."""
    node: str
    terminating: bool
    ready: bool
    broken: bool
    """Stuck on its way up, and never Ready."""
    placed: bool
    """It has a node."""
    available_at: float
    """When it is or was available if it stays as it is, seconds since the Unix epoch; NEVER where it is not Ready."""
    reason: str = ""
    message: str = ""

    @property
    def ordinal(self) -> int:
        """The number after the last dash of the name, -1 where there is none."""
        _, _, digits = self.name.rpartition("-")
        return int(digits) if digits.isascii() and digits.isdigit() else -1

    def phase(self, now: float) -> Phase:
        """Return where it is in its life at a time, in seconds since the Unix epoch."""
        if self.terminating:
            return TERMINATING
        if self.broken:
            return BROKEN
        if self.ready:
            return AVAILABLE if self.available_at <= now else READY
        return STARTING if self.placed else WAITING


def read_pod(pod: Pod, min_ready_seconds: int) -> PodFacts:
    """Return what counts of a pod of a set whose pods are available after so many seconds."""
    meta = pod.metadata
    ready = is_ready(pod) and pod.status.phase == "Running"
    trouble = None if ready else trouble_of(pod)
    reason, message = (trouble.reason, trouble.message) if trouble is not None else _unready(pod, ready=ready)
    return PodFacts(
        name=meta.name,
        uid=meta.uid,
        label=meta.labels.get(REVISION_LABEL, ""),
        node=pod.spec.node_name or _meant_for(pod),
        terminating=is_deleting(meta),
        ready=ready,
        broken=trouble is not None and not was_ready(pod),
        placed=bool(pod.spec.node_name),
        available_at=available_at(pod, min_ready_seconds, 0.0) if ready else NEVER,
        reason=reason,
        message=message,
    )


def _unready(pod: Pod, *, ready: bool) -> tuple[str, str]:
    """Return what the pod itself says of why it is not Ready; nothing where it is."""
    if ready:
        return "", ""
    for container in pod.status.container_statuses:
        waiting = container.state.waiting
        if waiting.reason:
            return waiting.reason, waiting.message
    readiness = condition(pod, "Ready")
    return (readiness.reason, readiness.message) if readiness is not None else ("", "")


def _meant_for(pod: Pod) -> str:
    """Return the one node that a DaemonSet's pod may go to, empty where it says none."""
    required = pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
    for term in required.node_selector_terms:
        for field in term.match_fields:
            if field.key == _NODE_NAME_FIELD and len(field.values) == 1:
                return field.values[0]
    return ""
