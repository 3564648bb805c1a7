"""What every log keeps, whatever holds it. A new one joins by adding its name to LOGS and a way to open it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Protocol

import pytest

from statefleet.errors import TooLarge
from statefleet.runtime.rand import SystemRand
from statefleet.store.kafka_log import KafkaCluster, KafkaLog
from statefleet.store.kafka_settings import KafkaSettings
from statefleet.store.keyring import Keyring, new_key
from statefleet.store.log import MAX_PAYLOAD, MAX_STORED, Log, TrimmedError
from statefleet.store.memory_log import MemoryLog
from statefleet.store.sealed_log import SealedLog
from statefleet.store.sqlite_file import SqliteFile
from statefleet.store.sqlite_log import SqliteLog
from support.stores import settle


class Place(Protocol):
    """Where logs of one implementation live during a test."""

    relaxed: bool

    async def open(self, name: str = "log") -> Log:
        """Return the log of a name, opened once."""

    async def other(self, name: str = "log") -> Log:
        """Return the open log as another process has it: the same one where only one process may."""

    async def reopen(self, name: str = "log") -> Log:
        """Return the log as a new process finds it; logs opened before are closed."""

    async def close(self) -> None:
        """Close what was opened."""


class MemoryPlace:
    """Memory forgets when the process ends: reopening finds what this process still holds."""

    relaxed = False

    def __init__(self) -> None:
        self._logs: dict[str, MemoryLog] = {}

    async def open(self, name: str = "log") -> Log:
        return self._logs.setdefault(name, MemoryLog())

    async def other(self, name: str = "log") -> Log:
        return self._logs[name]

    async def reopen(self, name: str = "log") -> Log:
        return self._logs[name]

    async def close(self) -> None:
        pass


class SealedPlace:
    """Sealed over another place, as a new process with the same keys finds it."""

    def __init__(self, beneath: Place) -> None:
        self.relaxed = beneath.relaxed
        self._beneath = beneath
        self._keys = f"k1 {new_key()}"

    async def open(self, name: str = "log") -> Log:
        return self._sealed(await self._beneath.open(name), name)

    async def other(self, name: str = "log") -> Log:
        return self._sealed(await self._beneath.other(name), name)

    async def reopen(self, name: str = "log") -> Log:
        return self._sealed(await self._beneath.reopen(name), name)

    async def close(self) -> None:
        await self._beneath.close()

    def _sealed(self, log: Log, name: str) -> Log:
        return SealedLog(log, Keyring.parse(self._keys), name)


class SqlitePlace:
    def __init__(self, path: Path, *, relaxed: bool) -> None:
        self.relaxed = relaxed
        self._path = path
        self._stack = AsyncExitStack()
        self._file: SqliteFile | None = None
        self._logs: dict[str, SqliteLog] = {}

    async def open(self, name: str = "log") -> Log:
        if self._file is None:
            self._file = await self._stack.enter_async_context(SqliteFile(self._path, relaxed=self.relaxed))
        self._logs[name] = await SqliteLog.open(self._file, name)
        return self._logs[name]

    async def other(self, name: str = "log") -> Log:
        return self._logs[name]

    async def reopen(self, name: str = "log") -> Log:
        await self.close()
        return await self.open(name)

    async def close(self) -> None:
        self._file = None
        await self._stack.aclose()


class KafkaPlace:
    """Topics of its own in a Kafka of one broker."""

    relaxed = False

    def __init__(self, address: str) -> None:
        prefix = f"test-{SystemRand().suffix(10)}"
        self._settings = KafkaSettings((address,), topic_prefix=prefix, replication_factor=1, min_insync_replicas=1)
        self._stack = AsyncExitStack()
        self._cluster: KafkaCluster | None = None

    async def open(self, name: str = "log") -> Log:
        if self._cluster is None:
            self._cluster = await self._stack.enter_async_context(KafkaCluster(self._settings))
        return await KafkaLog.open(self._cluster, name)

    async def other(self, name: str = "log") -> Log:
        return await self.open(name)

    async def reopen(self, name: str = "log") -> Log:
        await self.close()
        return await self.open(name)

    async def close(self) -> None:
        self._cluster = None
        await self._stack.aclose()


LOGS = ["memory", "sqlite", "sqlite-relaxed", "kafka", "sealed-memory", "sealed-sqlite", "sealed-kafka"]


@pytest.fixture(params=LOGS)
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    beneath: Place
    if "memory" in request.param:
        beneath = MemoryPlace()
    elif "kafka" in request.param:
        beneath = KafkaPlace(request.getfixturevalue("kafka"))
    else:
        beneath = SqlitePlace(tmp_path / "log.db", relaxed="relaxed" in request.param)
    return SealedPlace(beneath) if "sealed" in request.param else beneath


@pytest.fixture
async def place(new_place: Place) -> AsyncIterator[Place]:
    yield new_place
    await new_place.close()


async def take(log: Log, offset: int, count: int) -> list[tuple[int, bytes]]:
    """Read that many records from an offset on."""
    records: list[tuple[int, bytes]] = []
    async with asyncio.timeout(10), aclosing(log.read(offset)) as batches:
        async for batch in batches:
            assert batch
            records.extend(batch)
            if len(records) >= count:
                break
    assert len(records) == count
    return records


def numbered(count: int, start: int = 0) -> list[tuple[int, bytes]]:
    return [(n, b"record %d" % n) for n in range(start, count)]


async def fill(log: Log, count: int) -> None:
    await asyncio.gather(*(log.append(payload) for _, payload in numbered(count)))


async def test_it_says_whether_it_is_relaxed(place: Place) -> None:
    assert (await place.open()).relaxed == place.relaxed


async def test_a_new_log_is_empty(place: Place) -> None:
    log = await place.open()
    assert (await log.start(), await log.end()) == (0, 0)


async def test_offsets_begin_at_zero_and_have_no_gap(place: Place) -> None:
    log = await place.open()
    assert [await log.append(payload) for _, payload in numbered(5)] == [0, 1, 2, 3, 4]
    assert await log.end() == 5
    assert await take(log, 0, 5) == numbered(5)


async def test_concurrent_appends_keep_the_order_of_the_calls(place: Place) -> None:
    log = await place.open()
    offsets = await asyncio.gather(*(log.append(payload) for _, payload in numbered(500)))
    assert offsets == list(range(500))
    assert await take(log, 0, 500) == numbered(500)


async def test_an_empty_record_is_a_record(place: Place) -> None:
    log = await place.open()
    await asyncio.gather(log.append(b""), log.append(b"x"), log.append(b""))
    assert await take(log, 0, 3) == [(0, b""), (1, b"x"), (2, b"")]


async def test_a_record_of_the_greatest_size_fits_and_a_larger_one_does_not(place: Place) -> None:
    log = await place.open()
    with pytest.raises(TooLarge):
        await log.append(b"x" * (MAX_STORED + 1))
    assert await log.append(b"x" * MAX_PAYLOAD) == 0
    assert await take(log, 0, 1) == [(0, b"x" * MAX_PAYLOAD)]


async def test_a_reader_begins_anywhere_and_follows(place: Place) -> None:
    log = await place.open()
    await fill(log, 20)
    following = asyncio.ensure_future(take(log, 15, 10))
    await settle()
    assert not following.done()
    for _, payload in numbered(25, 20):
        await log.append(payload)
    assert await following == numbered(25, 15)


async def test_a_reader_at_the_end_waits_for_the_first_record_to_come(place: Place) -> None:
    log = await place.open()
    following = asyncio.ensure_future(take(log, 0, 1))
    await settle()
    assert not following.done()
    await log.append(b"record 0")
    assert await following == numbered(1)


async def test_readers_are_independent(place: Place) -> None:
    log = await place.open()
    readers = [asyncio.ensure_future(take(log, offset, 30 - offset)) for offset in (0, 10, 29)]
    await settle()
    for _, payload in numbered(30):
        await log.append(payload)
    assert await asyncio.gather(*readers) == [numbered(30), numbered(30, 10), numbered(30, 29)]


async def test_a_slow_reader_gets_what_no_longer_fits_into_memory(place: Place) -> None:
    log = await place.open()
    await log.append(b"first")
    async with aclosing(log.read(0)) as batches:
        assert list(await anext(batches)) == [(0, b"first")]
        for _ in range(24):
            await log.append(b"x" * 1_000_000)
        sizes: list[int] = []
        while len(sizes) < 24:
            sizes.extend(len(payload) for _, payload in await anext(batches))
    assert sizes == [1_000_000] * 24


async def test_an_acknowledged_record_is_below_the_end_and_read_at_once(place: Place) -> None:
    log = await place.open()
    for number in range(20):
        offset = await log.append(b"record %d" % number)
        assert await log.end() > offset
        assert await take(log, offset, 1) == [(offset, b"record %d" % number)]


async def test_trimming_drops_what_is_below_and_nothing_else(place: Place) -> None:
    log = await place.open()
    await fill(log, 20)
    await log.trim(12)
    assert (await log.start(), await log.end()) == (12, 20)
    assert await take(log, 12, 8) == numbered(20, 12)
    with pytest.raises(TrimmedError) as caught:
        await take(log, 11, 1)
    assert caught.value.start == 12


async def test_trimming_never_goes_back_nor_beyond_the_end(place: Place) -> None:
    log = await place.open()
    await fill(log, 5)
    await log.trim(3)
    await log.trim(1)
    assert await log.start() == 3
    await log.trim(99)
    assert (await log.start(), await log.end()) == (5, 5)
    assert await log.append(b"record 5") == 5
    assert await take(log, 5, 1) == numbered(6, 5)


async def test_what_this_and_another_process_write_is_read_in_one_order(place: Place) -> None:
    log = await place.open()
    other = await place.other()
    reading = asyncio.ensure_future(take(log, 0, 40))
    for turn in range(4):
        await asyncio.gather(*(each.append(b"%d" % turn) for _ in range(5) for each in (log, other)))
    async with asyncio.timeout(30):
        read = await reading
    assert [offset for offset, _ in read] == list(range(40))
    assert read == await take(await place.other(), 0, 40)


async def test_a_reader_that_was_overtaken_by_trimming_is_told(place: Place) -> None:
    log = await place.open()
    await fill(log, 3)
    async with aclosing(log.read(0)) as batches:
        await anext(batches)
        other = await place.other()
        await fill(other, 3)
        await other.trim(6)
        with pytest.raises(TrimmedError):
            await anext(batches)


async def test_a_log_is_found_again_with_its_offsets(place: Place) -> None:
    log = await place.open()
    await fill(log, 300)
    await log.trim(100)
    log = await place.reopen()
    assert (await log.start(), await log.end()) == (100, 300)
    assert await take(log, 100, 200) == numbered(300, 100)
    assert await log.append(b"record 300") == 300


async def test_a_log_trimmed_to_its_end_goes_on_where_it_was(place: Place) -> None:
    log = await place.open()
    await fill(log, 10)
    await log.trim(10)
    log = await place.reopen()
    assert (await log.start(), await log.end()) == (10, 10)
    assert await log.append(b"next") == 10


async def test_logs_side_by_side_do_not_mix(place: Place) -> None:
    one, two = await place.open("one"), await place.open("two-chunks")
    offsets = await asyncio.gather(*(log.append(b"%d" % n) for n in range(50) for log in (one, two)))
    assert offsets == [n for n in range(50) for _ in (one, two)]
    assert await take(one, 0, 50) == await take(two, 0, 50) == [(n, b"%d" % n) for n in range(50)]


async def test_a_cancelled_append_leaves_the_log_whole(place: Place) -> None:
    log = await place.open()
    given_up = asyncio.ensure_future(log.append(b"given up"))
    await asyncio.sleep(0)
    given_up.cancel()
    offset = await log.append(b"kept")
    records = await take(log, 0, offset + 1)
    assert records[-1] == (offset, b"kept")
    assert [o for o, _ in records] == list(range(offset + 1))
