"""Copy the logs of a store into empty ones, so that a replica that starts there goes on where the source was.

The copy holds the oldest state that the source can still show, every record after it and every later snapshot: so the
history, the outcomes of requests, marks, claims and the epoch are there as they were, though offsets are others.

Its first offset holds nothing and is trimmed, and the state that the records come after is written once they are all
there. A copy that was cut short thus has no state to start from, and every start from it is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from statefleet.api.log.v1.log_pb2 import EpochClaim, Record
from statefleet.errors import Conflict, Internal
from statefleet.runtime.clock import Clock
from statefleet.store.doors import StoreLogs
from statefleet.store.replay import Extent, base_image, extent_of, final_state, fingerprint, records_of
from statefleet.store.snapshot import Snapshots

_FIRST = 1
"""The offset of a copy's first record."""
_SECOND_NS = 1_000_000_000
COPIER = "statefleet log copy"
"""Who claims an epoch to find out whether somebody leads."""


class Copied(NamedTuple):
    """What a copy holds."""

    records: int
    snapshots: int
    objects: int
    version: int
    epoch: int
    size: int
    """The bytes of the records."""


async def is_empty(logs: StoreLogs) -> bool:
    """Return whether nothing was ever written to a store's logs."""
    return not (await logs.records.end() or await logs.snapshots.end())


async def copy_store(source: StoreLogs, target: StoreLogs, extent: Extent, copied: Callable[[int], None]) -> int:
    """Copy what an extent of the source holds into empty logs; tell of each lot of records. Return their bytes.

    Conflict where the target is not empty.
    """
    if not await is_empty(target):
        raise Conflict("the destination is not empty")
    await target.records.append(Record(request_id=COPIER).SerializeToString())
    await target.records.trim(_FIRST)
    size = 0
    async for batch in records_of(source.records, extent.first, extent.end):
        await asyncio.gather(*(target.records.append(record.payload) for record in batch))
        size += sum(len(record.payload) for record in batch)
        copied(len(batch))
    shift = _FIRST - extent.first
    kept = Snapshots(target.snapshots)
    await kept.save(await base_image(source, extent), _FIRST)
    for snapshot in extent.later:
        await kept.save(await Snapshots(source.snapshots).load(snapshot), snapshot.next_offset + shift)
    return size


async def verify_store(source: StoreLogs, target: StoreLogs, extent: Extent, size: int) -> Copied:
    """Return what a copy holds, having read it back. Conflict where the source has been written to meanwhile.

    Internal where the copy is not what the source was.
    """
    if await source.records.end() != extent.end:
        raise Conflict("the source was written to while it was copied: stop its services first")
    there = await extent_of(target)
    expected, found = await final_state(source, extent), await final_state(target, there)
    if fingerprint(expected.image()) != fingerprint(found.image()):
        raise Internal("the copy does not hold what the source does: do not use it")
    if len(there.later) != len(extent.later):
        raise Internal("the copy lacks snapshots of the source: do not use it")
    return Copied(there.end - there.first, len(there.later) + 1, len(found), found.version, found.epoch, size)


async def claim_quiet(logs: StoreLogs, clock: Clock, seconds: float) -> None:
    """Find out whether somebody leads a store: claim its next epoch, which a leader that lives answers with another.

    What a leader that does not answer writes later has no effect. Conflict where the log goes on within some seconds.
    """
    epoch = (await final_state(logs, await extent_of(logs))).epoch + 1
    claim = Record(epoch=epoch, time_ns=int(clock.now() * _SECOND_NS), epoch_claim=EpochClaim(replica=COPIER))
    end = await logs.records.append(claim.SerializeToString()) + 1
    until = clock.monotonic() + seconds
    while clock.monotonic() < until:
        if await logs.records.end() > end:
            raise Conflict("the source is in use: stop its services first")
        await clock.sleep(min(0.5, seconds))
