"""Run one pod: feed its machine, carry out its commands, and report its status without ever falling behind."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog

from statefleet.agent.containers import (
    Command,
    ContainerLife,
    Event,
    Pull,
    Release,
    Running,
    Start,
    State,
    Stop,
    Terminated,
    Waiting,
    Wake,
)
from statefleet.agent.lifecycle import PodMachine
from statefleet.agent.runtime import Runtime
from statefleet.agent.status import pod_status, shows
from statefleet.agent.troubles import Trouble, troubles
from statefleet.api.core.v1.container_pb2 import Container
from statefleet.api.core.v1.pod_pb2 import ContainerState, Pod, PodStatus
from statefleet.errors import BadRequest, Conflict, Fenced, FleetError, Forbidden, Invalid, NotFound
from statefleet.objects.meta import version_of
from statefleet.objects.pods import is_terminal
from statefleet.objects.times import seconds
from statefleet.runtime.clock import Clock
from statefleet.runtime.tasks import Tasks

_log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
"""How long to wait before a status or a removal is tried again."""


class Reports(Protocol):
    """Where a pod's fate is told."""

    @property
    def heard(self) -> bool:
        """Whether the node is known to be alive: if not, others rightly say that its pods are not ready."""

    def warn(self, pod: Pod, reason: str, message: str) -> None:
        """Record that something went wrong with the pod. Returns at once."""

    async def update_status(self, pod: Pod) -> int:
        """Store the pod's status and return the version at which it is stored."""

    async def remove(self, pod: Pod) -> None:
        """Remove the pod's object: it has ended on its node."""


class PodRunner:
    """One pod on its node.

    Statuses are merged: while one is on its way only the newest of those that follow is kept, and what changes at
    once is reported as one. A status that another has changed since is reported again. The pod's removal follows its
    last status.
    """

    def __init__(
        self, pod: Pod, runtime: Runtime, reports: Reports, clock: Clock, tasks: Tasks, *, host_ip: str, pod_ip: str
    ) -> None:
        self.machine = PodMachine.of(pod)
        self.host_ip = host_ip
        self.pod_ip = pod_ip
        self._runtime = runtime
        self._reports = reports
        self._clock = clock
        self._tasks = tasks
        self._inbox: deque[Event] = deque()
        self._timers: set[asyncio.TimerHandle] = set()
        self._draining = False
        self._dirty = False
        self._writing = False
        self._forgotten = False
        self._sent: PodStatus | None = None
        self._sent_version = 0
        self._grace = float("inf")
        self._told: dict[str, Trouble] = {}

    @property
    def pod(self) -> Pod:
        """The pod as it was last seen."""
        return self.machine.pod

    def begin(self) -> None:
        """Start the pod, or take it up where an earlier agent left it."""
        if self.machine.rejected:
            self._tell()
            self._report()
            return
        if self.pod.status.container_statuses:
            self._restore()
        self._drain(lambda: self.machine.begin() + self.machine.redefine())

    def reject(self, reason: str, message: str) -> None:
        """Refuse the pod: it fails, with this reason and message."""
        self.machine.reject(reason, message)

    def observe(self, pod: Pod) -> None:
        """Take a newer version of the pod; end it where it is marked for deletion."""
        declared_anew = pod.metadata.generation != self.pod.metadata.generation
        self.machine.pod = pod
        if pod.metadata.HasField("deletion_timestamp"):
            grace = float(pod.metadata.deletion_grace_period_seconds)
            if grace < self._grace:
                self._grace = grace
                self._drain(lambda: self.machine.terminate(grace))
        elif declared_anew:
            self._drain(self.machine.redefine)
        elif pod.spec.readiness_gates:
            self._report()  # Whether it is ready is for others to say too.
        else:
            self.reassert()

    def reassert(self) -> None:
        """Report the status again where another has changed it since."""
        if self._is_overwritten():
            self._sent = None
            self._report()

    def forget(self) -> None:
        """End whatever is left and report nothing: the pod's object is gone."""
        self._forgotten = True
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._runtime.forget(self.pod)

    def hear(self, event: Event) -> None:
        """Take an event of the runtime."""
        if self._forgotten:
            return
        self._inbox.append(event)
        if not self._draining:
            self._drain(list)

    def _drain(self, first: Callable[[], list[Command]]) -> None:
        self._draining = True
        try:
            self._execute(first())
            while self._inbox:
                self._execute(self.machine.handle(self._inbox.popleft(), self._clock.now()))
        finally:
            self._draining = False
        self._tell()
        self._report()

    def _tell(self) -> None:
        now = troubles(self.machine)
        for name, trouble in now.items():
            if self._told.get(name) != trouble:
                self._reports.warn(self.pod, trouble.reason, trouble.message)
        self._told = now

    def _execute(self, commands: list[Command]) -> None:
        containers = self.machine.containers
        for command in commands:
            match command:
                case Pull(name):
                    self._runtime.pull(self.pod, containers[name], self.hear)
                case Start(name, attempt):
                    self._runtime.start(self.pod, containers[name], attempt, self.hear)
                case Stop(name, grace):
                    self._runtime.stop(self.pod, containers[name], grace, self.hear)
                case Wake(delay, event):
                    self._wake(delay, event)
                case Release():
                    self._runtime.forget(self.pod)

    def _is_overwritten(self) -> bool:
        """Return whether the pod, as it was last seen, was written after our last report and does not show it."""
        if self._writing or self._sent is None or version_of(self.pod.metadata) <= self._sent_version:
            return False
        return self._reports.heard and not shows(self.pod, self._sent)

    def _wake(self, delay: float, event: Event) -> None:
        def ring() -> None:
            self._timers.discard(timer)
            self.hear(event)

        timer = asyncio.get_running_loop().call_later(delay, ring)
        self._timers.add(timer)

    def _report(self) -> None:
        self._dirty = True
        if not self._writing and not self._forgotten:
            self._writing = True
            self._tasks.spawn(self._write(), f"pod {self.pod.metadata.namespace}/{self.pod.metadata.name}")

    async def _write(self) -> None:
        try:
            while self._dirty and not self._forgotten:
                self._dirty = False
                try:
                    await self._write_once()
                except (NotFound, Conflict, Fenced):
                    return
                except (BadRequest, Forbidden, Invalid) as error:
                    _log.error("pod report refused", pod=self.pod.metadata.name, error=error.message)
                    return
                except FleetError as error:
                    _log.warning("pod report failed", pod=self.pod.metadata.name, error=error.message)
                    self._dirty = True
                    await self._clock.sleep(RETRY_SECONDS)
        finally:
            self._writing = False
        self.reassert()

    async def _write_once(self) -> None:
        if self.machine.released:
            if self.pod.metadata.finalizers and not is_terminal(self.pod):
                # It stays until others let it go, who are to see that it has ended.
                await self._write_status()
            await self._reports.remove(self.pod)
        elif not self.machine.terminating:
            await self._write_status()

    async def _write_status(self) -> None:
        status = pod_status(self.machine, host_ip=self.host_ip, pod_ip=self.pod_ip, now=self._clock.now())
        seen = version_of(self.pod.metadata)
        if seen >= self._sent_version and status == self.pod.status:
            self._sent, self._sent_version = status, seen
        if status == self._sent:
            return
        report = Pod(status=status)
        report.metadata.name, report.metadata.namespace = self.pod.metadata.name, self.pod.metadata.namespace
        report.metadata.uid = self.pod.metadata.uid
        self._sent_version = await self._reports.update_status(report)
        self._sent = status

    def _restore(self) -> None:
        """Take the containers' states from the pod's status, and adopt those that run."""
        statuses = [*self.pod.status.init_container_statuses, *self.pod.status.container_statuses]
        for status in statuses:
            life = self.machine.containers.get(status.name)
            if life is None:
                continue
            life.state, life.restarts = _restored(status.state, life), status.restart_count
            life.ready = status.ready and isinstance(life.state, Running)
            life.pulled = not isinstance(life.state, Waiting)
            last = status.last_state
            if last.HasField("terminated"):
                life.last = _terminated(last)
            if isinstance(life.state, Running):
                life.spec = _of_image(life.spec, status.image)
                self._runtime.adopt(self.pod, life, life.restarts + 1, self.hear)


def _of_image(spec: Container, image: str) -> Container:
    """Return a container as it runs: with the image that it was started with, whatever the pod declares since."""
    if image in ("", spec.image):
        return spec
    running = Container()
    running.CopyFrom(spec)
    running.image = image
    return running


def _restored(state: ContainerState, life: ContainerLife) -> State:
    if state.HasField("running"):
        return Running(seconds(state.running.started_at))
    if state.HasField("terminated"):
        return _terminated(state)
    return life.state


def _terminated(state: ContainerState) -> Terminated:
    end = state.terminated
    return Terminated(end.exit_code, end.reason, seconds(end.started_at), seconds(end.finished_at), end.message)
