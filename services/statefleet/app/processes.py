"""Each part of the suite as a process of its own, joined to the others by gRPC with mutual TLS."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from statefleet.agent.agent import Agent
from statefleet.agent.behaviour import Behaviour
from statefleet.agent.nodes import NodeSize, describe
from statefleet.agent.simulated import SimulatedRuntime
from statefleet.api.rollouts.v1.rollouts_pb2_grpc import add_RolloutsServicer_to_server
from statefleet.app.addresses import Address
from statefleet.app.authority import Identities
from statefleet.app.backends import Backend, opened
from statefleet.app.encryption import encrypted
from statefleet.app.gateways import open_gateway
from statefleet.app.metrics import announced, store_metrics, tell_of_agent
from statefleet.app.peers import SERVICES, Peers, manager_of
from statefleet.app.release import VERSION
from statefleet.app.services import failure_of, open_service, register
from statefleet.app.workers import run_worker
from statefleet.authorization.interceptor import Authorization
from statefleet.client.fleet import Fleet
from statefleet.coordination.door import Coordination
from statefleet.coordination.local import LocalCoordination
from statefleet.coordination.zookeeper import ZooKeeperCoordination
from statefleet.coordination.zookeeper_settings import ZooKeeperSettings
from statefleet.errors import FleetError
from statefleet.objects.kinds import CONTROLLER_REVISION, NAMESPACE, NODE, Kind
from statefleet.rollouts.servicer import Rollouts
from statefleet.rpc.channel import connect
from statefleet.rpc.interceptors import CallInterceptor
from statefleet.rpc.server import RpcServer
from statefleet.runtime.clock import Clock, SystemClock
from statefleet.runtime.metrics import Metrics
from statefleet.runtime.rand import SystemRand
from statefleet.runtime.tasks import Tasks
from statefleet.store.doors import StoreDoors
from statefleet.store.forwarding import Forwarding
from statefleet.store.replica import ReplicaSettings
from statefleet.store.state import FEATURE_LEVEL

_OF_EACH_SERVICE: tuple[Kind[Any], ...] = (NAMESPACE, CONTROLLER_REVISION, NODE)
REACH_SECONDS = 2.0
"""How often a gateway asks whether the services answer, and how long it waits for that."""


@asynccontextmanager
async def connected(peers: Peers, name: str, identity: str = "") -> AsyncIterator[Fleet]:
    """Open channels to the services' replicas as the part of the suite called `name`, or with another `identity`."""
    tls = Identities(peers.certificates, SystemClock()).caller(identity or name)
    channels = {
        SERVICES[service]: [connect(str(address), tls=tls) for address in addresses]
        for service, addresses in peers.services.items()
    }
    fleet = Fleet(channels, field_manager=manager_of(name))
    try:
        yield fleet
    finally:
        await fleet.close()


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What one replica of a service is told."""

    name: str
    listen: Address
    backend: Backend
    certificates: Path
    advertise: Address | None = None
    """Where the other replicas call this one; by default where it listens."""
    metrics_listen: Address | None = None
    encryption_keys: Path | None = None
    """The keys that the logs are sealed with; None: they are kept plain."""
    feature_level: int = FEATURE_LEVEL
    """The newest rules of apply that the log is raised to."""


class ServedService(NamedTuple):
    """Where a replica of a service is."""

    port: int
    failed: asyncio.Future[str]
    """Done when the replica cannot go on, with the reason."""


@asynccontextmanager
async def serve_service(settings: ServiceSettings) -> AsyncIterator[ServedService]:
    """Run a replica of a service as long as the context lasts. It hands over to the others before it stops."""
    name, listen = settings.name, settings.listen
    own = str(settings.advertise or listen)
    clock, rand, metrics = SystemClock(), SystemRand(), Metrics(process=True)
    async with opened(settings.backend, clock) as (logs, coordination), announced(metrics, settings.metrics_listen):
        identities = Identities(settings.certificates, clock)
        tls = identities.server(name, [*listen.names, *(settings.advertise or listen).names])
        caller = identities.caller(name)
        doors = StoreDoors(
            coordination,
            clock,
            rand,
            member=own,
            settings=ReplicaSettings(raise_level_to=settings.feature_level),
            metrics=store_metrics(metrics, [name]),
        )
        async with open_service(name, encrypted(logs, settings.encryption_keys), doors) as servicer:
            forwarding = Forwarding(own, servicer.replica.find_leader, lambda target: connect(target, tls=caller))
            call = CallInterceptor(clock=clock, rand=rand, metrics=metrics)
            authorization = Authorization(servicer.placements)
            server = RpcServer(str(listen), tls=tls, interceptors=[call, authorization, forwarding])
            register(name, servicer, server)
            await server.start()
            try:
                async with failure_of([servicer]) as failed:
                    yield ServedService(server.port, failed)
            finally:
                await servicer.retire()
                await server.stop()
                await forwarding.close()


@dataclass(frozen=True, slots=True)
class Served:
    """Where a gateway is."""

    url: str
    """Where the Kubernetes API is."""
    grpc_port: int
    """Where the Rollouts API is; 0: nowhere."""


@asynccontextmanager
async def serve_gateway(
    listen: Address,
    peers: Peers,
    metrics_listen: Address | None = None,
    grpc_listen: Address | None = None,
    tokens: Path | None = None,
) -> AsyncIterator[Served]:
    """Run a gateway, with the Rollouts API where `grpc_listen` says.

    Its own /metrics asks for credentials, the one at `metrics_listen` does not.
    """
    clock, metrics = SystemClock(), Metrics(process=True)
    identities = Identities(peers.certificates, clock)
    async with connected(peers, "gateway") as fleet, Tasks("gateway") as tasks:
        reach = Reach(fleet, clock)
        tasks.spawn(reach.run(), "reach")
        async with (
            announced(metrics, metrics_listen),
            open_gateway(fleet, listen, identities, metrics, reach.is_ready, tokens) as server,
            _serve_rollouts(fleet, grpc_listen, identities, metrics) as port,
        ):
            yield Served(server.url, port)


@asynccontextmanager
async def _serve_rollouts(
    fleet: Fleet, listen: Address | None, identities: Identities, metrics: Metrics
) -> AsyncIterator[int]:
    if listen is None:
        yield 0
        return
    clock = SystemClock()
    interceptor = CallInterceptor(clock=clock, rand=SystemRand(), metrics=metrics)
    tls = identities.server("gateway", listen.names)
    server = RpcServer(str(listen), tls=tls, interceptors=[interceptor, Authorization()])
    add_RolloutsServicer_to_server(Rollouts(fleet, clock), server)
    await server.start()
    try:
        yield server.port
    finally:
        await server.stop()


class Reach:
    """Keeps in mind whether every service answers."""

    def __init__(self, fleet: Fleet, clock: Clock) -> None:
        self._fleet = fleet
        self._clock = clock
        self._reached = False

    def is_ready(self) -> bool:
        """Return whether every service answered when last asked."""
        return self._reached

    async def run(self) -> None:
        """Ask every few seconds until cancelled."""
        while True:
            try:
                for kind in _OF_EACH_SERVICE:
                    await self._fleet.list(kind, limit=1, timeout=REACH_SECONDS)
            except FleetError:
                self._reached = False
            else:
                self._reached = True
            await self._clock.sleep(REACH_SECONDS)


async def work(
    peers: Peers,
    on_ready: Callable[[], object],
    metrics_listen: Address | None = None,
    zookeeper: ZooKeeperSettings | None = None,
) -> None:
    """Run every controller until cancelled: alone, or beside the other workers that ZooKeeper knows.

    `on_ready` is called once nothing is missing that it begins with.
    """
    clock, metrics = SystemClock(), Metrics(process=True)
    holder = f"{socket.gethostname()}-{SystemRand().suffix(5)}"
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(connected(peers, "worker"))
        await stack.enter_async_context(announced(metrics, metrics_listen))
        coordination: Coordination = LocalCoordination()
        if zookeeper is not None:
            coordination = await stack.enter_async_context(ZooKeeperCoordination(zookeeper))
        on_ready()
        await run_worker(fleet, coordination, clock, holder, metrics)


async def run_agent(
    peers: Peers,
    names: Mapping[str, int],
    size: NodeSize,
    behaviour: Behaviour,
    on_ready: Callable[[], object],
    metrics_listen: Address | None = None,
    identity: str = "agent",
) -> None:
    """Stand for simulated nodes until cancelled; `names` gives each node's number, from which its addresses come.

    `identity` is the certificate shown, by its file's name. `on_ready` is called once nothing is missing that it
    begins with.
    """
    runtime = SimulatedRuntime(behaviour)
    nodes = [
        describe(name, index, size, runtime=runtime.name, version=f"v{VERSION}") for name, index in names.items()
    ]
    metrics = Metrics(process=True)
    async with connected(peers, "agent", identity) as fleet, announced(metrics, metrics_listen):
        agent = Agent(fleet, nodes, runtime, SystemClock())
        tell_of_agent(metrics, agent)
        on_ready()
        await agent.run()
