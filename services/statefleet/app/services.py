"""Open each service on its files, and serve it: the same code for one process and for many."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from statefleet.api.nodes.v1.node_registry_pb2_grpc import add_NodeRegistryServicer_to_server
from statefleet.api.revisions.v1.revision_history_pb2_grpc import add_RevisionHistoryServicer_to_server
from statefleet.api.workloads.v1.workload_store_pb2_grpc import add_WorkloadStoreServicer_to_server
from statefleet.app.peers import NODE_REGISTRY, REVISION_HISTORY, WORKLOAD_STORE
from statefleet.nodes.assembly import assemble_node_registry
from statefleet.revisions.assembly import assemble_revision_history
from statefleet.store.doors import StoreDoors, StoreLogs
from statefleet.store.sqlite_file import SqliteFile
from statefleet.store.sqlite_log import SqliteLog
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
async def open_service(
    name: str, directory: Path, doors: StoreDoors, *, runtime: str = SIMULATED
) -> AsyncIterator[Any]:
    """Run a service on the files of a directory as long as the context lasts; yields its servicer.

    `runtime` is what runs the fleet's pods: it says which fields users are told that nothing acts on.
    """
    async with AsyncExitStack() as stack:
        logs = await _open_logs(stack, directory / f"{name}.db")
        if name == WORKLOAD_STORE:
            events = await _open_logs(stack, directory / "events.db", relaxed=True)
            yield await stack.enter_async_context(assemble_workload_store(logs, events, doors, runtime=runtime))
        elif name == REVISION_HISTORY:
            yield await stack.enter_async_context(assemble_revision_history(logs, doors))
        else:
            yield await stack.enter_async_context(assemble_node_registry(logs, doors))


async def _open_logs(stack: AsyncExitStack, path: Path, *, relaxed: bool = False) -> StoreLogs:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = await stack.enter_async_context(SqliteFile(path, relaxed=relaxed))
    return StoreLogs(await SqliteLog.open(file, "records"), await SqliteLog.open(file, "snapshots"))
