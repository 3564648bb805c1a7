from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from statefleet.api.log.v1.log_pb2 import Record
from statefleet.coordination.local import LocalCoordination
from statefleet.errors import Conflict, Fenced, Internal, Unavailable
from statefleet.runtime.rand import SystemRand
from statefleet.store.copying import Copied, claim_quiet, copy_store, verify_store
from statefleet.store.doors import StoreLogs
from statefleet.store.keeper import SnapshotSettings
from statefleet.store.memory_log import MemoryLog
from statefleet.store.replay import base_image, extent_of, records_of
from statefleet.store.replica import Replica, ReplicaSettings
from support.stores import ManualClock, image_bytes, pod_key, put, settle, transaction


class Fleet:
    """A store and its copies, one process after the other."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.source = memory_logs()

    def replica(self, logs: StoreLogs) -> Replica:
        settings = ReplicaSettings(snapshots=SnapshotSettings(records=10**6, seconds=10**6), raise_level_to=0)
        doors = (*logs, LocalCoordination(), self.clock, SystemRand(1))
        return Replica("store", *doors, settings=settings)

    async def copied(self, target: StoreLogs) -> Copied:
        lots: list[int] = []
        extent = await extent_of(self.source)
        size = await copy_store(self.source, target, extent, lots.append)
        assert sum(lots) == extent.end - extent.first
        return await verify_store(self.source, target, extent, size)


def memory_logs() -> StoreLogs:
    return StoreLogs(MemoryLog(), MemoryLog())


async def lived(fleet: Fleet, *, trimmed: bool) -> list[bytes]:
    """Let a store live a while; return its state. The last things are done within the history's window."""
    async with fleet.replica(fleet.source) as replica:
        await settle()
        for number in range(20):
            await replica.propose(transaction(put(f"old-{number}", slot=f"slot-{number}")), request_id=f"r{number}")
        if trimmed:
            await replica.snapshot()
        await fleet.clock.advance(400)
        if trimmed:
            await replica.snapshot()
            assert await fleet.source.records.start() > 0
        assert await replica.claim_shard("s", "w1") == (1, 20)
        assert await replica.claim_shard("s", "w2") == (2, 20)
        await replica.propose(transaction(put("new-1"), fence=("s", 2)), request_id="first")
        await replica.propose(transaction(put("new-2"), marks=["m"]))
        if trimmed:
            await replica.snapshot()
        await replica.propose(transaction(put("new-3")))
        return list(image_bytes(replica.state.image()))


@pytest.mark.parametrize("trimmed", [False, True])
async def test_a_store_goes_on_from_its_copy_where_it_was(trimmed: bool) -> None:
    fleet, target = Fleet(), memory_logs()
    before = await lived(fleet, trimmed=trimmed)
    copied = await fleet.copied(target)
    assert (copied.objects, copied.version, copied.epoch) == (23, 23, 1)
    assert copied.snapshots == (3 if trimmed else 1)
    replica = fleet.replica(target)
    async with replica:
        assert list(image_bytes(replica.state.image())) == before
        changed = [batch.changes[0].key.name for batch in replica.history.since(20)]
        assert changed == ["new-1", "new-2", "new-3"], "what was seen up to version 20 is resumed from there"
        await settle()
        assert (replica.is_leader, replica.state.epoch) == (True, 2)
        again = await replica.propose(transaction(put("other")), request_id="first")
        assert (again.version, again.repeated) == (21, True), "a request is answered as it was"
        with pytest.raises(Fenced):
            await replica.propose(transaction(put("late"), fence=("s", 1)))
        with pytest.raises(Conflict, match="slot-3 is taken"):
            await replica.propose(transaction(put("late", slot="slot-3")))
        with pytest.raises(Conflict, match="m has changed"):
            await replica.propose(transaction(put("late"), checks={"m": 21}))
        assert (await replica.propose(transaction(put("next")))).version == 24
        await replica.snapshot()
    async with fleet.replica(target) as later:
        assert later.state.get(pod_key("next")) is not None


async def test_a_copy_of_a_copy_is_the_same() -> None:
    fleet, there, back = Fleet(), memory_logs(), memory_logs()
    before = await lived(fleet, trimmed=True)
    first = await fleet.copied(there)
    fleet.source = there
    assert await fleet.copied(back) == first
    async with fleet.replica(back) as replica:
        assert list(image_bytes(replica.state.image())) == before


class Full(MemoryLog):
    """Takes some records and then no more."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    async def append(self, payload: bytes) -> int:
        self.room -= 1
        if self.room < 0:
            raise Unavailable("the disk is full")
        return await super().append(payload)


@pytest.mark.parametrize("trimmed", [False, True])
async def test_nothing_starts_from_a_copy_that_was_cut_short(trimmed: bool) -> None:
    fleet = Fleet()
    await lived(fleet, trimmed=trimmed)
    extent = await extent_of(fleet.source)
    whole = extent.end - extent.first + 1
    for records, snapshots in [(1, 100), (whole - 2, 100), (whole, 0), (whole, 1)]:
        target = StoreLogs(Full(records), Full(snapshots))
        with pytest.raises(Unavailable, match="the disk is full"):
            await copy_store(fleet.source, target, extent, lambda _: None)
        with pytest.raises(Unavailable, match="no snapshot reaches it"):
            async with fleet.replica(target):
                pass
        with pytest.raises(Conflict, match="not empty"):
            await copy_store(fleet.source, target, extent, lambda _: None)


async def test_a_source_that_is_written_to_meanwhile_is_noticed() -> None:
    fleet, target = Fleet(), memory_logs()
    await lived(fleet, trimmed=False)
    extent = await extent_of(fleet.source)
    size = await copy_store(fleet.source, target, extent, lambda _: None)
    await fleet.source.records.append(Record().SerializeToString())
    with pytest.raises(Conflict, match="written to while"):
        await verify_store(fleet.source, target, extent, size)


async def test_a_source_that_is_trimmed_while_it_is_read_is_told_of() -> None:
    fleet = Fleet()
    await lived(fleet, trimmed=True)
    extent = await extent_of(fleet.source)
    for log in fleet.source:
        await log.trim(await log.end())
    with pytest.raises(Unavailable, match="trimmed while it was read"):
        await base_image(fleet.source, extent)
    with pytest.raises(Unavailable, match="trimmed while it was read"):
        await anext(records_of(fleet.source.records, extent.first, extent.end))


class Forgetful(MemoryLog):
    """Keeps another record in the place of one."""

    async def append(self, payload: bytes) -> int:
        return await super().append(Record().SerializeToString() if self._tail.end == 5 else payload)


async def test_a_copy_that_differs_fails_loudly() -> None:
    fleet, target = Fleet(), StoreLogs(Forgetful(), MemoryLog())
    await lived(fleet, trimmed=False)
    with pytest.raises(Internal, match="do not use it"):
        await fleet.copied(target)


async def test_a_leader_that_lives_is_found_though_it_writes_nothing() -> None:
    fleet = Fleet()
    await lived(fleet, trimmed=False)
    async with AsyncExitStack() as stack:
        leader = await stack.enter_async_context(fleet.replica(fleet.source))
        await settle()
        assert leader.is_leader
        with pytest.raises(Conflict, match="in use"):
            await claim_quiet(fleet.source, _Ticking(fleet.clock), 5)
    end = await fleet.source.records.end()
    await claim_quiet(fleet.source, _Ticking(fleet.clock), 5)
    assert await fleet.source.records.end() == end + 1


class _Ticking(ManualClock):
    """Moves on by itself where somebody waits for it."""

    def __init__(self, other: ManualClock) -> None:
        super().__init__(other.now())

    async def sleep(self, seconds: float) -> None:
        await settle()
        self._now += seconds
