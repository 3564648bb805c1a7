"""Ask where a log in Kafka begins and ends, and have its oldest records dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import structlog
from aiokafka.errors import NoError, OffsetOutOfRangeError, for_code
from aiokafka.protocol.admin import DeleteRecordsRequest
from aiokafka.protocol.offset import OffsetRequest

from statefleet.errors import Subject, Unavailable
from statefleet.store.kafka_asking import first_answers
from statefleet.store.kafka_backoff import Backoff
from statefleet.store.kafka_brokers import KafkaBrokers, Place
from statefleet.store.kafka_connection import Address
from statefleet.store.kafka_settings import KafkaSettings

_log = structlog.get_logger(__name__)

T = TypeVar("T")

_PATIENCE_SECONDS = 0.05
"""How long the replicas asked first may take to answer before another is asked too."""
_LATEST, _EARLIEST = -1, -2
_CONSUMER, _ANY_REPLICA = -1, -2
"""Who asks: a consumer, whom only the leader answers, or one whom any replica answers with all it has."""


class KafkaBounds:
    """The two ends of one topic."""

    def __init__(self, brokers: KafkaBrokers, settings: KafkaSettings, topic: str) -> None:
        self._brokers = brokers
        self._settings = settings
        self._topic = topic
        self._backoff = Backoff()
        self._question = 0
        self._heard: dict[Address, int] = {}

    async def start(self) -> int:
        """Return the offset of the oldest record that is kept. Unavailable."""
        return await self._persist(lambda place: self._offset(place.leader, _EARLIEST, _CONSUMER))

    async def end(self) -> int:
        """Return an offset beyond all records that were acknowledged anywhere before the call. Unavailable.

        The leader alone cannot tell: one that is cut off goes on believing that it leads. An acknowledged record is
        on at least min_insync_replicas of the replicas, so that among any of them that leave out fewer than so many
        one has it. What they have that is not acknowledged yet is counted too: it is about to be.
        """
        return await self._persist(self._end_at)

    async def trim(self, before: int) -> None:
        """Drop the records below an offset, at most all. Unavailable."""

        async def drop(place: Place) -> None:
            end = await self._offset(place.leader, _LATEST, _CONSUMER)
            await self._drop(place.leader, min(before, end))

        await self._persist(drop)

    async def _end_at(self, place: Place) -> int:
        needed = place.replication_factor - self._settings.min_insync_replicas + 1
        replicas = (place.leader, *place.followers)
        if len(replicas) < needed:
            raise Unavailable(
                f"{len(replicas)} of {place.replication_factor} replicas are there, {needed} are needed"
            )
        if needed == 1:
            return await self._offset(place.leader, _LATEST, _ANY_REPLICA)
        self._question += 1
        lately_heard = sorted(replicas, key=lambda address: -self._heard.get(address, 0))
        questions = [partial(self._end_of, address) for address in lately_heard]
        return max(await first_answers(needed, questions, _PATIENCE_SECONDS))

    async def _end_of(self, address: Address) -> int:
        """Return the end of one replica, and remember that it answers: one that says nothing is asked last."""
        end = await self._offset(address, _LATEST, _ANY_REPLICA)
        self._heard[address] = self._question
        return end

    async def _offset(self, address: Address, which: int, asked_as: int) -> int:
        response = await self._brokers.ask(address, OffsetRequest(asked_as, 0, [(self._topic, [(0, which)])]))
        _, code, _, offset = response.topics[0][1][0]
        self._expect(code)
        return int(offset)

    async def _drop(self, address: Address, before: int) -> None:
        """Drop records at their leader, which answers when the replicas that are in sync have done so too."""
        timeout = self._settings.request_timeout_seconds
        connection = await self._brokers.connect(address, timeout)
        try:
            response = await connection.send(
                DeleteRecordsRequest([(self._topic, [(0, before)])], int(timeout * 1000))
            )
        finally:
            await connection.close()
        _, _, code, *_ = response.topics[0][1][0]
        if code != OffsetOutOfRangeError.errno:
            self._expect(code)

    def _expect(self, code: int) -> None:
        if code != NoError.errno:
            raise Unavailable(for_code(code).__name__)

    async def _persist(self, act: Callable[[Place], Awaitable[T]]) -> T:
        """Do something where the topic is, again after failures, until the time is over. Unavailable."""
        failure = "no answer in time"
        try:
            async with asyncio.timeout(self._settings.request_timeout_seconds):
                while True:
                    place = None
                    try:
                        place = await self._brokers.place(self._topic)
                        found = await act(place)
                    except Unavailable as error:
                        failure = error.message
                    else:
                        self._backoff.succeeded()
                        return found
                    self._brokers.forget(self._topic, place)
                    await self._backoff.pause()
        except TimeoutError:
            _log.warning("log not reached", topic=self._topic, error=failure)
            raise Unavailable("the log cannot be reached", Subject(retry_after_seconds=1)) from None
