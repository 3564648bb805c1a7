"""The three services in one process, on logs in memory, and a client to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from statefleet.api.nodes.v1.node_registry_pb2_grpc import add_NodeRegistryServicer_to_server
from statefleet.api.revisions.v1.revision_history_pb2_grpc import add_RevisionHistoryServicer_to_server
from statefleet.api.workloads.v1.workload_store_pb2_grpc import add_WorkloadStoreServicer_to_server
from statefleet.client.fleet import Fleet
from statefleet.coordination.local import LocalCoordination
from statefleet.nodes.assembly import assemble_node_registry
from statefleet.objects.kinds import NODES, REVISIONS, WORKLOADS
from statefleet.revisions.assembly import assemble_revision_history
from statefleet.rpc.identity import GATEWAYS_GROUP, MASTERS_GROUP, Identity
from statefleet.rpc.inprocess import InProcessServer
from statefleet.rpc.interceptors import CallInterceptor
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.rand import SystemRand
from statefleet.store.doors import StoreDoors, StoreLogs
from statefleet.store.memory_log import MemoryLog
from statefleet.workloads.assembly import assemble_workload_store, until_furnished


@asynccontextmanager
async def whole_fleet(seed: int = 1) -> AsyncIterator[Fleet]:
    """Run the services and give a client to them, furnished with the first namespaces."""
    clock, rand = SystemClock(), SystemRand(seed)
    doors = StoreDoors(LocalCoordination(), clock, rand)
    async with (
        assemble_workload_store(_logs(), _logs(), doors) as workloads,
        assemble_revision_history(_logs(), doors) as revisions,
        assemble_node_registry(_logs(), doors) as nodes,
    ):
        server: Any = InProcessServer([CallInterceptor(clock=clock, rand=rand)])
        add_WorkloadStoreServicer_to_server(workloads, server)
        add_RevisionHistoryServicer_to_server(revisions, server)
        add_NodeRegistryServicer_to_server(nodes, server)
        await server.start()
        await until_furnished(workloads)
        channel = server.channel(Identity("gateway", (GATEWAYS_GROUP, MASTERS_GROUP)))
        try:
            yield Fleet({WORKLOADS: channel, REVISIONS: channel, NODES: channel}, clock=clock, rand=rand)
        finally:
            await server.stop(None)


def _logs() -> StoreLogs:
    return StoreLogs(MemoryLog(), MemoryLog())
