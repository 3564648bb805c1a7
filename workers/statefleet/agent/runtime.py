"""The door to whatever runs containers: simulated here, a container engine or plain processes elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeAlias

from statefleet.agent.containers import ContainerLife, Event
from statefleet.api.core.v1.pod_pb2 import Pod

Hear: TypeAlias = Callable[[Event], None]
"""Takes what is heard of a container, at once or later, from the loop's own thread."""


class Usage(NamedTuple):
    """What a container uses."""

    cpu: int
    """Billionths of a processor, on average over the window."""
    memory: int
    """Bytes: the working set."""
    time: float
    """When it was measured, in seconds since the Unix epoch: the end of the window."""
    window: float
    """Over how many seconds."""


class Runtime(Protocol):
    """Carries out the commands of a pod's machine. No call blocks; results come through `hear`."""

    name: str
    """What `kubectl get nodes -o wide` shows as the container runtime, such as simulated://1."""

    def pull(self, pod: Pod, life: ContainerLife, hear: Hear) -> None:
        """Have the container's image: PULLED or PULL_FAILED follows."""

    def start(self, pod: Pod, life: ContainerLife, attempt: int, hear: Hear) -> None:
        """Start the container: STARTED or START_FAILED follows, later READY, UNREADY and EXITED."""

    def stop(self, pod: Pod, life: ContainerLife, grace: float, hear: Hear) -> None:
        """End the container within `grace` seconds: STOPPED follows."""

    def adopt(self, pod: Pod, life: ContainerLife, attempt: int, hear: Hear) -> None:
        """Take up a container that an earlier agent started: what follows is as after STARTED."""

    def usage(self, pod: Pod, life: ContainerLife, now: float) -> Usage | None:
        """Return what a container that runs uses, as far as is known at `now`, seconds since the Unix epoch.

        None where it has not been measured yet.
        """

    def forget(self, pod: Pod) -> None:
        """End whatever is left of the pod at once; nothing more is heard of it."""
