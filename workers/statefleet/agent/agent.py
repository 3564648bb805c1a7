"""Stand for one node or many: register them, keep them alive, run the pods bound to them.

However many nodes an agent stands for, it follows their pods with one watch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from statefleet.agent.nodes import pod_network
from statefleet.agent.runner import PodRunner
from statefleet.agent.runtime import Runtime
from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions
from statefleet.api.object.v1.verbs_pb2 import WatchEvent, WatchResponse
from statefleet.client.fleet import Fleet
from statefleet.errors import FleetError, NotFound
from statefleet.objects.kinds import POD
from statefleet.objects.pods import host_ports
from statefleet.runtime.clock import Clock
from statefleet.runtime.tasks import Tasks

_log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
"""How long to wait before a registration or a watch is tried again."""


@dataclass(slots=True)
class _Place:
    """A node, what its pods hold of it, and which of its addresses are taken."""

    node: Node
    index: int
    runners: dict[str, PodRunner] = field(default_factory=dict)
    ports: dict[tuple[str, int], str] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)

    @property
    def host_ip(self) -> str:
        """The node's own address."""
        return next((a.address for a in self.node.status.addresses if a.type == "InternalIP"), "")

    def take_address(self, pod: Pod) -> str:
        """Return the pod's address: the one it has, else the first free one; empty where none is left."""
        taken = self.addresses
        wanted = pod.status.pod_ip
        if not pod.spec.host_network:
            if wanted and taken.setdefault(wanted, pod.metadata.uid) == pod.metadata.uid:
                return wanted
            for host in pod_network(self.index).hosts():
                if taken.setdefault(str(host), pod.metadata.uid) == pod.metadata.uid:
                    return str(host)
        return ""

    def take_ports(self, pod: Pod) -> tuple[str, int] | None:
        """Take the pod's host ports. Return the one that another pod holds, if any; then none is taken."""
        wanted = host_ports(pod)
        for port in wanted:
            if self.ports.get(port, pod.metadata.uid) != pod.metadata.uid:
                return port
        self.ports.update(dict.fromkeys(wanted, pod.metadata.uid))
        return None

    def give_back(self, uid: str) -> None:
        """Free what a pod held."""
        self.ports = {port: holder for port, holder in self.ports.items() if holder != uid}
        self.addresses = {address: holder for address, holder in self.addresses.items() if holder != uid}


class Agent:
    """Runs pods on the nodes that it stands for."""

    def __init__(self, fleet: Fleet, nodes: Sequence[Node], runtime: Runtime, clock: Clock) -> None:
        self._fleet = fleet
        self._runtime = runtime
        self._clock = clock
        self._places = {node.metadata.name: _Place(node, index) for index, node in enumerate(nodes)}
        self._nodes_of: dict[str, str] = {}
        self._session = 0
        self._interval = 10.0
        self._pods = Tasks("agent pods")

    async def run(self) -> None:
        """Register, then run until cancelled."""
        async with self._pods, Tasks("agent") as tasks:
            await self._register([place.node for place in self._places.values()])
            tasks.spawn(self._beat(), "heartbeat")
            await self._follow()

    async def update_status(self, pod: Pod) -> None:
        """Store a pod's status."""
        await self._fleet.update_status(pod)

    async def remove(self, pod: Pod) -> None:
        """Remove the object of a pod that has ended."""
        options = DeleteOptions(grace_period_seconds=0)
        options.preconditions.uid = pod.metadata.uid
        try:
            await self._fleet.delete(POD, pod.metadata.name, pod.metadata.namespace, options=options)
        except NotFound:
            return

    async def _register(self, nodes: Sequence[Node]) -> None:
        while True:
            try:
                answer = await self._fleet.register(nodes)
            except FleetError as error:
                _log.warning("registration failed", error=error.message)
                await self._clock.sleep(RETRY_SECONDS)
            else:
                self._session, self._interval = answer.session, answer.heartbeat_interval_seconds
                return

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep(self._interval)
            try:
                answer = await self._fleet.heartbeat(list(self._places), self._session)
            except FleetError as error:
                _log.warning("heartbeat failed", error=error.message)
                continue
            if answer.lost:
                await self._register([self._places[name].node for name in answer.lost if name in self._places])

    async def _follow(self) -> None:
        while True:
            try:
                await self._watch()
            except FleetError as error:
                _log.info("watch of pods ended", error=error.message)
                await self._clock.sleep(RETRY_SECONDS)

    async def _watch(self) -> None:
        selector = f"spec.nodeName={next(iter(self._places))}" if len(self._places) == 1 else "spec.nodeName!="
        seen: set[str] | None = set()
        async for response in self._fleet.watch([POD], field_selector=selector, send_initial_events=True):
            seen = self._take(response, seen)

    def _take(self, response: WatchResponse, seen: set[str] | None) -> set[str] | None:
        """Act on some events. `seen` gathers the pods there are until the initial events have ended."""
        for event in response.events:
            pod = event.object.pod
            if event.type == WatchEvent.TYPE_DELETED:
                self._gone(pod.metadata.uid)
            elif event.type in (WatchEvent.TYPE_ADDED, WatchEvent.TYPE_MODIFIED):
                self._there(pod)
                if seen is not None:
                    seen.add(pod.metadata.uid)
            elif event.type == WatchEvent.TYPE_BOOKMARK and event.initial_events_end and seen is not None:
                for uid in [uid for uid in self._nodes_of if uid not in seen]:
                    self._gone(uid)
                seen = None
        return seen

    def _there(self, pod: Pod) -> None:
        place = self._places.get(pod.spec.node_name)
        if place is None:
            return
        runner = place.runners.get(pod.metadata.uid)
        if runner is None:
            ended = pod.status.phase in ("Succeeded", "Failed")
            if ended and not pod.metadata.HasField("deletion_timestamp"):
                return
            runner = self._place(pod, place, ended=ended)
        runner.observe(pod)
        if runner.machine.phase in ("Succeeded", "Failed"):
            place.give_back(pod.metadata.uid)

    def _place(self, pod: Pod, place: _Place, *, ended: bool) -> PodRunner:
        uid = pod.metadata.uid
        taken = None if ended else place.take_ports(pod)
        runner = PodRunner(
            pod,
            self._runtime,
            self,
            self._clock,
            self._pods,
            host_ip=place.host_ip,
            pod_ip="" if ended or taken else place.take_address(pod),
        )
        if taken:
            text = f"Pod was rejected: host port {taken[0]}/{taken[1]} is taken on node {place.node.metadata.name}"
            runner.reject("NodePorts", text)
        place.runners[uid] = runner
        self._nodes_of[uid] = place.node.metadata.name
        if not pod.metadata.HasField("deletion_timestamp") or pod.status.container_statuses:
            runner.begin()
        return runner

    def _gone(self, uid: str) -> None:
        place = self._places.get(self._nodes_of.pop(uid, ""))
        if place is not None:
            place.runners.pop(uid).forget()
            place.give_back(uid)
