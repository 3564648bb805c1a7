"""What a leader answers without the log's word: only on a state that is not behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from statefleet.api.object.v1.verbs_pb2 import WriteOptions
from statefleet.coordination.local import LocalCoordination
from statefleet.errors import NotFound
from statefleet.runtime.rand import SystemRand
from statefleet.store.draft import Draft
from statefleet.store.log import Appended
from statefleet.store.memory_log import MemoryLog
from statefleet.store.replica import Replica
from statefleet.store.writing import Writer
from support.stores import ManualClock, pod_key, put, record, settle, transaction


class Slow(MemoryLog):
    """A log that is read only while the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.readable = asyncio.Event()
        self.readable.set()

    async def read(self, offset: int) -> AsyncGenerator[Sequence[Appended], None]:
        async for batch in super().read(offset):
            await self.readable.wait()
            yield batch


@pytest.fixture
def log() -> Slow:
    return Slow()


@pytest.fixture
async def writer(log: Slow) -> AsyncIterator[Writer]:
    clock, rand = ManualClock(), SystemRand(1)
    async with Replica("store", log, MemoryLog(), LocalCoordination(), clock, rand) as replica:
        await replica.leading()
        yield Writer(replica, clock, rand)


def find(draft: Draft) -> str:
    """Look an object up and change nothing."""
    if draft.state.get(pod_key("a")) is None:
        raise NotFound("there is none")
    return "found"


def change(draft: Draft) -> None:
    find(draft)
    draft.mark("changed")


@pytest.mark.parametrize("decide", [find, change])
async def test_a_leader_that_is_behind_refuses_nothing_that_the_log_would_not(
    log: Slow, writer: Writer, decide: Callable[[Draft], object]
) -> None:
    log.readable.clear()
    late = record(transaction(put("a")), epoch=writer.replica.state.epoch)
    await log.append(late.SerializeToString())
    writing: asyncio.Future[Any] = asyncio.ensure_future(writer.write(WriteOptions(), decide))
    await settle()
    assert not writing.done()
    log.readable.set()
    assert (await writing).decided == ("found" if decide is find else None)


async def test_a_dry_run_is_decided_on_the_newest_state(log: Slow, writer: Writer) -> None:
    log.readable.clear()
    late = record(transaction(put("a")), epoch=writer.replica.state.epoch)
    await log.append(late.SerializeToString())

    def count(draft: Draft) -> int:
        draft.mark("never")
        return len(draft.state)

    writing = asyncio.ensure_future(writer.write(WriteOptions(dry_run=True), count))
    await settle()
    log.readable.set()
    assert (await writing).decided == 1


async def test_what_is_refused_on_the_newest_state_is_refused(writer: Writer) -> None:
    with pytest.raises(NotFound, match="there is none"):
        await writer.write(WriteOptions(), find)
