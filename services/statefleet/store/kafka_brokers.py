"""Reach the brokers of a Kafka cluster: who leads a topic's partition, connections, short questions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

from aiokafka.errors import NoError, for_code
from aiokafka.protocol.api import Request
from aiokafka.protocol.metadata import MetadataRequest

from statefleet.errors import Unavailable
from statefleet.store.kafka_asking import first_answers
from statefleet.store.kafka_backoff import Backoff
from statefleet.store.kafka_connection import Address, KafkaConnection, connect
from statefleet.store.kafka_names import HostNames
from statefleet.store.kafka_settings import KafkaSettings

_PATIENCE_SECONDS = 0.25
"""How long the first broker may take to answer before another is asked too."""
_PLACE_SECONDS = 30.0
"""How long a topic is taken to be where it was: its replicas may be moved."""
_ATTEMPTS = 3
"""How many brokers that say nothing there is time for within one request."""


class Place(NamedTuple):
    """Where the one partition of a topic is: its leader, the other brokers that have a replica and live."""

    leader: Address
    followers: tuple[Address, ...]
    replication_factor: int


class KafkaBrokers:
    """The brokers of one cluster, as far as they are known."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._bootstrap = [_address(server) for server in settings.bootstrap_servers]
        self._known: list[Address] = []
        self._names = HostNames()
        self._asked: dict[Address, KafkaConnection] = {}
        self._connecting: dict[Address, asyncio.Lock] = {}
        self._places: dict[str, tuple[Place, float]] = {}
        self._turn = 0

    async def meet(self) -> Any:
        """Learn who is there. Unavailable, with the reasons, where no broker answers in the time for a request."""
        backoff = Backoff()
        failure = f"Kafka at {', '.join(self._settings.bootstrap_servers)}: no answer in time"
        try:
            async with asyncio.timeout(self._settings.request_timeout_seconds):
                while True:
                    try:
                        return await self._learn(MetadataRequest([], allow_auto_topic_creation=False))
                    except Unavailable as error:
                        failure = error.message
                    await backoff.pause()
        except TimeoutError:
            raise Unavailable(failure) from None

    async def close(self) -> None:
        """End the connections that questions go over."""
        asked, self._asked = self._asked, {}
        for connection in asked.values():
            await connection.close()

    # --- connections ---

    async def connect(self, address: Address, answer_seconds: float) -> KafkaConnection:
        """Return a new connection, for the caller to close; `answer_seconds` bounds each answer. Unavailable."""
        return await connect(address, self._settings, self._names, answer_seconds)

    async def ask(self, address: Address, request: Request[Any]) -> Any:
        """Return a broker's response to something that it answers at once. Unavailable."""
        connection = await self._connection_for_questions(address)
        try:
            return await connection.send(request)
        except Unavailable:
            if self._asked.get(address) is connection:
                del self._asked[address]
            await connection.close()
            raise

    async def ask_any(self, request: Request[Any]) -> Any:
        """Return the response of the first broker that answers. Unavailable where none does."""
        questions = [partial(self.ask, address, request) for address in self._candidates()]
        (response,) = await first_answers(1, questions, _PATIENCE_SECONDS)
        return response

    async def _connection_for_questions(self, address: Address) -> KafkaConnection:
        async with self._connecting.setdefault(address, asyncio.Lock()):
            connection = self._asked.get(address)
            if connection is None or not connection.alive:
                answer_seconds = self._settings.request_timeout_seconds / _ATTEMPTS
                connection = self._asked[address] = await self.connect(address, answer_seconds)
            return connection

    def _candidates(self) -> Iterable[Address]:
        """Return all addresses, another one first each time: one that is cut off may tell what was true once."""
        self._turn += 1
        first = self._turn % max(len(self._known), 1)
        return dict.fromkeys([*self._known[first:], *self._known[:first], *self._bootstrap])

    # --- where a topic is ---

    async def place(self, topic: str) -> Place:
        """Return where a topic's partition was a short while ago. Unavailable where it has no leader, or is none."""
        now = asyncio.get_running_loop().time()
        place, until = self._places.get(topic, (None, now))
        if place is None or until <= now:
            place = await self._look_up(topic)
            self._places[topic] = place, now + _PLACE_SECONDS
        return place

    def forget(self, topic: str, place: Place | None) -> None:
        """Have the place of a topic asked for again: it seems to be another."""
        if place is not None and self._places.get(topic, (None, 0.0))[0] is place:
            del self._places[topic]

    async def describe(self, topic: str) -> Any:
        """Return what the cluster says of a topic: its error code and its partitions, and of its brokers."""
        return await self._learn(MetadataRequest([topic], allow_auto_topic_creation=False))

    async def _learn(self, request: MetadataRequest) -> Any:
        response = await self.ask_any(request)
        if not response.brokers:
            raise Unavailable("Kafka knows of no broker yet")
        self._known = [Address(host, port) for _, host, port, _ in response.brokers]
        return response

    async def _look_up(self, topic: str) -> Place:
        response = await self.describe(topic)
        brokers = {node: Address(host, port) for node, host, port, _ in response.brokers}
        ((code, _, _, partitions),) = response.topics
        if for_code(code) is not NoError or len(partitions) != 1:
            raise Unavailable(f"topic {topic}: {for_code(code).__name__}")
        _, _, leader, replicas, *_ = partitions[0]
        if leader not in brokers:
            raise Unavailable(f"topic {topic} has no leader at present")
        followers = tuple(brokers[node] for node in replicas if node in brokers and node != leader)
        return Place(brokers[leader], followers, len(replicas))


def _address(server: str) -> Address:
    host, _, port = server.rpartition(":")
    return Address(host.strip("[]"), int(port))
