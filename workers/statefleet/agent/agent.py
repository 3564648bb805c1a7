"""Stand for one node or many: register them, keep them alive, run the pods bound to them.

However many nodes an agent stands for, it follows their pods with one watch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import structlog

from statefleet.agent.place import Place
from statefleet.agent.runner import PodRunner
from statefleet.agent.runtime import Runtime
from statefleet.agent.usage import batches, node_usage
from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions
from statefleet.api.nodes.v1.usage_pb2 import NodeUsage
from statefleet.api.object.v1.verbs_pb2 import WatchEvent, WatchResponse
from statefleet.client.fleet import Fleet
from statefleet.errors import FleetError, NotFound
from statefleet.objects.kinds import NODE, POD
from statefleet.objects.meta import is_deleting, version_of
from statefleet.objects.pods import is_terminal
from statefleet.reconcile.events import EventSink
from statefleet.runtime.clock import Clock
from statefleet.runtime.tasks import Tasks

_log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
"""How long to wait before a registration or a watch is tried again."""
_COPIED_FROM = 4
"""Pods of a message with at least so many events are copied out of it: each would keep all of it in memory."""
_NODES_AT_ONCE = 1000
"""How many nodes one call registers at most, to keep within what a request may weigh."""


class Agent:
    """Runs pods on the nodes that it stands for.

    A node that a newer agent has registered is left to it. One that somebody deleted is registered again.
    """

    def __init__(self, fleet: Fleet, nodes: Sequence[Node], runtime: Runtime, clock: Clock) -> None:
        self._fleet = fleet
        self._runtime = runtime
        self._clock = clock
        self._places = {node.metadata.name: Place(node) for node in nodes}
        self._nodes_of: dict[str, str] = {}
        self._session = 0
        self._interval = 10.0
        self._usage_interval = 0.0
        self._heard = False
        self._pods = Tasks("agent pods")
        self._events = EventSink(fleet, clock)
        self._recorder = self._events.recorder("kubelet")

    async def run(self) -> None:
        """Register, then run until cancelled."""
        async with self._pods, Tasks("agent") as tasks:
            await self._register([place.node for place in self._places.values()])
            tasks.spawn(self._beat(), "heartbeat")
            tasks.spawn(self._events.run(), "events")
            await self._follow()

    @property
    def heard(self) -> bool:
        """Whether the registry has taken the last heartbeat."""
        return self._heard

    @property
    def nodes(self) -> int:
        """How many nodes it stands for."""
        return len(self._places)

    @property
    def pods(self) -> int:
        """How many pods it looks after."""
        return len(self._nodes_of)

    def warn(self, pod: Pod, reason: str, message: str) -> None:
        """Record an event of what went wrong with a pod."""
        self._recorder.warning(pod, reason, message)

    async def update_status(self, pod: Pod) -> int:
        """Store a pod's status and return the version at which it is stored."""
        written = await self._fleet.update_status(pod)
        return version_of(written.object.metadata)

    async def remove(self, pod: Pod) -> None:
        """Remove the object of a pod that has ended."""
        options = DeleteOptions(grace_period_seconds=0)
        options.preconditions.uid = pod.metadata.uid
        try:
            await self._fleet.delete(POD, pod.metadata.name, pod.metadata.namespace, options=options)
        except NotFound:
            return

    # Nodes.

    async def _register(self, nodes: Iterable[Node]) -> None:
        for group in _groups(nodes):
            while True:
                try:
                    answer = await self._fleet.register(group)
                except FleetError as error:
                    _log.warning("registration failed", error=error.message)
                    await self._clock.sleep(RETRY_SECONDS)
                else:
                    break
            self._session, self._interval = answer.session, answer.heartbeat_interval_seconds
            self._usage_interval = answer.usage_interval_seconds
            for stored in answer.nodes:
                # The registry keeps to the network that the node was first given.
                self._places[stored.metadata.name].node.spec.pod_cidr = stored.spec.pod_cidr
        self._is_heard()

    async def _beat(self) -> None:
        """Send heartbeats, and with some of them what is used: as often as the registry asks for it."""
        beat = self._clock.monotonic() + self._interval
        report = self._next_report()
        while True:
            await self._clock.sleep(min(beat, report) - self._clock.monotonic())
            is_due = self._clock.monotonic() >= report
            beat = self._clock.monotonic() + self._interval
            if is_due:
                report = self._next_report(self._usage_interval)
            try:
                await self._send(with_usage=is_due)
            except FleetError as error:
                _log.warning("heartbeat failed", error=error.message)
                self._heard = False
            else:
                self._is_heard()

    def _next_report(self, after: float = 0.0) -> float:
        """Return when to say what is used, in monotonic seconds; never to a registry that does not ask for it."""
        return self._clock.monotonic() + after if self._usage_interval else float("inf")

    async def _send(self, *, with_usage: bool) -> None:
        """Send a heartbeat of all nodes; what is used comes with it, and in further ones where it is too much."""
        now, places = self._clock.now(), list(self._places.values()) if with_usage else []
        usages = batches(
            node_usage(place, self._runtime, now) for place in places if place.node.metadata.name in self._places
        )
        await self._heartbeat(list(self._places), next(usages))
        for batch in usages:
            await self._heartbeat([usage.node for usage in batch], batch)

    async def _heartbeat(self, nodes: Sequence[str], usage: Sequence[NodeUsage]) -> None:
        answer = await self._fleet.heartbeat(nodes, self._session, usage=usage, timeout=self._interval)
        if answer.lost:
            await self._regain(answer.lost)

    def _is_heard(self) -> None:
        """Go on from a heartbeat that was taken: after one that was not, pods may have been said not to be ready."""
        if not self._heard:
            self._heard = True
            for place in self._places.values():
                for runner in place.runners.values():
                    runner.reassert()

    async def _regain(self, names: Iterable[str]) -> None:
        """Register anew the nodes that are gone, and leave those that another agent has."""
        gone: list[Node] = []
        for name in names:
            try:
                await self._fleet.get(NODE, name)
            except NotFound:
                gone.append(self._places[name].node)
            else:
                _log.error("another agent has registered the node", node=name)
                self._leave(name)
        if gone:
            await self._register(gone)

    def _leave(self, name: str) -> None:
        for uid, runner in self._places.pop(name).runners.items():
            self._nodes_of.pop(uid, None)
            runner.forget()

    # Pods.

    async def _follow(self) -> None:
        while True:
            try:
                await self._watch()
            except FleetError as error:
                _log.info("watch of pods ended", error=error.message)
            await self._clock.sleep(RETRY_SECONDS)

    async def _watch(self) -> None:
        selector = f"spec.nodeName={next(iter(self._places))}" if len(self._places) == 1 else "spec.nodeName!="
        initial: dict[str, Pod] | None = {}
        async for response in self._fleet.watch([POD], field_selector=selector, send_initial_events=True):
            if initial is None:
                self._take(response)
            elif _gather(response, initial):
                self._begin(initial)
                initial = None

    def _begin(self, pods: dict[str, Pod]) -> None:
        """Act on the pods there are when a watch begins; those that are not among them have gone."""
        for uid in [uid for uid in self._nodes_of if uid not in pods]:
            self._gone(uid)
        # Those that have run before keep their addresses and ports, before new ones take any.
        for pod in sorted(pods.values(), key=lambda pod: not pod.status.pod_ip):
            self._there(_copy(pod))

    def _take(self, response: WatchResponse) -> None:
        copied = len(response.events) >= _COPIED_FROM
        for event in response.events:
            if event.type == WatchEvent.TYPE_DELETED:
                self._gone(event.object.pod.metadata.uid)
            elif event.type in (WatchEvent.TYPE_ADDED, WatchEvent.TYPE_MODIFIED):
                self._there(_copy(event.object.pod) if copied else event.object.pod)

    def _there(self, pod: Pod) -> None:
        place = self._places.get(pod.spec.node_name)
        if place is None:
            return
        runner = place.runners.get(pod.metadata.uid)
        if runner is None:
            if is_terminal(pod) and not is_deleting(pod.metadata):
                return
            runner = self._place(pod, place)
        runner.observe(pod)
        if runner.machine.phase in ("Succeeded", "Failed"):
            place.give_back(pod.metadata.uid)

    def _place(self, pod: Pod, place: Place) -> PodRunner:
        uid, name, ended = pod.metadata.uid, place.node.metadata.name, is_terminal(pod)
        taken = None if ended else place.take_ports(pod)
        address = "" if ended or taken else place.take_address(pod)
        runner = PodRunner(pod, self._runtime, self, self._clock, self._pods, host_ip=place.host_ip, pod_ip=address)
        if taken:
            text = f"Pod was rejected: host port {taken[0]}/{taken[1]} is taken on node {name}"
            runner.reject("NodePorts", text)
        place.runners[uid] = runner
        self._nodes_of[uid] = name
        if not is_deleting(pod.metadata) or pod.status.container_statuses:
            runner.begin()
        return runner

    def _gone(self, uid: str) -> None:
        place = self._places.get(self._nodes_of.pop(uid, ""))
        if place is not None:
            place.runners.pop(uid).forget()
            place.give_back(uid)


def _gather(response: WatchResponse, pods: dict[str, Pod]) -> bool:
    """Add the pods that a watch begins with, by uid. Return whether these are all."""
    for event in response.events:
        if event.type == WatchEvent.TYPE_DELETED:
            pods.pop(event.object.pod.metadata.uid, None)
        elif event.type in (WatchEvent.TYPE_ADDED, WatchEvent.TYPE_MODIFIED):
            pods[event.object.pod.metadata.uid] = event.object.pod
    return any(event.initial_events_end for event in response.events)


def _copy(pod: Pod) -> Pod:
    copied = Pod()
    copied.CopyFrom(pod)
    return copied


def _groups(nodes: Iterable[Node]) -> Iterator[list[Node]]:
    rest = iter(nodes)
    while group := list(islice(rest, _NODES_AT_ONCE)):
        yield group
