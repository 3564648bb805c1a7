"""A process that writes to a store under load and tells each write that was acknowledged, until it is killed.

python crash_child.py DIRECTORY ROUND (trim|keep): on standard output, a line each:
"leads", "created REQUEST NAME VERSION", "deleting NAME", "deleted REQUEST NAME VERSION".
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from statefleet.coordination.local import LocalCoordination, hold_directory
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.rand import SystemRand
from statefleet.store.keeper import SnapshotSettings
from statefleet.store.replica import Replica, ReplicaSettings
from statefleet.store.sqlite_file import SqliteFile
from statefleet.store.sqlite_log import SqliteLog
from support.stores import put, remove, transaction

WRITERS = 16
SETTINGS = ReplicaSettings(
    snapshots=SnapshotSettings(records=100, seconds=1, pause_seconds=0, window_seconds=0.05),
    snapshot_check_seconds=0.01,
)
"""Snapshots come so often that most kills hit one."""


class UntrimmedLog(SqliteLog):
    """Keeps every record, so that what snapshots gave can be compared with a replay from the first record."""

    async def trim(self, before: int) -> None:
        del before


@asynccontextmanager
async def opened(directory: Path, *, trim: bool) -> AsyncIterator[tuple[Replica, SqliteLog, SqliteLog]]:
    """The store of a directory: its replica, its log, its snapshots' log."""
    kind = SqliteLog if trim else UntrimmedLog
    with hold_directory(directory):
        async with SqliteFile(directory / "store.db") as file:
            log, snapshots = await kind.open(file, "log"), await kind.open(file, "snapshots")
            coordination, clock, rand = LocalCoordination(), SystemClock(), SystemRand()
            async with Replica("store", log, snapshots, coordination, clock, rand, settings=SETTINGS) as replica:
                yield replica, log, snapshots


def tell(line: str) -> None:
    os.write(1, f"{line}\n".encode())


async def write(replica: Replica, prefix: str) -> None:
    """Create pod after pod and delete every third."""
    number = 0
    while True:
        name, request = f"{prefix}-{number}", f"request-{prefix}-{number}"
        created = await replica.propose(transaction(put(name), marks=[f"mark-{number % 5}"]), request_id=request)
        tell(f"created {request} {name} {created.version}")
        if number % 3 == 0:
            tell(f"deleting {name}")
            deleted = await replica.propose(transaction(remove(name, created.version)), request_id=f"{request}-d")
            tell(f"deleted {request}-d {name} {deleted.version}")
        number += 1


async def main(directory: Path, prefix: str, *, trim: bool) -> None:
    """Write with several writers until killed."""
    async with opened(directory, trim=trim) as (replica, _, _):
        await replica.leading()
        tell("leads")
        await asyncio.gather(*(write(replica, f"{prefix}-{writer}") for writer in range(WRITERS)))


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], trim=sys.argv[3] == "trim"))
