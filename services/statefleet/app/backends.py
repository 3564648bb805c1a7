"""Where the logs of a service are, and by what its replicas find out which of them leads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import structlog

from statefleet.app.peers import NODE_REGISTRY, REVISION_HISTORY, WORKLOAD_STORE
from statefleet.coordination.door import Coordination
from statefleet.coordination.local import LocalCoordination, hold_directory
from statefleet.coordination.zookeeper import ZooKeeperCoordination
from statefleet.coordination.zookeeper_settings import ZooKeeperSettings
from statefleet.errors import Unavailable
from statefleet.nodes.assembly import NODES_STORE
from statefleet.revisions.assembly import REVISIONS_STORE
from statefleet.runtime.clock import Clock
from statefleet.store.doors import StoreLogs
from statefleet.store.kafka_log import KafkaCluster, KafkaLog
from statefleet.store.kafka_settings import KafkaSettings
from statefleet.store.sqlite_file import SqliteFile
from statefleet.store.sqlite_log import SqliteLog
from statefleet.workloads.assembly import EVENTS_STORE, WORKLOADS_STORE

T = TypeVar("T")

_PAUSE_SECONDS = 1.0

_log = structlog.get_logger(__name__)

STORES: Mapping[str, tuple[str, ...]] = {
    WORKLOAD_STORE: (WORKLOADS_STORE, EVENTS_STORE),
    REVISION_HISTORY: (REVISIONS_STORE,),
    NODE_REGISTRY: (NODES_STORE,),
}
"""The replicated stores of each service."""

_FILES: Mapping[str, str] = {
    WORKLOADS_STORE: WORKLOAD_STORE,
    EVENTS_STORE: "events",
    REVISIONS_STORE: REVISION_HISTORY,
    NODES_STORE: NODE_REGISTRY,
}
"""The SQLite file of each store, without its ending."""
_RELAXED = frozenset({EVENTS_STORE})
"""Stores whose newest records may be lost when the machine crashes."""


class Logs(Protocol):
    """Opens the logs of stores."""

    async def open(self, store: str) -> StoreLogs:
        """Return the logs of a store, made where absent; open each only once. Unavailable."""


class SqliteLogs:
    """The logs in the files of a directory, which are closed with the stack."""

    def __init__(self, stack: AsyncExitStack, directory: Path) -> None:
        self._stack = stack
        self._directory = directory

    async def open(self, store: str) -> StoreLogs:
        """Return the logs of a store, made where absent."""
        self._directory.mkdir(parents=True, exist_ok=True)
        path = sqlite_path(self._directory, store)
        file = await self._stack.enter_async_context(SqliteFile(path, relaxed=store in _RELAXED))
        return StoreLogs(await SqliteLog.open(file, "records"), await SqliteLog.open(file, "snapshots"))


def sqlite_path(directory: Path, store: str) -> Path:
    """Return the file of a store in a data directory."""
    return directory / f"{_FILES[store]}.db"


class KafkaLogs:
    """The logs in the topics of a Kafka cluster that is open."""

    def __init__(self, cluster: KafkaCluster) -> None:
        self._cluster = cluster

    async def has(self, store: str) -> bool:
        """Return whether the topics of a store exist. Unavailable."""
        return await KafkaLog.exists(self._cluster, f"{store}.records")

    async def open(self, store: str) -> StoreLogs:
        """Return the logs of a store, made where absent."""
        records = await KafkaLog.open(self._cluster, f"{store}.records")
        return StoreLogs(records, await KafkaLog.open(self._cluster, f"{store}.snapshots"))


@dataclass(frozen=True, slots=True)
class OwnDirectory:
    """Everything is in a directory of this process's own: it has no other replicas."""

    path: Path


@dataclass(frozen=True, slots=True)
class Shared:
    """Logs in Kafka, and replicas that find one another through ZooKeeper."""

    kafka: KafkaSettings
    zookeeper: ZooKeeperSettings


Backend = OwnDirectory | Shared


class Opened(NamedTuple):
    """A backend that is open."""

    logs: Logs
    coordination: Coordination


@asynccontextmanager
async def opened(backend: Backend, clock: Clock) -> AsyncIterator[Opened]:
    """Open a backend for as long as the context lasts: what it shares with others is waited for.

    Unavailable where another process holds the directory.
    """
    async with AsyncExitStack() as stack:
        if isinstance(backend, OwnDirectory):
            stack.enter_context(hold_directory(backend.path))
            yield Opened(SqliteLogs(stack, backend.path), LocalCoordination())
            return
        cluster = await _once_there(stack, lambda: KafkaCluster(backend.kafka), "Kafka", clock)
        coordination = await stack.enter_async_context(ZooKeeperCoordination(backend.zookeeper))
        yield Opened(KafkaLogs(cluster), coordination)


async def _once_there(
    stack: AsyncExitStack, make: Callable[[], AbstractAsyncContextManager[T]], what: str, clock: Clock
) -> T:
    """Enter a context as soon as what it needs answers."""
    while True:
        try:
            return await stack.enter_async_context(make())
        except Unavailable as error:
            _log.warning("waiting", until=f"{what} answers", error=error.message)
            await clock.sleep(_PAUSE_SECONDS)
