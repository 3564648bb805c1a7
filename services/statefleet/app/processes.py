"""Each part of the suite as a process of its own, joined to the others by gRPC with mutual TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from statefleet.agent.agent import Agent
from statefleet.agent.behaviour import Behaviour
from statefleet.agent.nodes import NodeSize, describe
from statefleet.agent.simulated import SimulatedRuntime
from statefleet.app.addresses import Address
from statefleet.app.authority import Identities
from statefleet.app.gateways import open_gateway
from statefleet.app.peers import SERVICES, Peers
from statefleet.app.release import VERSION
from statefleet.app.services import open_service, register
from statefleet.app.workers import build_worker
from statefleet.client.fleet import Fleet
from statefleet.coordination.local import LocalCoordination, hold_directory
from statefleet.rpc.channel import connect
from statefleet.rpc.interceptors import CallInterceptor
from statefleet.rpc.server import RpcServer
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.metrics import Metrics
from statefleet.runtime.rand import SystemRand
from statefleet.store.doors import StoreDoors


@asynccontextmanager
async def connected(peers: Peers, name: str) -> AsyncIterator[Fleet]:
    """Open channels to the services as the part of the suite called `name`."""
    tls = Identities(peers.certificates, SystemClock()).caller(name)
    channels = {SERVICES[service]: connect(str(address), tls=tls) for service, address in peers.services.items()}
    try:
        yield Fleet(channels, field_manager=name)
    finally:
        for channel in channels.values():
            await channel.close(None)


@asynccontextmanager
async def serve_service(name: str, listen: Address, data_dir: Path, certificates: Path) -> AsyncIterator[int]:
    """Run a service on its own data directory; yields the port it listens on."""
    clock, rand = SystemClock(), SystemRand()
    with hold_directory(data_dir):
        tls = Identities(certificates, clock).server(name, listen.names)
        async with open_service(name, data_dir, StoreDoors(LocalCoordination(), clock, rand)) as servicer:
            interceptor = CallInterceptor(clock=clock, rand=rand, metrics=Metrics(process=True))
            server = RpcServer(str(listen), tls=tls, interceptors=[interceptor])
            register(name, servicer, server)
            await server.start()
            try:
                yield server.port
            finally:
                await server.stop()


@asynccontextmanager
async def serve_gateway(listen: Address, peers: Peers) -> AsyncIterator[str]:
    """Run a gateway; yields its URL."""
    identities = Identities(peers.certificates, SystemClock())
    async with (
        connected(peers, "gateway") as fleet,
        open_gateway(fleet, listen, identities, Metrics(process=True)) as server,
    ):
        yield server.url


async def work(peers: Peers) -> None:
    """Run every controller until cancelled."""
    async with connected(peers, "worker") as fleet:
        await build_worker(fleet, SystemClock(), f"worker-{SystemRand().suffix(5)}").run()


async def run_agent(peers: Peers, names: Mapping[str, int], size: NodeSize, behaviour: Behaviour) -> None:
    """Stand for simulated nodes until cancelled; `names` gives each node's number, from which its addresses come."""
    runtime = SimulatedRuntime(behaviour)
    nodes = [
        describe(name, index, size, runtime=runtime.name, version=f"v{VERSION}") for name, index in names.items()
    ]
    async with connected(peers, "agent") as fleet:
        await Agent(fleet, nodes, runtime, SystemClock()).run()
