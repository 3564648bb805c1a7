"""Put the node registry together from the doors that it is given, alike in one process and in many."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from statefleet.nodes.health import Health, HealthSettings
from statefleet.nodes.servicer import NodeRegistry
from statefleet.nodes.strategy import NodeStrategy
from statefleet.nodes.usage import Usages
from statefleet.objects.kinds import NODE
from statefleet.runtime.tasks import Tasks
from statefleet.store.doors import StoreDoors, StoreLogs
from statefleet.store.verbs import Home
from statefleet.store.writing import Writer

NODES_STORE = "nodes"


@asynccontextmanager
async def assemble_node_registry(
    logs: StoreLogs, doors: StoreDoors, *, health: HealthSettings | None = None
) -> AsyncIterator[NodeRegistry]:
    """Run a replica of the node registry as long as the context lasts; its leader watches over the agents."""
    settings = health or HealthSettings()
    async with doors.open(NODES_STORE, logs) as replica, Tasks(NODES_STORE) as tasks:
        writer = Writer(replica, doors.clock, doors.rand)
        watching = Health(writer, doors.clock, settings)
        tasks.spawn(watching.run(), "health")
        usages = Usages(replica, doors.clock, settings.grace_seconds)
        yield NodeRegistry([Home(NodeStrategy(NODE), writer)], watching, usages, settings)
