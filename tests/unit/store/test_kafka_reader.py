"""A reader takes what its own process wrote from the writer, what others wrote from the brokers, each record once."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest
from aiokafka.errors import OffsetOutOfRangeError

from statefleet.store import kafka_reader
from statefleet.store.kafka_batches import Producer
from statefleet.store.kafka_brokers import KafkaBrokers, Place
from statefleet.store.kafka_connection import Address
from statefleet.store.kafka_messages import Fetched
from statefleet.store.kafka_reader import KafkaReader
from statefleet.store.kafka_settings import KafkaSettings
from statefleet.store.kafka_writer import Acknowledged
from statefleet.store.log import Appended, TrimmedError
from support.stores import settle

HERE = Address("kafka", 9092)


class Brokers(KafkaBrokers):
    """One broker, which answers fetches when it is told to."""

    def __init__(self) -> None:
        super().__init__(KafkaSettings((str(HERE),)))
        self.asked = 0
        self.answers: asyncio.Queue[Fetched] = asyncio.Queue()
        self.start = 0

    async def place(self, _topic: str) -> Place:
        return Place(HERE, (), 1)

    async def connect(self, _address: Address, _answer_seconds: float) -> Any:
        return self

    async def send(self, _request: Any) -> Fetched:
        self.asked += 1
        return await self.answers.get()

    async def close(self) -> None:
        """Be a connection that has nothing to close."""

    def answer(self, first: int, *payloads: bytes) -> None:
        batch = Producer(1).batch(payloads)
        self.answers.put_nowait(Fetched(0, struct.pack(">q", first) + batch[8:]))

    async def first(self) -> int:
        return self.start

    async def end(self) -> int:
        return 100


class Reading:
    def __init__(self) -> None:
        self.brokers = Brokers()
        self.acknowledged: Acknowledged = set()
        self.read: list[Appended] = []

    def write(self, first: int, *payloads: bytes) -> None:
        """Tell what the brokers have acknowledged."""
        for tell in self.acknowledged:
            tell(first, payloads)

    async def begin(self) -> None:
        """Have a record of its own, which the fetch that is under way brings too."""
        self.write(3, b"a")
        self.brokers.answer(3, b"a")
        await settle()

    def batches(self, offset: int) -> AsyncGenerator[Sequence[Appended], None]:
        reader = KafkaReader(self.brokers, "log", self.brokers.first, self.brokers.end, self.acknowledged)
        return reader.batches(offset)

    async def follow(self) -> None:
        async with aclosing(self.batches(3)) as batches:
            async for batch in batches:
                self.read += batch


@pytest.fixture
async def reading(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reading]:
    """A reader for which no time passes."""
    monkeypatch.setattr(kafka_reader, "OWN_SECONDS", 3600.0)
    it = Reading()
    following = asyncio.ensure_future(it.follow())
    await settle()
    yield it
    following.cancel()
    await asyncio.wait([following])
    assert not it.acknowledged


async def test_what_was_written_here_is_read_before_a_fetch_brings_it(reading: Reading) -> None:
    reading.write(3, b"a", b"b")
    await settle()
    reading.write(5, b"c")
    await settle()
    assert reading.read == [Appended(3, b"a"), Appended(4, b"b"), Appended(5, b"c")]


async def test_what_a_fetch_brings_too_is_read_once(reading: Reading) -> None:
    reading.write(3, b"a", b"b")
    reading.brokers.answer(3, b"a", b"b", b"other")
    await settle()
    reading.write(3, b"a", b"b")
    await settle()
    assert reading.read == [Appended(3, b"a"), Appended(4, b"b"), Appended(5, b"other")]


async def test_what_others_wrote_before_it_is_waited_for(reading: Reading) -> None:
    reading.write(4, b"ours")
    await settle()
    assert reading.read == []
    reading.brokers.answer(3, b"other", b"ours")
    await settle()
    assert reading.read == [Appended(3, b"other"), Appended(4, b"ours")]


async def test_nothing_is_fetched_while_all_that_comes_is_our_own(reading: Reading) -> None:
    assert reading.brokers.asked == 1
    await reading.begin()
    reading.write(4, b"b")
    await settle()
    assert reading.brokers.asked == 1


async def test_another_s_record_among_our_own_is_fetched_at_once(reading: Reading) -> None:
    await reading.begin()
    reading.write(5, b"c")
    await settle()
    assert reading.brokers.asked == 2
    reading.brokers.answer(4, b"other", b"c")
    await settle()
    assert reading.read[1:] == [Appended(4, b"other"), Appended(5, b"c")]


async def test_what_others_write_is_fetched_when_nothing_of_our_own_has_come_for_a_while(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_reader, "OWN_SECONDS", 0.01)
    reading.write(3, b"a")
    reading.brokers.answer(3, b"a")
    reading.brokers.answer(4, b"other")
    async with asyncio.timeout(5):
        while len(reading.read) < 2:
            await asyncio.sleep(0)
    assert reading.read == [Appended(3, b"a"), Appended(4, b"other")]


async def test_what_is_ready_is_read_before_the_reader_ends() -> None:
    it = Reading()
    it.brokers.start = 9
    async with aclosing(it.batches(3)) as batches:
        first = asyncio.ensure_future(anext(batches))
        await settle()
        it.write(3, b"a")
        assert await first == [Appended(3, b"a")]
        it.write(4, b"b")
        it.brokers.answers.put_nowait(Fetched(OffsetOutOfRangeError.errno, b""))
        await settle()
        assert await anext(batches) == [Appended(4, b"b")]
        with pytest.raises(TrimmedError):
            await anext(batches)
