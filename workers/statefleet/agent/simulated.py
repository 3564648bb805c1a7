"""A runtime without containers: pods that behave as data says. Thousands of nodes fit in one process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from statefleet.agent.behaviour import Behaviour, BehaviourError
from statefleet.agent.containers import ContainerLife, Event, Running, Signal
from statefleet.agent.runtime import Hear, Usage
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.objects import quantity

WINDOW_SECONDS = 15.0
"""Over how long what is used is said to have been measured, at most."""


class SimulatedRuntime:
    """Runs nothing and says what would have happened."""

    name = "simulated://1"

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._timers: dict[str, dict[str, set[asyncio.TimerHandle]]] = {}

    def pull(self, pod: Pod, life: ContainerLife, hear: Hear) -> None:
        """Have the image after a while, unless its name says that there is none."""
        try:
            behaviour = self._behaviour.for_pod(pod.metadata.annotations)
        except BehaviourError as error:
            hear(Event(Signal.PULL_FAILED, life.name, reason="CreateContainerConfigError", message=str(error)))
            return
        image = life.spec.image
        if behaviour.refuses(image):
            text = f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": not found'
            event = Event(Signal.PULL_FAILED, life.name, message=text)
        else:
            event = Event(Signal.PULLED, life.name)
        self._after(pod, life, behaviour.pull_delay, lambda: hear(event))

    def start(self, pod: Pod, life: ContainerLife, attempt: int, hear: Hear) -> None:
        """Run after a while, then be ready, then perhaps crash."""
        behaviour = self._behaviour_of(pod)

        def started() -> None:
            hear(Event(Signal.STARTED, life.name, attempt))
            self._run(pod, life, attempt, hear, behaviour)

        self._after(pod, life, behaviour.start_delay, started)

    def stop(self, pod: Pod, life: ContainerLife, grace: float, hear: Hear) -> None:
        """End after the stop delay or the grace period, whichever is shorter."""
        self._cancel(pod, life)
        behaviour = self._behaviour_of(pod)
        killed = behaviour.stop_delay > grace
        event = Event(
            Signal.STOPPED, life.name, exit_code=137 if killed else 0, reason="Error" if killed else "Completed"
        )
        self._after(pod, life, min(behaviour.stop_delay, grace), lambda: hear(event))

    def adopt(self, pod: Pod, life: ContainerLife, attempt: int, hear: Hear) -> None:
        """Go on as after the start."""
        self._run(pod, life, attempt, hear, self._behaviour_of(pod))

    def usage(self, pod: Pod, life: ContainerLife, now: float) -> Usage | None:
        """Say that the container uses a fraction of what it requests: none, unless its behaviour says otherwise."""
        if not isinstance(life.state, Running):
            return None
        share = self._behaviour_of(pod).usage
        window = min(max(now - life.state.started, 0.0), WINDOW_SECONDS)
        cpu, memory = _requested(life, "cpu"), _requested(life, "memory")
        return Usage(int(cpu.nano * share), int(memory.value() * share), now, window)

    def forget(self, pod: Pod) -> None:
        """Drop the pod's timers."""
        for timers in self._timers.pop(pod.metadata.uid, {}).values():
            for timer in timers:
                timer.cancel()

    def _behaviour_of(self, pod: Pod) -> Behaviour:
        """Return how a pod behaves: as the fleet does where its annotations cannot be read any more."""
        try:
            return self._behaviour.for_pod(pod.metadata.annotations)
        except BehaviourError:
            return self._behaviour

    def _run(self, pod: Pod, life: ContainerLife, attempt: int, hear: Hear, behaviour: Behaviour) -> None:
        if life.init and not life.restarts_always:
            hear(Event(Signal.EXITED, life.name, attempt))
            return
        if behaviour.ready:
            self._after(pod, life, behaviour.ready_delay, lambda: hear(Event(Signal.READY, life.name, attempt)))
        if behaviour.crash_after is not None:
            end = Event(Signal.EXITED, life.name, attempt, exit_code=behaviour.exit_code)
            self._after(pod, life, behaviour.crash_after, lambda: hear(end))

    def _after(self, pod: Pod, life: ContainerLife, seconds: float, call: Callable[[], None]) -> None:
        """Call at once where there is no delay, so that what happens at once is reported as one."""
        if seconds <= 0:
            call()
            return
        timers = self._timers.setdefault(pod.metadata.uid, {}).setdefault(life.name, set())

        def ring() -> None:
            timers.discard(timer)
            call()

        timer = asyncio.get_running_loop().call_later(seconds, ring)
        timers.add(timer)

    def _cancel(self, pod: Pod, life: ContainerLife) -> None:
        for timer in self._timers.get(pod.metadata.uid, {}).pop(life.name, ()):
            timer.cancel()


def _requested(life: ContainerLife, resource: str) -> quantity.Quantity:
    requests = life.spec.resources.requests
    return quantity.parse(requests[resource].string or "0") if resource in requests else quantity.Quantity()
