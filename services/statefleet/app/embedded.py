"""The whole suite in one process, its parts joined by channels that never leave it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from statefleet.agent.agent import Agent
from statefleet.agent.behaviour import Behaviour
from statefleet.agent.nodes import NodeSize, simulated_nodes
from statefleet.agent.simulated import SimulatedRuntime
from statefleet.api.rollouts.v1.rollouts_pb2_grpc import add_RolloutsServicer_to_server
from statefleet.app.addresses import Address
from statefleet.app.authority import ADMIN, Identities, component
from statefleet.app.backends import OwnDirectory, opened
from statefleet.app.encryption import encrypted, own_keys
from statefleet.app.gateways import open_gateway
from statefleet.app.metrics import exposed, store_metrics, tell_of_agent
from statefleet.app.peers import SERVICES, WORKLOAD_STORE, manager_of
from statefleet.app.release import VERSION
from statefleet.app.services import failure_of, open_service, register
from statefleet.app.workers import run_worker
from statefleet.authorization.interceptor import Authorization
from statefleet.client.fleet import Fleet
from statefleet.errors import Unavailable
from statefleet.gateway import kubeconfig
from statefleet.objects.kinds import NODE
from statefleet.rollouts.servicer import Rollouts
from statefleet.rpc.inprocess import InProcessServer
from statefleet.rpc.interceptors import CallInterceptor
from statefleet.rpc.server import RpcServer
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.metrics import Metrics
from statefleet.runtime.rand import SystemRand
from statefleet.runtime.tasks import Tasks
from statefleet.store.doors import StoreDoors
from statefleet.store.replica import ReplicaSettings
from statefleet.store.state import FEATURE_LEVEL
from statefleet.workloads.assembly import until_furnished
from statefleet.workloads.unacted import SIMULATED

NODES_READY_SECONDS = 60.0
"""How long the nodes may take to register before the start counts as failed."""


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """What `statefleet up` is told."""

    data_dir: Path
    kubeconfig: Path
    nodes: int = 3
    size: NodeSize = field(default_factory=NodeSize)
    behaviour: Behaviour = field(default_factory=Behaviour)
    listen: Address = field(default_factory=lambda: Address("127.0.0.1", 6443))
    grpc_listen: Address | None = None
    metrics_listen: Address | None = None
    runtime: str = SIMULATED
    """What runs the pods."""
    tokens: Path | None = None
    """The file of the bearer tokens that the gateway takes; None: it takes none."""
    encryption_keys: Path | None = None
    """The keys that the logs are sealed with; None: those that the fleet makes for itself."""
    feature_level: int = FEATURE_LEVEL
    """The newest rules of apply that the logs are raised to."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A suite that runs."""

    fleet: Fleet
    url: str
    """Where the Kubernetes API is."""
    grpc_port: int
    """Where the gRPC services are; 0: nowhere."""
    metrics_url: str
    """Where Prometheus can scrape without credentials; empty: nowhere."""
    kubeconfig: Path
    failed: asyncio.Future[str]
    """Done when a part has failed that the suite cannot do without, with what it was."""


@asynccontextmanager
async def run_embedded(settings: EmbeddedSettings) -> AsyncIterator[Embedded]:
    """Run the suite as long as the context lasts. It continues what its data directory holds.

    Raises Unavailable where another process holds the directory, OSError where an address cannot be had.
    """
    clock, rand, metrics = SystemClock(), SystemRand(), Metrics(process=True)
    interceptor = CallInterceptor(clock=clock, rand=rand, metrics=metrics)
    async with AsyncExitStack() as stack:
        logs, coordination = await stack.enter_async_context(opened(OwnDirectory(settings.data_dir), clock))
        identities = Identities(settings.data_dir / "certificates", clock)
        logs = encrypted(logs, settings.encryption_keys or own_keys(identities.directory))
        replicas = ReplicaSettings(raise_level_to=settings.feature_level)
        doors = StoreDoors(coordination, clock, rand, settings=replicas, metrics=store_metrics(metrics, SERVICES))
        servicers = {
            name: await stack.enter_async_context(open_service(name, logs, doors, runtime=settings.runtime))
            for name in SERVICES
        }
        failed = await stack.enter_async_context(failure_of(servicers.values()))

        def note_failure(task: str, error: BaseException) -> None:
            if not failed.done():
                failed.set_result(f"{task}: {error}")

        servers = await _serve_in_process(stack, servicers, interceptor)
        await until_furnished(servicers[WORKLOAD_STORE])

        def fleet_as(name: str) -> Fleet:
            channels = {SERVICES[service]: server.channel(component(name)) for service, server in servers.items()}
            return Fleet(channels, field_manager=manager_of(name), clock=clock, rand=rand)

        grpc_port = 0
        if settings.grpc_listen is not None:
            tls = identities.server("gateway", settings.grpc_listen.names)
            authorization = Authorization(servicers[WORKLOAD_STORE].placements)
            server = RpcServer(str(settings.grpc_listen), tls=tls, interceptors=[interceptor, authorization])
            add_RolloutsServicer_to_server(Rollouts(fleet_as("rollouts"), clock), server)
            grpc_port = await _serve_on_socket(stack, servicers, server)
        tasks = await stack.enter_async_context(Tasks("statefleet", note_failure))
        holder = f"embedded-{rand.suffix(5)}"
        tasks.spawn(run_worker(fleet_as("worker"), coordination, clock, holder, metrics), "worker")
        runtime = SimulatedRuntime(settings.behaviour)
        nodes = list(simulated_nodes(settings.nodes, settings.size, runtime=runtime.name, version=f"v{VERSION}"))
        if nodes:
            agent = Agent(fleet_as("agent"), nodes, runtime, clock)
            tell_of_agent(metrics, agent)
            tasks.spawn(agent.run(), "agent")
        gateway = await stack.enter_async_context(
            open_gateway(fleet_as("gateway"), settings.listen, identities, metrics, tokens=settings.tokens)
        )
        metrics_url = await stack.enter_async_context(exposed(metrics, settings.metrics_listen))
        user = identities.user(ADMIN)
        credentials = kubeconfig.Credentials(identities.authority, user.certificate, user.key)
        kubeconfig.write(settings.kubeconfig, kubeconfig.document(gateway.url, credentials))
        fleet = fleet_as("statefleet")
        await _until_registered(fleet, settings.nodes)
        yield Embedded(fleet, gateway.url, grpc_port, metrics_url, settings.kubeconfig, failed)


async def _serve_in_process(
    stack: AsyncExitStack, servicers: Mapping[str, Any], interceptor: CallInterceptor
) -> dict[str, InProcessServer]:
    servers = {}
    for name, servicer in servicers.items():
        server = InProcessServer([interceptor, Authorization(servicer.placements)], name=name)
        register(name, servicer, server)
        await server.start()
        stack.push_async_callback(server.stop, None)
        servers[name] = server
    return servers


async def _serve_on_socket(stack: AsyncExitStack, servicers: Mapping[str, object], server: RpcServer) -> int:
    for name, servicer in servicers.items():
        register(name, servicer, server)
    await server.start()
    stack.push_async_callback(server.stop)
    return server.port


async def _until_registered(fleet: Fleet, count: int) -> None:
    if not count:
        return
    names: set[str] = set()
    try:
        async with asyncio.timeout(NODES_READY_SECONDS):
            async for response in fleet.watch([NODE], send_initial_events=True):
                names.update(event.object.node.metadata.name for event in response.events if event.HasField("object"))
                if len(names - {""}) >= count:
                    return
    except TimeoutError:
        raise Unavailable(f"{len(names - {''})} of {count} nodes registered in {NODES_READY_SECONDS:g} s") from None
