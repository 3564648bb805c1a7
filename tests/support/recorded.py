"""Read back what a service has written to its log, once its process has ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.log.v1.log_pb2 import Record
from statefleet.api.object.v1.object_pb2 import Object
from statefleet.app.encryption import KEYS_FILE
from statefleet.store.keyring import Keyring
from statefleet.store.sealed_log import SealedLog
from statefleet.store.sqlite_file import SqliteFile
from statefleet.store.sqlite_log import SqliteLog
from statefleet.workloads.assembly import WORKLOADS_STORE


class Write(NamedTuple):
    """One object that a record changes; `object` is None where it is deleted."""

    kind: str
    name: str
    object: Object | None


async def records(file: Path, store: str = WORKLOADS_STORE) -> list[Record]:
    """Return every record that a service's file still has, opened with the keys beside it."""
    keyring = Keyring.read(file.parent / "certificates" / KEYS_FILE)
    async with SqliteFile(file) as opened:
        log = SealedLog(await SqliteLog.open(opened, "records"), keyring, f"{store}.records")
        start, end = await log.start(), await log.end()
        found: list[Record] = []
        async with aclosing(log.read(start)) as batches:
            while len(found) < end - start:
                found += [Record.FromString(one.payload) for one in await anext(batches)]
        return found


def writes(found: list[Record]) -> Iterator[Write]:
    """Yield what transactions propose to change, in order."""
    for record in found:
        for change in record.transaction.changes:
            written = Object.FromString(change.object) if change.object else None
            yield Write(change.key.kind, change.key.name, written)


def pod_step(before: Pod | None, after: Pod | None) -> str:
    """Return what a write does to a pod."""
    if after is None:
        return "gone"
    if before is None:
        return "created with its node" if after.spec.node_name else "created"
    if after.metadata.HasField("deletion_timestamp") and not before.metadata.HasField("deletion_timestamp"):
        return "marked deleted"
    if after.spec.node_name and not before.spec.node_name:
        return "bound"
    if any(condition.type == "Ready" and condition.status == "True" for condition in after.status.conditions):
        return "running and ready"
    return "changed"
