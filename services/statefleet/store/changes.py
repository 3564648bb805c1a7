"""Tell what was done to one object, and by whom, from what a store's logs still hold."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from statefleet.api.log.v1.log_pb2 import Record
from statefleet.store.doors import StoreLogs
from statefleet.store.entries import Changed, Entry, Key, LastWrite, Refusal, last_write
from statefleet.store.replay import base_image, extent_of, records_of
from statefleet.store.state import State


class Step(NamedTuple):
    """Something that was done to an object, or tried."""

    version: int
    """The object's version after it; of an attempt that was refused, the store's."""
    by: LastWrite | None
    """Who and when; None where that was before the log begins and is not known any more."""
    before: Entry | None
    after: Entry | None
    refusal: str = ""
    """Why it was refused; empty where it took effect."""
    is_first: bool = False
    """Whether this is the object as it was when the log begins."""


async def steps_of(logs: StoreLogs, key: Key) -> AsyncIterator[Step]:
    """Yield what was done to an object, oldest first; that another leader's records came too late is not told.

    LevelTooNewError where the log follows newer rules than this release knows. Unavailable.
    """
    extent = await extent_of(logs)
    state = State()
    state.load(await base_image(logs, extent))
    entry = state.get(key)
    if entry is not None:
        yield Step(entry.version, entry.last_write, None, entry, is_first=True)
    record = Record()
    async for batch in records_of(logs.records, extent.first, extent.end):
        for one in batch:
            record.ParseFromString(one.payload)
            outcome = state.apply(record)
            if outcome.repeated or outcome.refusal == Refusal.STALE_EPOCH or not _is_about(record, key):
                continue
            by = last_write(record.time_ns, record.transaction.author)
            if outcome.refusal:
                yield Step(outcome.version, by, state.get(key), None, str(outcome.refusal))
            for changed in outcome.changes:
                if changed.key == key:
                    yield _taken(changed, by)


def _taken(changed: Changed, by: LastWrite) -> Step:
    return Step(changed.version, by, changed.before, changed.after)


def _is_about(record: Record, key: Key) -> bool:
    return any(Key.of(change.key) == key for change in record.transaction.changes)
