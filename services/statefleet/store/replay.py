"""Read the log of a store from its oldest usable state to its end, applying it nowhere but here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from hashlib import sha256
from typing import NamedTuple

from statefleet.api.log.v1.log_pb2 import Record
from statefleet.errors import Unavailable
from statefleet.store.doors import StoreLogs
from statefleet.store.image import Image
from statefleet.store.log import Appended, Log, TrimmedError
from statefleet.store.snapshot import Snapshot, Snapshots, chunks
from statefleet.store.state import State


class Extent(NamedTuple):
    """What a store's logs hold that can be read: a state, and the records after it."""

    base: Snapshot | None
    """The oldest snapshot whose next record is still there; None: the log has everything from offset 0 on."""
    first: int
    """The offset of the first record after that state."""
    end: int
    """The offset after the last record."""
    later: Sequence[Snapshot]
    """The newer snapshots, oldest first."""


async def extent_of(logs: StoreLogs) -> Extent:
    """Return what a store's logs hold now. Unavailable where records that are needed are gone."""
    start, end = await logs.records.start(), await logs.records.end()
    known = sorted(await Snapshots(logs.snapshots).complete(), key=lambda snapshot: snapshot.next_offset)
    usable = [snapshot for snapshot in known if start <= snapshot.next_offset]
    if usable and usable[-1].next_offset > end:
        held = usable[-1].next_offset
        raise Unavailable(f"the log has lost records: it ends at {end}, a snapshot holds all below {held}")
    if start == 0:
        return Extent(None, 0, end, usable)
    if not usable:
        raise Unavailable(f"the log begins at offset {start} and no snapshot reaches it")
    return Extent(usable[0], usable[0].next_offset, end, usable[1:])


async def base_image(logs: StoreLogs, extent: Extent) -> Image:
    """Return the state that the records of an extent come after. Unavailable where it was dropped meanwhile."""
    try:
        return Image() if extent.base is None else await Snapshots(logs.snapshots).load(extent.base)
    except TrimmedError:
        raise _trimmed() from None


async def records_of(log: Log, first: int, end: int) -> AsyncIterator[Sequence[Appended]]:
    """Yield the records from an offset to another. Unavailable where some were dropped meanwhile."""
    if first >= end:
        return
    try:
        async with aclosing(log.read(first)) as batches:
            async for batch in batches:
                wanted = [record for record in batch if record.offset < end]
                if wanted:
                    yield wanted
                if batch[-1].offset + 1 >= end:
                    return
    except TrimmedError:
        raise _trimmed() from None


def _trimmed() -> Unavailable:
    return Unavailable("the log was trimmed while it was read: try again")


async def final_state(logs: StoreLogs, extent: Extent) -> State:
    """Return the state at the end of an extent. LevelTooNewError."""
    state = State()
    state.load(await base_image(logs, extent))
    record = Record()
    async for batch in records_of(logs.records, extent.first, extent.end):
        for one in batch:
            record.ParseFromString(one.payload)
            state.apply(record)
    return state


def fingerprint(image: Image) -> str:
    """Return a digest of all that a state holds: equal where the states are."""
    digest = sha256()
    for chunk in chunks(image, 0, 0):
        digest.update(chunk.SerializeToString(deterministic=True))
    return digest.hexdigest()
