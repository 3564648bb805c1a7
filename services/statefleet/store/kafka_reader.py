"""Read the committed records of one topic from an offset on, through broker restarts and changes of leader.

A reader has two sources: fetches, and the writer of the same process. What the brokers have acknowledged to that is
below the high watermark: a fetch would bring it too, only later. While all that comes is our own, nothing is fetched.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress

import structlog
from aiokafka.errors import NoError, OffsetOutOfRangeError, for_code

from statefleet.errors import Internal, Unavailable
from statefleet.runtime.tasks import Tasks
from statefleet.store.kafka_backoff import Backoff
from statefleet.store.kafka_batches import records_in
from statefleet.store.kafka_brokers import KafkaBrokers, Place
from statefleet.store.kafka_connection import KafkaConnection
from statefleet.store.kafka_messages import Fetch, Fetched
from statefleet.store.kafka_writer import Acknowledged
from statefleet.store.log import Appended, TrimmedError

_log = structlog.get_logger(__name__)

_WAIT_SECONDS = 1.0
"""How long a broker holds a question that it has no record for."""
_ANSWER_SECONDS = 5.0
"""How long a broker may take to answer one, the wait included, before it is thought dead."""
_SURE_SECONDS = 10.0
"""How long a broker is taken for the leader though it had nothing to say."""
_FETCH_BYTES = 1024 * 1024
OWN_SECONDS = 0.05
"""For how long after a record of our own nothing is fetched: the next one comes most often from here too."""
_MOST = 256
"""How many records are handed on at a time."""

Bound = Callable[[], Awaitable[int]]


class KafkaReader:
    """One reader, over a connection of its own: a broker answers what comes over a connection one by one."""

    def __init__(
        self, brokers: KafkaBrokers, topic: str, start: Bound, end: Bound, acknowledged: Acknowledged
    ) -> None:
        self._brokers = brokers
        self._topic = topic
        self._start = start
        self._end = end
        self._acknowledged = acknowledged
        self._ready: list[Appended] = []
        self._arrived = asyncio.Event()
        self._wanted = asyncio.Event()
        self._ended: Exception | None = None
        self._own_until = 0.0
        self._missing = asyncio.Event()
        self._connection: KafkaConnection | None = None
        self._place: Place | None = None
        self._backoff = Backoff()
        self._failing = False
        self._position = 0
        self._read_to = 0
        self._sure_until = 0.0

    async def batches(self, offset: int) -> AsyncGenerator[Sequence[Appended], None]:
        """Yield the records from an offset on, then wait for more.

        TrimmedError where the offset is below the start. Internal where a record is missing, or the topic ends below
        what was read: it has lost records.
        """
        self._position = offset
        self._acknowledged.add(self._take_own)
        try:
            async with Tasks(self._topic) as tasks:
                tasks.spawn(self._fetch_on(), "fetch")
                while True:
                    for batch in _slices(await self._next()):
                        yield batch
        finally:
            self._acknowledged.remove(self._take_own)
            await self._disconnect()

    async def _next(self) -> list[Appended]:
        """Return what has come since, once there is any."""
        while not self._ready:
            if self._ended is not None:
                raise self._ended
            self._arrived.clear()
            self._wanted.set()
            await self._arrived.wait()
        ready, self._ready = self._ready, []
        return ready

    def _take_own(self, first: int, payloads: Sequence[bytes]) -> None:
        """Take what our own writer wrote, unless others' records come before it: a fetch brings all of them."""
        if first == self._position:
            self._take([Appended(first + index, payload) for index, payload in enumerate(payloads)])
            self._own_until = asyncio.get_running_loop().time() + OWN_SECONDS
        elif first > self._position:
            self._missing.set()

    def _take(self, records: list[Appended]) -> None:
        self._ready += records
        self._position = self._read_to = records[-1].offset + 1
        self._wanted.clear()
        self._arrived.set()

    async def _fetch_on(self) -> None:
        """Fetch whenever more is wanted."""
        try:
            while True:
                await self._wanted.wait()
                self._take(await self._fetch())
        except Exception as error:  # noqa: BLE001 -- it is raised to whoever reads
            self._ended = error
            self._arrived.set()

    async def _fetch(self) -> list[Appended]:
        """Return the records at our position and some after it, once there are any."""
        while True:
            await self._until_needed()
            try:
                fetched = await self._ask(self._position)
                if fetched.code == NoError.errno:
                    self._recovered()
                    records = records_in(fetched.data, self._position)
                    if records:
                        return records
                    await self._make_sure()
                elif fetched.code == OffsetOutOfRangeError.errno:
                    await self._check_range()
                    await self._backoff.pause()
                else:
                    await self._again(for_code(fetched.code).__name__)
            except Unavailable as error:
                await self._again(error.message)

    async def _until_needed(self) -> None:
        """Return when what comes next may be another's: nothing of our own has come for a while, or not in order."""
        loop = asyncio.get_running_loop()
        while not self._missing.is_set() and (left := self._own_until - loop.time()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._missing.wait()
        self._missing.clear()

    async def _make_sure(self) -> None:
        """Ask now and then who leads: one that is cut off from the other brokers goes on answering "nothing new"."""
        now = asyncio.get_running_loop().time()
        if now < self._sure_until or self._place is None:
            return
        self._sure_until = now + _SURE_SECONDS
        leader = self._place.leader
        self._brokers.forget(self._topic, self._place)
        self._place = await self._brokers.place(self._topic)
        if self._place.leader != leader:
            await self._disconnect()

    async def _again(self, why: str) -> None:
        """Get ready to ask once more, perhaps another broker."""
        if not self._failing:
            self._failing = True
            _log.warning("log not readable, trying on", topic=self._topic, error=why)
        await self._disconnect()
        await self._backoff.pause()

    def _recovered(self) -> None:
        self._backoff.succeeded()
        if self._failing:
            self._failing = False
            _log.info("log readable again", topic=self._topic)

    async def _check_range(self) -> None:
        """Return where our position is one that the log may yet reach."""
        position, start, end = self._position, await self._start(), await self._end()
        if position < start:
            raise TrimmedError(start)
        if end < self._read_to:
            raise Internal(f"the topic {self._topic} has lost records: it ends at {end}, and was read to {position}")

    async def _ask(self, offset: int) -> Fetched:
        connection = self._connection or await self._connect()
        fetched: Fetched = await connection.send(Fetch(self._topic, offset, int(_WAIT_SECONDS * 1000), _FETCH_BYTES))
        return fetched

    async def _connect(self) -> KafkaConnection:
        self._place = await self._brokers.place(self._topic)
        self._connection = await self._brokers.connect(self._place.leader, _ANSWER_SECONDS)
        self._sure_until = asyncio.get_running_loop().time() + _SURE_SECONDS
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._brokers.forget(self._topic, self._place)
        if connection is not None:
            await connection.close()


def _slices(records: list[Appended]) -> Iterator[Sequence[Appended]]:
    if len(records) <= _MOST:
        yield records
        return
    for first in range(0, len(records), _MOST):
        yield records[first : first + _MOST]
