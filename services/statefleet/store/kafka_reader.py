"""Read the committed records of one topic from an offset on, through broker restarts and changes of leader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence

import structlog
from aiokafka.errors import NoError, OffsetOutOfRangeError, for_code

from statefleet.errors import Internal, Unavailable
from statefleet.store.kafka_backoff import Backoff
from statefleet.store.kafka_batches import records_in
from statefleet.store.kafka_brokers import KafkaBrokers, Place
from statefleet.store.kafka_connection import KafkaConnection
from statefleet.store.kafka_messages import Fetch, Fetched
from statefleet.store.log import Appended, TrimmedError

_log = structlog.get_logger(__name__)

_WAIT_SECONDS = 1.0
"""How long a broker holds a question that it has no record for."""
_ANSWER_SECONDS = 5.0
"""How long a broker may take to answer one, the wait included, before it is thought dead."""
_SURE_SECONDS = 10.0
"""How long a broker is taken for the leader though it had nothing to say."""
_FETCH_BYTES = 1024 * 1024
_MOST = 256
"""How many records are handed on at a time."""

Bound = Callable[[], Awaitable[int]]


class KafkaReader:
    """One reader, over a connection of its own: a broker answers what comes over a connection one by one."""

    def __init__(self, brokers: KafkaBrokers, topic: str, start: Bound, end: Bound) -> None:
        self._brokers = brokers
        self._topic = topic
        self._start = start
        self._end = end
        self._connection: KafkaConnection | None = None
        self._place: Place | None = None
        self._backoff = Backoff()
        self._failing = False
        self._position = 0
        self._sure_until = 0.0

    async def batches(self, offset: int) -> AsyncGenerator[Sequence[Appended], None]:
        """Yield the records from an offset on, then wait for more.

        TrimmedError where the offset is below the start. Internal where a record is missing, or the topic ends below
        what was read: it has lost records.
        """
        try:
            while True:
                for batch in _slices(await self._fetch(offset)):
                    yield batch
                    offset = self._position = batch[-1].offset + 1
        finally:
            await self._disconnect()

    async def _fetch(self, offset: int) -> list[Appended]:
        """Return the records at an offset and some after it, once there are any."""
        while True:
            try:
                fetched = await self._ask(offset)
                if fetched.code == NoError.errno:
                    self._recovered()
                    records = records_in(fetched.data, offset)
                    if records:
                        return records
                    await self._make_sure()
                elif fetched.code == OffsetOutOfRangeError.errno:
                    await self._check_range(offset)
                    await self._backoff.pause()
                else:
                    await self._again(for_code(fetched.code).__name__)
            except Unavailable as error:
                await self._again(error.message)

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

    async def _check_range(self, offset: int) -> None:
        """Return where an offset is one that the log may yet reach."""
        start, end = await self._start(), await self._end()
        if offset < start:
            raise TrimmedError(start)
        if end < self._position:
            raise Internal(f"the topic {self._topic} has lost records: it ends at {end}, and was read to {offset}")

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
