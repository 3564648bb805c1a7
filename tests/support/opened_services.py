"""The three services on logs in memory, at a time that the test moves, and a client to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from statefleet.api.nodes.v1.node_registry_pb2_grpc import add_NodeRegistryServicer_to_server
from statefleet.api.revisions.v1.revision_history_pb2_grpc import add_RevisionHistoryServicer_to_server
from statefleet.api.workloads.v1.workload_store_pb2_grpc import add_WorkloadStoreServicer_to_server
from statefleet.client.fleet import Fleet
from statefleet.coordination.local import LocalCoordination
from statefleet.nodes.assembly import assemble_node_registry
from statefleet.nodes.health import HealthSettings
from statefleet.nodes.servicer import NodeRegistry
from statefleet.objects.kinds import NODES, REVISIONS, WORKLOADS
from statefleet.revisions.assembly import assemble_revision_history
from statefleet.revisions.servicer import RevisionHistory
from statefleet.rpc.identity import GATEWAYS_GROUP, MASTERS_GROUP, Identity
from statefleet.rpc.inprocess import InProcessServer
from statefleet.rpc.interceptors import CallInterceptor
from statefleet.runtime.rand import SystemRand
from statefleet.store.doors import StoreDoors, StoreLogs
from statefleet.store.memory_log import MemoryLog
from statefleet.store.replica import ReplicaSettings
from statefleet.workloads.assembly import assemble_workload_store, until_furnished
from statefleet.workloads.events import EventSettings
from statefleet.workloads.servicer import WorkloadStore
from support.stores import ManualClock


@dataclass
class Services:
    fleet: Fleet
    clock: ManualClock
    workloads: WorkloadStore
    revisions: RevisionHistory
    nodes: NodeRegistry
    coordination: LocalCoordination
    channel: Any


@asynccontextmanager
async def opened_services(
    *,
    events: EventSettings | None = None,
    health: HealthSettings | None = None,
    settings: ReplicaSettings | None = None,
    clock: ManualClock | None = None,
    runtime: str = "simulated",
) -> AsyncIterator[Services]:
    clock, rand, coordination = clock or ManualClock(), SystemRand(7), LocalCoordination()
    doors = StoreDoors(coordination, clock, rand, settings=settings or ReplicaSettings())
    async with (
        assemble_workload_store(_logs(), _logs(), doors, events=events, runtime=runtime) as workloads,
        assemble_revision_history(_logs(), doors) as revisions,
        assemble_node_registry(_logs(), doors, health=health) as nodes,
    ):
        server: Any = InProcessServer([CallInterceptor(clock=clock, rand=rand)])
        add_WorkloadStoreServicer_to_server(workloads, server)
        add_RevisionHistoryServicer_to_server(revisions, server)
        add_NodeRegistryServicer_to_server(nodes, server)
        await server.start()
        await until_furnished(workloads)
        for service in (workloads, revisions, nodes):
            await service.replica.leading()
        channel = server.channel(Identity("gateway", (GATEWAYS_GROUP, MASTERS_GROUP)))
        fleet = Fleet({WORKLOADS: channel, REVISIONS: channel, NODES: channel}, clock=clock, rand=rand)
        try:
            yield Services(fleet, clock, workloads, revisions, nodes, coordination, channel)
        finally:
            await server.stop(None)


def _logs() -> StoreLogs:
    return StoreLogs(MemoryLog(), MemoryLog())
