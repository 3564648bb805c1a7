"""A stand-in for scheduler and nodes: pods come up, or get stuck, as soon as they are made, and go when told to."""

from __future__ import annotations

from contextlib import aclosing

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions, Preconditions
from statefleet.api.object.v1.verbs_pb2 import WatchEvent
from statefleet.client.fleet import Fleet
from statefleet.errors import Conflict, NotFound
from statefleet.objects.kinds import POD
from statefleet.objects.meta import is_deleting
from statefleet.runtime.clock import Clock
from support.fleet_objects import make_ready, make_stuck


class NodeStandIn:
    """Runs every pod of a fleet. Pods with an image in `bad_images` get stuck."""

    def __init__(self, fleet: Fleet, clock: Clock) -> None:
        self.bad_images: set[str] = set()
        self.ready_now = 0
        self.fewest_ready = 1_000_000
        """The fewest pods that were Ready at any moment since it was last set."""
        self._fleet = fleet
        self._clock = clock
        self._ready: dict[str, None] = {}

    async def run(self) -> None:
        """Run pods until cancelled."""
        async with aclosing(self._fleet.watch([POD], send_initial_events=True)) as responses:
            async for response in responses:
                for event in response.events:
                    if event.type != WatchEvent.TYPE_BOOKMARK:
                        await self._take(event.object.pod, gone=event.type == WatchEvent.TYPE_DELETED)

    async def _take(self, pod: Pod, *, gone: bool) -> None:
        name = pod.metadata.name
        try:
            if gone or is_deleting(pod.metadata):
                self._count(name, ready=False)
                if not gone:
                    await self._end(pod)
            elif pod.status.phase in ("", "Pending") and not pod.status.container_statuses:
                await self._start(pod)
        except (NotFound, Conflict):
            return

    async def _start(self, pod: Pod) -> None:
        started = Pod()
        started.CopyFrom(pod)
        if pod.spec.containers[0].image in self.bad_images:
            make_stuck(started)
        else:
            make_ready(started, self._clock.now())
        await self._fleet.update_status(started)
        self._count(pod.metadata.name, ready=started.status.phase == "Running")

    async def _end(self, pod: Pod) -> None:
        preconditions = Preconditions(uid=pod.metadata.uid)
        options = DeleteOptions(grace_period_seconds=0, preconditions=preconditions)
        await self._fleet.delete(POD, pod.metadata.name, pod.metadata.namespace, options=options)

    def _count(self, name: str, *, ready: bool) -> None:
        if ready:
            self._ready[name] = None
        else:
            self._ready.pop(name, None)
        self.ready_now = len(self._ready)
        self.fewest_ready = min(self.fewest_ready, self.ready_now)
