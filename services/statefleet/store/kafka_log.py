"""A log in a Kafka topic of one partition: durable on several machines, read by any number of processes."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from typing import Self

from statefleet.errors import TooLarge
from statefleet.runtime.tasks import Tasks
from statefleet.store.kafka_bounds import KafkaBounds
from statefleet.store.kafka_brokers import KafkaBrokers
from statefleet.store.kafka_reader import KafkaReader
from statefleet.store.kafka_settings import KafkaSettings
from statefleet.store.kafka_topic import has_topic, open_topic
from statefleet.store.kafka_writer import KafkaWriter
from statefleet.store.log import MAX_STORED, Appended

_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,127}")


class KafkaCluster:
    """A Kafka cluster that holds logs, reachable within its `async with` block. Unavailable where none answers."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings
        self.brokers = KafkaBrokers(settings)
        self._tasks = Tasks("kafka")
        self._writers: list[KafkaWriter] = []

    async def __aenter__(self) -> Self:
        await self.brokers.meet()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.cancel()
        for writer in self._writers:
            writer.close()
        await self.brokers.close()

    def writer(self, topic: str) -> KafkaWriter:
        """Return a writer of a topic, at work until the cluster is left."""
        writer = KafkaWriter(self.brokers, topic, self.settings.request_timeout_seconds)
        self._writers.append(writer)
        self._tasks.spawn(writer.run(), topic)
        return writer


class KafkaLog:
    """One of the logs of a cluster."""

    relaxed = False
    """An acknowledged record is on as many brokers as the settings ask for."""

    def __init__(self, cluster: KafkaCluster, topic: str) -> None:
        self._brokers = cluster.brokers
        self._topic = topic
        self._writer = cluster.writer(topic)
        self._bounds = KafkaBounds(cluster.brokers, cluster.settings, topic)

    @classmethod
    async def open(cls, cluster: KafkaCluster, name: str) -> Self:
        """Return the log of a name, its topic made where absent. ValueError where it is not a name.

        Invalid where the topic's settings could lose records; Unavailable.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name of a log")
        topic = f"{cluster.settings.topic_prefix}.{name}"
        await open_topic(cluster.brokers, cluster.settings, topic)
        return cls(cluster, topic)

    @classmethod
    async def exists(cls, cluster: KafkaCluster, name: str) -> bool:
        """Return whether there is a log of a name. Unavailable."""
        return await has_topic(cluster.brokers, f"{cluster.settings.topic_prefix}.{name}")

    async def append(self, payload: bytes) -> int:
        """Add a record and return its offset once it is replicated. TooLarge, Unavailable."""
        if len(payload) > MAX_STORED:
            raise TooLarge(f"a record of {len(payload)} bytes is larger than the limit of {MAX_STORED}")
        return await self._writer.append(payload)

    def read(self, offset: int) -> AsyncGenerator[Sequence[Appended], None]:
        """Yield the committed records from an offset on, then wait for more, also while Kafka is away. TrimmedError.

        Internal where records are missing that were there.
        """
        bounds, acknowledged = self._bounds, self._writer.acknowledged
        reader = KafkaReader(self._brokers, self._topic, bounds.start, bounds.end, acknowledged)
        return reader.batches(offset)

    async def start(self) -> int:
        """Return the offset of the oldest record that is kept. Unavailable."""
        return await self._bounds.start()

    async def end(self) -> int:
        """Return an offset beyond all that was acknowledged before the call. Unavailable."""
        return await self._bounds.end()

    async def trim(self, before: int) -> None:
        """Drop the records below an offset. Unavailable."""
        await self._bounds.trim(before)
