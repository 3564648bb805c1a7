"""Put into words what goes wrong with a pod on its node, as the kubelet's events do. Pure: no I/O or clock.

What goes as it should is not told: the pod's status shows it, and events of each start would cost more than they say.
"""

from __future__ import annotations

from typing import NamedTuple

from statefleet.agent.containers import ContainerLife, Waiting
from statefleet.agent.lifecycle import PodMachine

_NO_TROUBLE = frozenset({"PodInitializing", "ContainerCreating"})


class Trouble(NamedTuple):
    """What an event says."""

    reason: str
    message: str


def troubles(machine: PodMachine) -> dict[str, Trouble]:
    """Return what is wrong now, by the name of the container, empty for the pod as a whole."""
    found = {} if machine.rejected is None else {"": Trouble(*machine.rejected)}
    for life in machine.containers.values():
        if isinstance(life.state, Waiting) and life.state.reason not in _NO_TROUBLE:
            found[life.name] = _of_container(life, life.state, machine)
    return found


def _of_container(life: ContainerLife, state: Waiting, machine: PodMachine) -> Trouble:
    match state.reason:
        case "ErrImagePull":
            return Trouble("Failed", f'Failed to pull image "{life.spec.image}": {state.message}')
        case "ImagePullBackOff":
            return Trouble("BackOff", state.message)
        case "CrashLoopBackOff":
            text = f"Back-off restarting failed container {life.name} in pod {machine.pod_name}"
            return Trouble("BackOff", text)
        case _:
            return Trouble("Failed", f"Error: {state.reason}: {state.message}")
