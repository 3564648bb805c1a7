"""Write the records of one topic in the order of the calls, those together that came while the last flight was out.

aiokafka's own producer is not used: it sends a batch until it succeeds, also long after its caller was told that the
outcome is unknown. Here a flight ends within a bound, and the producer's epoch is raised after one whose outcome is
unknown: the brokers refuse whatever of it comes later than what is sent next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, cast

import structlog
from aiokafka.errors import BrokerResponseError, NoError, for_code
from aiokafka.protocol.transaction import InitProducerIdRequest

from statefleet.errors import Unavailable
from statefleet.store.kafka_backoff import Backoff
from statefleet.store.kafka_batches import Producer
from statefleet.store.kafka_brokers import KafkaBrokers, Place
from statefleet.store.kafka_connection import KafkaConnection
from statefleet.store.kafka_messages import Produce

_log = structlog.get_logger(__name__)

_FLIGHT_BYTES = 1024 * 1024
"""How many bytes of records go together, the first of whatever size."""
_FLIGHT_RECORDS = 1024
_ATTEMPTS = 3
"""How often a flight can be tried within its time where the brokers say nothing at all."""

Acknowledged = set[Callable[[int, Sequence[bytes]], None]]
"""Who is told of what was written: the first offset and the records, once the brokers have acknowledged them."""


class _Append(NamedTuple):
    payload: bytes
    done: asyncio.Future[int]
    deadline: float


class _RefusedError(Exception):
    """The brokers will not take the records, however often they are asked."""


class KafkaWriter:
    """The writer of one topic, while `run` runs."""

    def __init__(self, brokers: KafkaBrokers, topic: str, timeout_seconds: float) -> None:
        self._brokers = brokers
        self._topic = topic
        self._timeout = timeout_seconds
        self._attempt = timeout_seconds / _ATTEMPTS
        self._queue: deque[_Append] = deque()
        self._queued = asyncio.Event()
        self._connection: KafkaConnection | None = None
        self._place: Place | None = None
        self._producer: Producer | None = None
        self._backoff = Backoff()
        self._failure = ""
        self._closed = False
        self.acknowledged: Acknowledged = set()

    async def append(self, payload: bytes) -> int:
        """Add a record and return its offset once every replica that must have it has it. Unavailable."""
        if self._closed:
            raise Unavailable("the log is closed")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = loop.create_future()
        self._queue.append(_Append(payload, done, loop.time() + self._timeout))
        self._queued.set()
        return await done

    async def run(self) -> None:
        """Write what is appended, until cancelled."""
        flight: list[_Append] = []
        try:
            while True:
                await self._queued.wait()
                flight = self._take()
                await self._fly(flight)
        finally:
            _fail(flight, "the log was closed, the record may be in it")
            self.close()
            await self._disconnect()

    def close(self) -> None:
        """Take nothing more, and answer those who wait."""
        self._closed = True
        _fail(self._queue, "the log was closed")

    def _take(self) -> list[_Append]:
        flight: list[_Append] = []
        size = 0
        while self._queue and len(flight) < _FLIGHT_RECORDS:
            size += len(self._queue[0].payload)
            if flight and size > _FLIGHT_BYTES:
                break
            flight.append(self._queue.popleft())
        if not self._queue:
            self._queued.clear()
        return flight

    async def _fly(self, flight: list[_Append]) -> None:
        """Write some records and answer those who wait for them, within the time of the first."""
        self._failure = "no answer in time"
        try:
            async with asyncio.timeout_at(flight[0].deadline):
                first = await self._write(flight)
        except (_RefusedError, TimeoutError) as error:
            why = str(error) or self._failure
            _log.warning("records not confirmed", topic=self._topic, records=len(flight), error=why)
            await self._give_up(flight)
            return
        except Exception:  # noqa: BLE001 -- a fault in one flight must not stop the next
            _log.exception("records not confirmed", topic=self._topic, records=len(flight))
            await self._give_up(flight)
            return
        # Readers are woken first: the records are applied by the time that those who wait for them go on.
        for tell in self.acknowledged:
            tell(first, [append.payload for append in flight])
        for index, append in enumerate(flight):
            if not append.done.done():
                append.done.set_result(first + index)

    async def _write(self, flight: list[_Append]) -> int:
        """Send a batch until it is known to be in the log, and return its first offset. _RefusedError.

        The brokers take it once, however often they get it: its sequence number stays the same.
        """
        producer = self._producer or await self._identified()
        batch = producer.batch(append.payload for append in flight)
        while True:
            error, first = await self._send(batch)
            if error is None:
                self._backoff.succeeded()
                producer.written(len(flight))
                return first
            self._failure = error
            await self._disconnect()
            await self._backoff.pause()

    async def _send(self, batch: bytes) -> tuple[str | None, int]:
        """Send a batch once. Return why it should be sent again, or its first offset. _RefusedError."""
        request = Produce(self._topic, batch, int(self._attempt * 1000))
        try:
            connection = self._connection or await self._connect()
            produced = await connection.send(request)
        except Unavailable as error:
            return error.message, -1
        if produced.code == NoError.errno:
            return None, produced.offset
        return _retriable(for_code(produced.code)), -1

    async def _identified(self) -> Producer:
        """Return the producer that the brokers make of us."""
        while True:
            try:
                response = await self._brokers.ask_any(InitProducerIdRequest(cast("str", None), -1))
                if response.error_code == NoError.errno:
                    self._producer = Producer(response.producer_id)
                    return self._producer
                self._failure = for_code(response.error_code).__name__
            except Unavailable as error:
                self._failure = error.message
            await self._backoff.pause()

    async def _connect(self) -> KafkaConnection:
        self._place = await self._brokers.place(self._topic)
        self._connection = await self._brokers.connect(self._place.leader, self._attempt)
        return self._connection

    async def _disconnect(self) -> None:
        """End the connection and ask anew who leads."""
        connection, self._connection = self._connection, None
        self._brokers.forget(self._topic, self._place)
        if connection is not None:
            await connection.close()

    async def _give_up(self, flight: list[_Append]) -> None:
        """Answer some records, and have the brokers refuse what may still be under way once they get the next."""
        _fail(flight, "Kafka did not confirm the record, it may be in the log")
        await self._disconnect()
        self._producer = self._producer and self._producer.next_epoch()


def _retriable(error: type[BrokerResponseError]) -> str:
    """Return the name of an error after which the same batch may be sent again; _RefusedError after others."""
    if error.retriable:
        return error.__name__
    raise _RefusedError(f"{error.__name__}: {error.description or error.message}")


def _fail(appends: Iterable[_Append], why: str) -> None:
    for append in appends:
        if not append.done.done():
            append.done.set_exception(Unavailable(why))
