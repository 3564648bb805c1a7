"""Print pods: how many containers are ready, what state the pod is in as a whole, and how often it restarted.

Pure: no I/O, clock or randomness. The STATUS column is the phase, or whatever better tells what goes on: why a
container waits or ended, how far initialisation is, that the pod is being deleted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from statefleet.api.core.v1.pod_pb2 import ContainerStateTerminated, ContainerStatus, Pod
from statefleet.gateway.tables.columns import AGE, NAME, NONE, WIDE, Cell, Column, Printer
from statefleet.gateway.tables.durations import age, human_duration
from statefleet.objects.times import is_set, seconds

_TERMINAL: Final = frozenset({"Succeeded", "Failed"})
_ENDINGS: Final = {"Succeeded": "The pod has completed successfully.", "Failed": "The pod failed."}


@dataclass(slots=True)
class _Restarts:
    """How often containers restarted, and when the newest of their runs ended (0: not known)."""

    count: int = 0
    newest: float = 0

    def add(self, status: ContainerStatus) -> None:
        self.count += status.restart_count
        ended = status.last_state.terminated
        if is_set(ended.finished_at):
            self.newest = max(self.newest, seconds(ended.finished_at))

    def cell(self, now: float) -> str:
        """Return the count, with the time since the newest restart: 3 (5m ago)."""
        if self.count and self.newest:
            return f"{self.count} ({human_duration(now - self.newest)} ago)"
        return str(self.count)


@dataclass(slots=True)
class _Summary:
    """What the containers of a pod amount to."""

    reason: str
    ready: int
    restarts: _Restarts


def _has_condition(pod: Pod, name: str, status: str = "True") -> bool:
    return any(condition.type == name and condition.status == status for condition in pod.status.conditions)


def _sidecars(pod: Pod) -> set[str]:
    """Return the names of the init containers that keep running beside the main ones."""
    return {container.name for container in pod.spec.init_containers if container.restart_policy == "Always"}


def _ending(ended: ContainerStateTerminated) -> str:
    """Return why a container ended."""
    if ended.reason:
        return ended.reason
    return f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exit_code}"


def _initialization(pod: Pod, sidecars: set[str]) -> tuple[_Summary, _Restarts]:
    """Go through the init containers up to the first that is not done.

    Return the summary, its reason empty where all are done, and the restarts of the sidecars alone.
    """
    summary = _Summary("", 0, _Restarts())
    of_sidecars = _Restarts()
    for position, status in enumerate(pod.status.init_container_statuses):
        summary.restarts.add(status)
        is_sidecar = status.name in sidecars
        if is_sidecar:
            of_sidecars.add(status)
        ended = status.state.terminated if status.state.HasField("terminated") else None
        if ended is not None and ended.exit_code == 0:
            continue
        if is_sidecar and status.started:
            summary.ready += status.ready
            continue
        waiting = status.state.waiting.reason
        if ended is not None:
            summary.reason = f"Init:{_ending(ended)}"
        elif waiting and waiting != "PodInitializing":
            summary.reason = f"Init:{waiting}"
        else:
            summary.reason = f"Init:{position}/{len(pod.spec.init_containers)}"
        break
    return summary, of_sidecars


def _state(status: ContainerStatus) -> str:
    """Return why a container waits or ended, empty where neither says anything."""
    if status.state.waiting.reason:
        return status.state.waiting.reason
    return _ending(status.state.terminated) if status.state.HasField("terminated") else ""


def _main_containers(pod: Pod, reason: str, ready: int, restarts: _Restarts) -> _Summary:
    """Add the main containers to what is known; the first of them that is in trouble gives the reason."""
    running = 0
    for status in reversed(pod.status.container_statuses):
        restarts.add(status)
        state = _state(status)
        reason = state or reason
        running += not state and status.ready and status.state.HasField("running")
    if reason == "Completed" and running:
        reason = "Running" if _has_condition(pod, "Ready") else "NotReady"
    return _Summary(reason, ready + running, restarts)


def _phase(pod: Pod) -> str:
    """Return the reason that the pod as a whole gives."""
    if any(it.type == "PodScheduled" and it.reason == "SchedulingGated" for it in pod.status.conditions):
        return "SchedulingGated"
    return pod.status.reason or pod.status.phase


def _summary(pod: Pod, sidecars: set[str]) -> _Summary:
    summary, of_sidecars = _initialization(pod, sidecars)
    is_initializing = bool(summary.reason)
    summary.reason = summary.reason or _phase(pod)
    if not is_initializing or _has_condition(pod, "Initialized"):
        summary = _main_containers(pod, summary.reason, summary.ready, of_sidecars)
    if pod.metadata.HasField("deletion_timestamp"):
        if pod.status.reason == "NodeLost":
            summary.reason = "Unknown"
        elif pod.status.phase not in _TERMINAL:
            summary.reason = "Terminating"
    return summary


def _address(pod: Pod) -> str:
    addresses: Iterable[str] = (address.ip for address in pod.status.pod_ips)
    return next(iter(addresses), "") or pod.status.pod_ip


def _gates(pod: Pod) -> str:
    """Return how many readiness gates are open: 1/2."""
    gates = pod.spec.readiness_gates
    if not gates:
        return NONE
    status = {condition.type: condition.status for condition in reversed(pod.status.conditions)}
    return f"{sum(status.get(gate.condition_type) == 'True' for gate in gates)}/{len(gates)}"


def _cells(pod: Pod, now: float) -> list[Cell]:
    sidecars = _sidecars(pod)
    summary = _summary(pod, sidecars)
    return [
        pod.metadata.name,
        f"{summary.ready}/{len(pod.spec.containers) + len(sidecars)}",
        summary.reason,
        summary.restarts.cell(now),
        age(pod.metadata.creation_timestamp, now),
        _address(pod) or NONE,
        pod.spec.node_name or NONE,
        pod.status.nominated_node_name or NONE,
        _gates(pod),
    ]


def _conditions(pod: Pod) -> list[dict[str, str]]:
    phase = pod.status.phase
    if phase not in _ENDINGS:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": _ENDINGS[phase]}]


PODS: Final = Printer(
    columns=(
        NAME,
        Column("Ready", "Ready containers of all containers that keep running."),
        Column("Status", "What state the containers are in, taken together."),
        Column("Restarts", "How often containers were restarted, and how long ago the last one was."),
        AGE,
        Column("IP", "Address of the pod; none before it has one.", priority=WIDE),
        Column("Node", "Node that the pod is bound to.", priority=WIDE),
        Column("Nominated Node", "Node on which other pods make room for this one.", priority=WIDE),
        Column("Readiness Gates", "Open readiness gates of all that the pod asks for.", priority=WIDE),
    ),
    cells=_cells,
    conditions=_conditions,
)
