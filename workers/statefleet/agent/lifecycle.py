"""Decide what happens next in one pod's life on its node. Pure: no I/O, clock or randomness.

A `PodMachine` takes events (a pull ended, a container exited, a time came) and answers commands (pull, start, stop,
wake me at). Whoever runs it carries the commands out and feeds the results back. The rules are the kubelet's: init
containers one after the other, images before containers, restarts with a back-off that doubles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from statefleet.agent.containers import (
    Command,
    ContainerLife,
    Event,
    Pull,
    Release,
    Running,
    Signal,
    Start,
    State,
    Stop,
    Terminated,
    Waiting,
    Wake,
)
from statefleet.api.core.v1.container_pb2 import Container
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.objects.pods import is_sidecar
from statefleet.objects.times import go_duration

BACK_OFF_FIRST = 10.0
"""Seconds before the second try of a pull or a start, as in the kubelet."""
BACK_OFF_LIMIT = 300.0
"""Seconds that a back-off never exceeds."""
BACK_OFF_FORGIVEN_AFTER = 600.0
"""Seconds that a container must run for its restarts to be forgotten."""
PULL_ERROR_SHOWN = 2.0
"""Seconds that a failed pull shows as ErrImagePull before it shows as ImagePullBackOff."""


@dataclass(slots=True)
class PodMachine:
    """One pod's life on its node."""

    pod: Pod
    containers: dict[str, ContainerLife] = field(default_factory=dict)
    rejected: tuple[str, str] | None = None
    """Reason and message, where the node refused the pod."""
    terminating: bool = False
    released: bool = False
    """Whether the pod was ended: nothing of it runs or will."""

    @classmethod
    def of(cls, pod: Pod) -> PodMachine:
        """Return the machine of a pod that has not begun here."""
        machine = cls(pod)
        waiting = Waiting("PodInitializing" if pod.spec.init_containers else "ContainerCreating")
        for spec in pod.spec.init_containers:
            machine.containers[spec.name] = ContainerLife(spec, True, is_sidecar(spec), waiting)
        always = pod.spec.restart_policy in ("", "Always")
        for spec in pod.spec.containers:
            machine.containers[spec.name] = ContainerLife(spec, False, always, waiting)
        return machine

    @property
    def pod_name(self) -> str:
        """The pod's name, namespace and uid, as the kubelet writes them."""
        meta = self.pod.metadata
        return f"{meta.name}_{meta.namespace}({meta.uid})"

    @property
    def inits(self) -> list[ContainerLife]:
        """The init containers, in order."""
        return [life for life in self.containers.values() if life.init]

    @property
    def mains(self) -> list[ContainerLife]:
        """The containers proper, in order."""
        return [life for life in self.containers.values() if not life.init]

    @property
    def sidecars(self) -> list[ContainerLife]:
        """The init containers that keep running beside the main ones, in order."""
        return [life for life in self.inits if life.restarts_always]

    @property
    def initialized(self) -> bool:
        """Whether every init container has let the next one begin, now or before the first main one ran."""
        return all(life.done for life in self.inits) or not all(life.never_ran for life in self.mains)

    @property
    def phase(self) -> str:
        """The pod's phase: Pending, Running, Succeeded or Failed."""
        if self.rejected:
            return "Failed"
        if self._failed_init():
            return "Failed"
        mains = self.mains
        ended = [life.state for life in mains if isinstance(life.state, Terminated)]
        over = self.released or not any(self._restarts(life, life.state) for life in mains)
        if len(ended) == len(mains) and over:
            return "Succeeded" if all(state.exit_code == 0 for state in ended) else "Failed"
        if self.released:
            return "Failed"
        return "Pending" if any(life.never_ran for life in mains) else "Running"

    def begin(self) -> list[Command]:
        """Return the first commands: of a new pod, or of one whose containers' states were taken over."""
        commands: list[Command] = []
        for life in self.containers.values():
            if isinstance(life.state, Terminated) and self._restarts(life, life.state):
                commands += self._restart(life, life.state)
        return commands + self._advance()

    def reject(self, reason: str, message: str) -> None:
        """Note that the node refuses the pod."""
        self.rejected = (reason, message)

    def redefine(self) -> list[Command]:
        """Return the commands that give containers the images that the pod declares now, whatever its policy."""
        commands: list[Command] = []
        for spec in (*self.pod.spec.init_containers, *self.pod.spec.containers):
            life = self.containers.get(spec.name)
            if life is None or spec.image == (life.redefined or life.spec).image:
                continue
            if isinstance(life.state, Running):
                life.redefined = spec
                commands.append(Stop(life.name, float(self.pod.spec.termination_grace_period_seconds)))
                continue
            _take_up(life, spec)
            if life.backs_off:
                life.state = Waiting("ContainerCreating")
                commands += self._retry(life)
        return commands

    def terminate(self, grace: float) -> list[Command]:
        """Return the commands that end the pod; `grace` in seconds. Asked for again, a shorter one holds."""
        if self.released:
            return []
        self.terminating = True
        running = [life for life in self.containers.values() if isinstance(life.state, Running)]
        return [Stop(life.name, grace) for life in running] or self._release()

    def handle(self, event: Event, now: float) -> list[Command]:
        """Return what follows from an event heard at `now`, seconds since the Unix epoch."""
        life = self.containers.get(event.container)
        if life is None or self.released or (event.attempt and event.attempt != life.restarts + 1):
            return []
        return list(self._handle(life, event, now))

    def _handle(self, life: ContainerLife, event: Event, now: float) -> Iterator[Command]:
        match event.signal:
            case Signal.PULLED:
                life.pulled, life.failures = True, 0
                if not self.terminating:
                    yield Start(life.name, life.restarts + 1)
            case Signal.PULL_FAILED:
                yield from self._failed_to_begin(life, event, "ErrImagePull")
            case Signal.START_FAILED:
                yield from self._failed_to_begin(life, event, "RunContainerError")
            case Signal.SHOW_BACK_OFF:
                if isinstance(life.state, Waiting) and life.state.reason == "ErrImagePull":
                    life.state = Waiting("ImagePullBackOff", f'Back-off pulling image "{life.spec.image}"')
            case Signal.RETRY:
                yield from self._retry(life)
            case Signal.STARTED:
                life.state = Running(now)
                if self.terminating:
                    yield Stop(life.name, 0)
                yield from self._advance()
            case Signal.READY | Signal.UNREADY:
                life.ready = event.signal is Signal.READY and isinstance(life.state, Running)
            case Signal.EXITED | Signal.STOPPED:
                yield from self._ended(life, event, now)

    def _failed_to_begin(self, life: ContainerLife, event: Event, reason: str) -> Iterator[Command]:
        life.state = Waiting(event.reason or reason, event.message)
        delay = _back_off(life.failures)
        life.failures += 1
        life.backs_off = True
        if event.signal is Signal.PULL_FAILED and life.state.reason == "ErrImagePull":
            yield Wake(min(PULL_ERROR_SHOWN, delay), Event(Signal.SHOW_BACK_OFF, life.name))
        yield Wake(delay, Event(Signal.RETRY, life.name))

    def _retry(self, life: ContainerLife) -> Iterator[Command]:
        if self.terminating or not life.backs_off:
            return
        life.backs_off = False
        yield _start_or_pull(life)

    def _ended(self, life: ContainerLife, event: Event, now: float) -> Iterator[Command]:
        if not isinstance(life.state, Running):
            return
        started = life.state.started
        reason = event.reason or ("Completed" if event.exit_code == 0 else "Error")
        end = Terminated(event.exit_code, reason, started, now, event.message)
        life.ready, life.state = False, end
        if self.terminating:
            if not any(isinstance(other.state, Running) for other in self.containers.values()):
                yield from self._release()
        elif life.redefined is not None:
            _take_up(life, life.redefined)
            yield from self._restart(life, end)
        elif self._restarts(life, end):
            yield from self._restart(life, end)
        else:
            yield from self._advance()

    def _restart(self, life: ContainerLife, end: Terminated) -> Iterator[Command]:
        if end.finished - end.started >= BACK_OFF_FORGIVEN_AFTER:
            life.failures = 0
        life.last, life.begun = end, True
        life.restarts += 1
        life.failures += 1
        if life.failures == 1:
            life.state = Waiting("ContainerCreating")
            yield _start_or_pull(life)
            return
        delay = _back_off(life.failures - 2)
        told = go_duration(int(delay * 1000))
        text = f"back-off {told} restarting failed container={life.name} pod={self.pod_name}"
        life.state, life.backs_off = Waiting("CrashLoopBackOff", text), True
        yield Wake(delay, Event(Signal.RETRY, life.name))

    def _restarts(self, life: ContainerLife, state: State) -> bool:
        if not isinstance(state, Terminated):
            return False
        if life.init and not life.restarts_always:
            return state.exit_code != 0 and self.pod.spec.restart_policy != "Never"
        return life.restarts_always or (state.exit_code != 0 and self.pod.spec.restart_policy == "OnFailure")

    def _failed_init(self) -> bool:
        return any(
            isinstance(life.state, Terminated) and life.state.exit_code != 0 and not self._restarts(life, life.state)
            for life in self.inits
        )

    def _advance(self) -> list[Command]:
        """Begin what may begin and has not: the next init container, or every container once those are done."""
        if self.terminating or self.rejected or self._failed_init():
            return []
        pending = next((life for life in self.inits if not life.done), None)
        if pending is None:
            for life in self.mains:
                if isinstance(life.state, Waiting) and life.state.reason == "PodInitializing":
                    life.state = replace(life.state, reason="ContainerCreating")
        candidates = [pending] if pending else self.mains
        fresh = [life for life in candidates if isinstance(life.state, Waiting) and not life.begun]
        for life in fresh:
            life.begun = True
        return [_start_or_pull(life) for life in fresh]

    def _release(self) -> list[Command]:
        self.released = True
        return [Release()]


def _start_or_pull(life: ContainerLife) -> Command:
    return Start(life.name, life.restarts + 1) if life.pulled else Pull(life.name)


def _back_off(failures: int) -> float:
    return min(BACK_OFF_FIRST * 2.0**failures, BACK_OFF_LIMIT)


def _take_up(life: ContainerLife, spec: Container) -> None:
    """Have a container be another from its next start on."""
    life.spec, life.redefined, life.pulled, life.failures = spec, None, False, 0
