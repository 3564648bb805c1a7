"""Put the revision history together from the doors that it is given, alike in one process and in many."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from statefleet.objects.kinds import CONTROLLER_REVISION
from statefleet.revisions.servicer import RevisionHistory
from statefleet.store.doors import StoreDoors, StoreLogs
from statefleet.store.strategy import Strategy
from statefleet.store.verbs import Home
from statefleet.store.writing import Writer

REVISIONS_STORE = "revisions"


@asynccontextmanager
async def assemble_revision_history(logs: StoreLogs, doors: StoreDoors) -> AsyncIterator[RevisionHistory]:
    """Run a replica of the revision history as long as the context lasts."""
    async with doors.open(REVISIONS_STORE, logs) as replica:
        writer = Writer(replica, doors.clock, doors.rand)
        yield RevisionHistory([Home(Strategy(CONTROLLER_REVISION), writer)])
