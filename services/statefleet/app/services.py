"""Open each service on its logs, and serve it: the same code for one process and for many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from statefleet.api.nodes.v1.node_registry_pb2_grpc import add_NodeRegistryServicer_to_server
from statefleet.api.revisions.v1.revision_history_pb2_grpc import add_RevisionHistoryServicer_to_server
from statefleet.api.workloads.v1.workload_store_pb2_grpc import add_WorkloadStoreServicer_to_server
from statefleet.app.backends import STORES, Logs
from statefleet.app.peers import NODE_REGISTRY, REVISION_HISTORY, WORKLOAD_STORE
from statefleet.nodes.assembly import assemble_node_registry
from statefleet.revisions.assembly import assemble_revision_history
from statefleet.runtime.tasks import Tasks
from statefleet.store.doors import StoreDoors
from statefleet.store.replica import Replica
from statefleet.workloads.assembly import assemble_workload_store
from statefleet.workloads.unacted import SIMULATED

_REGISTER: Mapping[str, Callable[[Any, Any], None]] = {
    WORKLOAD_STORE: add_WorkloadStoreServicer_to_server,
    REVISION_HISTORY: add_RevisionHistoryServicer_to_server,
    NODE_REGISTRY: add_NodeRegistryServicer_to_server,
}


def register(name: str, servicer: Any, server: Any) -> None:
    """Have a server, in process or on a socket, serve a service."""
    _REGISTER[name](servicer, server)


@asynccontextmanager
async def failure_of(servicers: Iterable[Any]) -> AsyncIterator[asyncio.Future[str]]:
    """Watch over the stores of services as long as the context lasts; yields what is done when one cannot go on."""
    failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def note(replica: Replica) -> None:
        error = await replica.failed()
        if not failed.done():
            failed.set_result(f"the store {replica.name} cannot go on: {error}")

    async with Tasks("failures") as tasks:
        for servicer in servicers:
            for replica in servicer.replicas:
                tasks.spawn(note(replica), replica.name)
        yield failed


@asynccontextmanager
async def open_service(name: str, logs: Logs, doors: StoreDoors, *, runtime: str = SIMULATED) -> AsyncIterator[Any]:
    """Run a replica of a service as long as the context lasts; yields its servicer.

    `runtime` is what runs the fleet's pods: it says which fields users are told that nothing acts on.
    """
    main, *beside = [await logs.open(store) for store in STORES[name]]
    async with AsyncExitStack() as stack:
        if name == WORKLOAD_STORE:
            (events,) = beside
            yield await stack.enter_async_context(assemble_workload_store(main, events, doors, runtime=runtime))
        elif name == REVISION_HISTORY:
            yield await stack.enter_async_context(assemble_revision_history(main, doors))
        else:
            yield await stack.enter_async_context(assemble_node_registry(main, doors))
