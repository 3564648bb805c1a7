"""Each part of the suite as a process of its own, joined to the others by gRPC with mutual TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statefleet.agent.agent import Agent
from statefleet.agent.behaviour import Behaviour
from statefleet.agent.nodes import NodeSize, describe
from statefleet.agent.simulated import SimulatedRuntime
from statefleet.api.rollouts.v1.rollouts_pb2_grpc import add_RolloutsServicer_to_server
from statefleet.app.addresses import Address
from statefleet.app.authority import Identities
from statefleet.app.gateways import open_gateway
from statefleet.app.metrics import announced, store_metrics, tell_of_agent
from statefleet.app.peers import SERVICES, Peers, manager_of
from statefleet.app.release import VERSION
from statefleet.app.services import open_service, register
from statefleet.app.workers import build_worker
from statefleet.client.fleet import Fleet
from statefleet.coordination.local import LocalCoordination, hold_directory
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

_OF_EACH_SERVICE: tuple[Kind[Any], ...] = (NAMESPACE, CONTROLLER_REVISION, NODE)
REACH_SECONDS = 2.0
"""How often a gateway asks whether the services answer, and how long it waits for that."""


@asynccontextmanager
async def connected(peers: Peers, name: str) -> AsyncIterator[Fleet]:
    """Open channels to the services as the part of the suite called `name`."""
    tls = Identities(peers.certificates, SystemClock()).caller(name)
    channels = {SERVICES[service]: connect(str(address), tls=tls) for service, address in peers.services.items()}
    try:
        yield Fleet(channels, field_manager=manager_of(name))
    finally:
        for channel in channels.values():
            await channel.close(None)


@asynccontextmanager
async def serve_service(
    name: str, listen: Address, data_dir: Path, certificates: Path, metrics_listen: Address | None = None
) -> AsyncIterator[int]:
    """Run a service on its own data directory; yields the port it listens on."""
    clock, rand, metrics = SystemClock(), SystemRand(), Metrics(process=True)
    doors = StoreDoors(LocalCoordination(), clock, rand, metrics=store_metrics(metrics, [name]))
    with hold_directory(data_dir):
        tls = Identities(certificates, clock).server(name, listen.names)
        async with announced(metrics, metrics_listen), open_service(name, data_dir, doors) as servicer:
            interceptor = CallInterceptor(clock=clock, rand=rand, metrics=metrics)
            server = RpcServer(str(listen), tls=tls, interceptors=[interceptor])
            register(name, servicer, server)
            await server.start()
            try:
                yield server.port
            finally:
                await server.stop()


@dataclass(frozen=True, slots=True)
class Served:
    """Where a gateway is."""

    url: str
    """Where the Kubernetes API is."""
    grpc_port: int
    """Where the Rollouts API is; 0: nowhere."""


@asynccontextmanager
async def serve_gateway(
    listen: Address, peers: Peers, metrics_listen: Address | None = None, grpc_listen: Address | None = None
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
            open_gateway(fleet, listen, identities, metrics, reach.is_ready) as server,
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
    tls = identities.server("gateway-grpc", listen.names)
    server = RpcServer(str(listen), tls=tls, interceptors=[interceptor])
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


async def work(peers: Peers, metrics_listen: Address | None = None) -> None:
    """Run every controller until cancelled."""
    metrics = Metrics(process=True)
    async with connected(peers, "worker") as fleet, announced(metrics, metrics_listen):
        await build_worker(fleet, SystemClock(), f"worker-{SystemRand().suffix(5)}", metrics).run()


async def run_agent(
    peers: Peers,
    names: Mapping[str, int],
    size: NodeSize,
    behaviour: Behaviour,
    metrics_listen: Address | None = None,
) -> None:
    """Stand for simulated nodes until cancelled; `names` gives each node's number, from which its addresses come."""
    runtime = SimulatedRuntime(behaviour)
    nodes = [
        describe(name, index, size, runtime=runtime.name, version=f"v{VERSION}") for name, index in names.items()
    ]
    metrics = Metrics(process=True)
    async with connected(peers, "agent") as fleet, announced(metrics, metrics_listen):
        agent = Agent(fleet, nodes, runtime, SystemClock())
        tell_of_agent(metrics, agent)
        await agent.run()
