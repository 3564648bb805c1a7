from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

import pytest

from statefleet.api.log.v1.log_pb2 import ShardClaim, SnapshotChunk
from statefleet.errors import Unavailable
from statefleet.store.image import Image
from statefleet.store.keeper import SnapshotKeeper, SnapshotSettings
from statefleet.store.log import Appended
from statefleet.store.memory_log import MemoryLog
from statefleet.store.snapshot import PART_BYTES, Snapshots, chunks
from statefleet.store.state import State
from support.stores import ManualClock, apply, image_bytes, led_state, put, record, transaction


def rich_state(objects: int = 3) -> State:
    state = led_state()
    for index in range(objects):
        state.apply(
            record(
                transaction(put(f"p{index}", slot=f"s{index}"), marks=[f"m{index}"]),
                request_id=f"r{index}",
                time=index,
            )
        )
    state.apply(record(ShardClaim(shard="sts/1", holder="w"), time=objects))
    apply(state, put("p0"), request_id="refused", time=objects)
    return state


async def test_a_snapshot_gives_the_state_again() -> None:
    state = rich_state()
    snapshots = Snapshots(MemoryLog())
    saved = await snapshots.save(state.image(), 42)
    (found,) = await snapshots.complete()
    assert found == saved
    assert found.next_offset == 42
    again = State()
    again.load(await snapshots.load(found))
    assert image_bytes(again.image()) == image_bytes(state.image())


async def test_a_large_state_comes_in_many_parts() -> None:
    state = led_state()
    for index in range(30):
        apply(state, put(f"p{index}", labels={"filler": "x" * (PART_BYTES // 10)}))
    log = MemoryLog()
    snapshots = Snapshots(log)
    await snapshots.save(state.image(), 1)
    assert await log.end() >= 5
    image = await snapshots.load((await snapshots.complete())[0])
    assert list(image.entries) == list(state.image().entries)


@pytest.mark.parametrize("lost", ["begin", "part", "end"])
async def test_a_torn_snapshot_is_skipped(lost: str) -> None:
    log = MemoryLog()
    pieces = list(chunks(rich_state().image(), 7, 1))
    gone = next(index for index, chunk in enumerate(pieces) if chunk.WhichOneof("chunk") == lost)
    for index, chunk in enumerate(pieces):
        if index != gone:
            await log.append(chunk.SerializeToString())
    snapshots = Snapshots(log)
    assert await snapshots.complete() == []
    whole = await snapshots.save(rich_state().image(), 8)
    assert await snapshots.complete() == [whole]


async def test_two_that_are_written_at_once_are_both_read() -> None:
    log = MemoryLog()
    one, two = (list(chunks(rich_state(n).image(), n, n)) for n in (3, 5))
    for index in range(max(len(one), len(two))):
        for pieces in (one, two):
            if index < len(pieces):
                await log.append(pieces[index].SerializeToString())
    snapshots = Snapshots(log)
    found = await snapshots.complete()
    assert sorted(snapshot.next_offset for snapshot in found) == [3, 5]
    for snapshot in found:
        expected = image_bytes(rich_state(snapshot.next_offset).image())
        assert image_bytes(await snapshots.load(snapshot)) == expected


async def test_dropping_keeps_the_oldest_that_is_named() -> None:
    log = MemoryLog()
    snapshots = Snapshots(log)
    saved = [await snapshots.save(rich_state(n).image(), n) for n in (1, 2, 3)]
    await snapshots.drop_before(saved[1])
    assert await snapshots.complete() == saved[1:]
    first = SnapshotChunk.FromString((await anext(log.read(await log.start())))[0].payload)
    assert first.begin.next_offset == 2


def state_at(time: float, objects: int) -> State:
    state = led_state()
    for index in range(objects):
        apply(state, put(f"p{index}"), time=time)
    return state


class Kept:
    def __init__(self) -> None:
        self.clock = ManualClock(10_000)
        self.log, self.chunks = MemoryLog(), MemoryLog()
        self.keeper = self.anew()

    def anew(self) -> SnapshotKeeper:
        settings = SnapshotSettings(records=100, seconds=300, pause_seconds=30, window_seconds=300)
        return SnapshotKeeper(self.log, Snapshots(self.chunks), self.clock, settings)

    async def loaded(self) -> tuple[int, int]:
        state = State()
        return await self.anew().load(state), len(state)


async def test_a_start_takes_the_newest_snapshot_older_than_the_window() -> None:
    kept = Kept()
    for _ in range(50):
        await kept.log.append(b"record")
    assert await kept.loaded() == (0, 0)
    await kept.keeper.save(state_at(9000, 1), 10)
    await kept.keeper.save(state_at(9600, 2), 20)
    await kept.keeper.save(state_at(9900, 3), 30)
    assert await kept.loaded() == (20, 2)
    await kept.clock.advance(1000)
    assert await kept.loaded() == (30, 3)


async def test_the_log_is_trimmed_behind_what_a_start_would_choose() -> None:
    kept = Kept()
    for _ in range(50):
        await kept.log.append(b"record")
    await kept.keeper.save(state_at(9900, 1), 10)
    assert await kept.log.start() == 0
    await kept.clock.advance(400)
    await kept.keeper.save(state_at(10_350, 2), 40)
    assert await kept.log.start() == 10
    assert await kept.loaded() == (10, 1)


class Meanwhile(MemoryLog):
    """A log to which something is done just before it is read for the n-th time."""

    def __init__(self, act: Callable[[], Awaitable[None]], reading: int) -> None:
        super().__init__()
        self._act = act
        self._until = reading

    async def read(self, offset: int) -> AsyncGenerator[Sequence[Appended], None]:
        self._until -= 1
        if not self._until:
            await self._act()
        async for batch in super().read(offset):
            yield batch


@pytest.mark.parametrize("reading", [1, 2], ids=["while they are looked through", "while it is loaded"])
async def test_a_start_bears_that_the_leader_replaces_the_snapshot_meanwhile(reading: int) -> None:
    async def replace() -> None:
        await kept.clock.advance(400)
        await kept.keeper.save(state_at(10_350, 3), 40)

    kept = Kept()
    kept.chunks = Meanwhile(replace, reading)
    kept.keeper = kept.anew()
    for _ in range(50):
        await kept.log.append(b"record")
    await kept.keeper.save(state_at(9000, 1), 10)
    await kept.keeper.save(state_at(9900, 2), 20)
    assert await kept.loaded() == (20, 2)


async def test_a_log_that_begins_behind_every_snapshot_is_an_error() -> None:
    kept = Kept()
    for _ in range(50):
        await kept.log.append(b"record")
    await kept.keeper.save(state_at(9000, 1), 10)
    await kept.log.trim(30)
    with pytest.raises(Unavailable, match="offset 30"):
        await kept.loaded()


async def test_a_log_that_ends_before_a_snapshot_does_has_lost_records() -> None:
    kept = Kept()
    for _ in range(9):
        await kept.log.append(b"record")
    await kept.keeper.save(state_at(9000, 1), 10)
    with pytest.raises(Unavailable, match="it ends at 9"):
        await kept.loaded()


async def test_a_snapshot_is_due_by_records_or_by_time_but_not_too_often() -> None:
    kept = Kept()
    assert not kept.keeper.due(500)
    await kept.clock.advance(31)
    assert kept.keeper.due(100)
    assert not kept.keeper.due(99)
    assert not kept.keeper.due(0)
    await kept.clock.advance(270)
    assert kept.keeper.due(1)
    await kept.keeper.save(state_at(10_000, 1), 1)
    await kept.clock.advance(1000)
    assert not kept.keeper.due(1)


async def test_epochs_of_any_size_number_snapshots() -> None:
    snapshots = Snapshots(MemoryLog())
    found = [await snapshots.save(Image(epoch=epoch), 0) for epoch in (1, 2**33, 2**63)]
    assert len({snapshot.snapshot_id for snapshot in found}) == 3
    assert await snapshots.complete() == found
