"""Write a pod's life as its status. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Mapping

from statefleet.agent.containers import ContainerLife, Running, State, Terminated, Waiting
from statefleet.agent.lifecycle import PodMachine
from statefleet.api.core.v1.pod_pb2 import (
    ContainerState,
    ContainerStateRunning,
    ContainerStatus,
    Pod,
    PodCondition,
    PodStatus,
)
from statefleet.objects.times import to_time

_OURS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")


def pod_status(machine: PodMachine, *, host_ip: str, pod_ip: str, now: float) -> PodStatus:
    """Return the whole status of a pod.

    Conditions that others wrote are kept, and a condition whose value has not changed keeps its transition time.
    `now` is in seconds since the Unix epoch.
    """
    before = machine.pod.status
    status = PodStatus(phase=machine.phase, host_ip=host_ip, qos_class=before.qos_class)
    status.observed_generation = machine.pod.metadata.generation
    status.host_ips.add(ip=host_ip)
    status.start_time.CopyFrom(before.start_time if before.HasField("start_time") else to_time(now))
    if machine.rejected:
        status.reason, status.message = machine.rejected
    else:
        _networking(status, machine, host_ip, pod_ip)
        status.init_container_statuses.extend(_container_status(life, machine) for life in machine.inits)
        status.container_statuses.extend(_container_status(life, machine) for life in machine.mains)
    _conditions(status, before, machine, now)
    return status


def _networking(status: PodStatus, machine: PodMachine, host_ip: str, pod_ip: str) -> None:
    # The network is there once an image was: with it, or by what it failed of.
    begun = any(not life.never_ran or life.pulled or life.failures for life in machine.containers.values())
    address = host_ip if machine.pod.spec.host_network else pod_ip
    if begun and address:
        status.pod_ip = address
        status.pod_ips.add(ip=address)


def _conditions(status: PodStatus, before: PodStatus, machine: PodMachine, now: float) -> None:
    phase = machine.phase
    unready = [life.name for life in [*machine.sidecars, *machine.mains] if not life.ready]
    done = phase in ("Succeeded", "Failed")
    reason = "PodFailed" if phase == "Failed" else "PodCompleted" if phase == "Succeeded" else "ContainersNotReady"
    text = "" if done else f"containers with unready status: [{' '.join(unready)}]"
    ready = not unready and not done
    old = {condition.type: condition for condition in before.conditions}
    containers_ready = (True, "", "") if ready else (False, reason, text)
    wanted = {
        "PodReadyToStartContainers": (bool(status.pod_ip) and not done, "", ""),
        "Initialized": _initialized(machine),
        "Ready": _gated(machine, old) if ready else containers_ready,
        "ContainersReady": containers_ready,
    }
    for kind in _OURS:
        value, why, message = wanted[kind]
        condition = status.conditions.add(type=kind, status="True" if value else "False")
        condition.observed_generation = machine.pod.metadata.generation
        if why:
            condition.reason = why
        if message:
            condition.message = message
        _keep_transition(condition, old.get(kind), now)
    status.conditions.extend(condition for condition in before.conditions if condition.type not in _OURS)


def _gated(machine: PodMachine, conditions: Mapping[str, PodCondition]) -> tuple[bool, str, str]:
    """Return whether what others must say of a pod before it is ready has been said."""
    shut = [
        gate.condition_type
        for gate in machine.pod.spec.readiness_gates
        if gate.condition_type not in conditions or conditions[gate.condition_type].status != "True"
    ]
    if not shut:
        return True, "", ""
    return False, "ReadinessGatesNotReady", f"conditions of readiness gates are not True: {', '.join(shut)}"


def shows(pod: Pod, status: PodStatus) -> bool:
    """Return whether a pod's status has what was reported: its phase, and the conditions that are the agent's."""
    shown = {condition.type: condition.status for condition in pod.status.conditions}
    reported = (condition for condition in status.conditions if condition.type in _OURS)
    return pod.status.phase == status.phase and all(shown.get(each.type) == each.status for each in reported)


def _initialized(machine: PodMachine) -> tuple[bool, str, str]:
    if machine.initialized:
        return True, "PodCompleted" if machine.phase == "Succeeded" else "", ""
    waiting = [life.name for life in machine.inits if not life.done]
    return False, "ContainersNotInitialized", f"containers with incomplete status: [{' '.join(waiting)}]"


def _keep_transition(condition: PodCondition, old: PodCondition | None, now: float) -> None:
    unchanged = old is not None and old.status == condition.status and old.HasField("last_transition_time")
    condition.last_transition_time.CopyFrom(old.last_transition_time if old and unchanged else to_time(now))


def _container_status(life: ContainerLife, machine: PodMachine) -> ContainerStatus:
    status = ContainerStatus(
        name=life.name,
        state=_state(life.state),
        ready=life.ready or (life.init and not life.restarts_always and life.done),
        restart_count=life.restarts,
        image=life.spec.image,
        started=isinstance(life.state, Running),
    )
    if life.last:
        status.last_state.CopyFrom(_state(life.last))
    if not isinstance(life.state, Waiting) or life.last:
        status.image_id = life.spec.image
        status.container_id = f"statefleet://{machine.pod.metadata.uid}/{life.name}/{life.restarts}"
    return status


def _state(state: State) -> ContainerState:
    match state:
        case Waiting(reason, message):
            result = ContainerState()
            result.waiting.reason = reason
            if message:
                result.waiting.message = message
            return result
        case Running(started):
            return ContainerState(running=ContainerStateRunning(started_at=to_time(started)))
        case Terminated():
            result = ContainerState()
            result.terminated.exit_code = state.exit_code
            result.terminated.reason = state.reason
            if state.message:
                result.terminated.message = state.message
            result.terminated.started_at.CopyFrom(to_time(state.started))
            result.terminated.finished_at.CopyFrom(to_time(state.finished))
            return result
