"""A whole fleet that works: the services on logs in memory, a worker with every controller, and simulated agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from google.protobuf.message import Message

from statefleet.agent.agent import Agent
from statefleet.agent.behaviour import Behaviour
from statefleet.agent.nodes import NodeSize, describe
from statefleet.agent.simulated import SimulatedRuntime
from statefleet.api.core.v1.event_pb2 import Event
from statefleet.api.core.v1.node_pb2 import Node
from statefleet.app.workers import run_worker
from statefleet.client.fleet import Fleet
from statefleet.errors import NotFound, Unavailable
from statefleet.garbage.controller import COLLECTED
from statefleet.objects.kinds import EVENT, NODE, Kind, kind_of
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.events import GATHER_SECONDS
from statefleet.runtime.metrics import Metrics
from statefleet.runtime.tasks import Tasks
from support.leaping_clock import LeapingClock
from support.opened_services import opened_services
from support.stores import settle

M = TypeVar("M", bound=Message)
T = TypeVar("T")

TIMEOUT_SECONDS = 10.0


class WorkingFleet:
    """What a test does with the fleet. What it sees is what a cache of its own shows."""

    def __init__(self, fleet: Fleet, clock: LeapingClock, tasks: Tasks) -> None:
        self.fleet = fleet
        self.clock = clock
        self.tasks = tasks
        self.cache = Cache(fleet, COLLECTED, clock)
        self._changed = asyncio.Event()
        for kind in COLLECTED:
            self.cache.subscribe(kind, lambda _before, _after: self._changed.set())

    async def create(self, message: M) -> M:
        return (await self.fleet.create(message)).object

    async def change(self, kind: Kind[M], name: str, change: Callable[[M], object], namespace: str = "default") -> M:
        """Read an object, change it and write it back, but for its status."""
        message = await self.fleet.get(kind, name, namespace if kind.namespaced else "")
        change(message)
        return (await self.fleet.update(message)).object

    async def change_status(
        self, kind: Kind[M], name: str, change: Callable[[M], object], namespace: str = "default"
    ) -> M:
        message = await self.fleet.get(kind, name, namespace if kind.namespaced else "")
        change(message)
        return (await self.fleet.update_status(message)).object

    def get(self, kind: Kind[M], name: str, namespace: str = "default") -> M | None:
        return self.cache.get(kind, namespace if kind.namespaced else "", name)

    def list(self, kind: Kind[M], namespace: str = "default") -> list[M]:
        """The objects of a kind, by name."""
        found = self.cache.list(kind, namespace if kind.namespaced else "")
        return sorted(found, key=lambda message: message.metadata.name)  # type: ignore[attr-defined]

    async def until(self, check: Callable[[], T | None]) -> T:
        """Return what `check` finds, once it finds something; it is asked after each change."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while not (found := check()):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError("what the test waits for did not come about") from None
        return found

    async def until_shown(
        self, kind: Kind[M], name: str, check: Callable[[M], object] = lambda _: True, namespace: str = "default"
    ) -> M:
        """Return an object once it is there and fulfils a condition."""

        def shown() -> M | None:
            message = self.get(kind, name, namespace)
            return message if message is not None and check(message) else None

        return await self.until(shown)

    async def until_gone(self, kind: Kind[Any], name: str, namespace: str = "default") -> None:
        await self.until(lambda: self.get(kind, name, namespace) is None)

    async def is_stored(self, message: Any) -> bool:
        """Return whether the service has this very object."""
        meta = message.metadata
        try:
            await self.fleet.get(kind_of(message), meta.name, meta.namespace, uid=meta.uid)
        except NotFound:
            return False
        return True

    async def calm(self) -> None:
        """Let everything happen that can without time passing."""
        await settle(500)

    async def events(self, about: str, reason: str = "") -> Sequence[Event]:
        """The events about an object's name, of one reason or of all, once those are written that were recorded."""
        await self.calm()
        self.clock.leap(GATHER_SECONDS)
        await self.calm()
        found = (await self.fleet.list(EVENT)).items
        return [e for e in found if e.involved_object.name == about and reason in ("", e.reason)]

    def agent(
        self,
        *nodes: str,
        behaviour: Behaviour | None = None,
        size: NodeSize | None = None,
        first: int = 0,
        fleet: Any = None,
    ) -> asyncio.Task[None]:
        """Run an agent for nodes of these names. Cancel it, and it is as if its machine had failed."""
        runtime = SimulatedRuntime(behaviour or Behaviour())
        described = [
            describe(name, first + index, size or NodeSize(cpu="4"), runtime=runtime.name, version="v1")
            for index, name in enumerate(nodes)
        ]
        agent = Agent(fleet or self.fleet, described, runtime, self.clock)
        return self.tasks.spawn(agent.run(), "agent")

    async def enter_node(self, name: str) -> Node:
        """Enter a node whose pods nobody runs: what becomes of them is for the test to say."""
        node = describe(name, 0, NodeSize(), runtime="none", version="v1")
        return (await self.fleet.register([node])).nodes[0]

    async def with_nodes(self, *nodes: str, **options: Any) -> asyncio.Task[None]:
        """Run an agent and wait until its nodes are ready."""
        task = self.agent(*nodes, **options)
        for name in nodes:
            await self.until_shown(NODE, name, is_well)
        return task


class Cable:
    """A fleet as an agent reaches it over a cable that can be cut: its heartbeats are then lost."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.is_cut = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fleet, name)

    async def heartbeat(self, nodes: Any, session: int, **options: Any) -> Any:
        if self.is_cut:
            raise Unavailable("the cable is cut")
        return await self._fleet.heartbeat(nodes, session, **options)


def is_well(node: Node) -> bool:
    ready = any(each.type == "Ready" and each.status == "True" for each in node.status.conditions)
    return ready and not node.spec.taints


@asynccontextmanager
async def working_fleet() -> AsyncIterator[WorkingFleet]:
    """Run everything but agents as long as the context lasts."""
    clock: Any = LeapingClock()
    async with opened_services(clock=clock) as services, Tasks("test") as tasks:
        fleet = WorkingFleet(services.fleet, clock, tasks)
        tasks.spawn(run_worker(services.fleet, services.coordination, clock, "test", Metrics()), "worker")
        tasks.spawn(fleet.cache.run(), "cache")
        await fleet.cache.synced()
        yield fleet
