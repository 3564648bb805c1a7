"""Whoever writes to Kafka goes on after what it cannot explain."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from statefleet.errors import Unavailable
from statefleet.store.kafka_brokers import KafkaBrokers, Place
from statefleet.store.kafka_connection import Address
from statefleet.store.kafka_settings import KafkaSettings
from statefleet.store.kafka_writer import KafkaWriter

PATIENCE_SECONDS = 5.0


class Faulty(KafkaBrokers):
    """Brokers that there is a fault in asking."""

    def __init__(self) -> None:
        super().__init__(KafkaSettings(("kafka:9092",)))

    async def ask_any(self, request: Any) -> Any:
        raise KeyError("unforeseen")


async def test_a_fault_is_logged_and_each_record_answered() -> None:
    writer = KafkaWriter(Faulty(), "log", PATIENCE_SECONDS)
    writing = asyncio.ensure_future(writer.run())
    with capture_logs() as logs:
        for _ in range(2):
            with pytest.raises(Unavailable, match="did not confirm"):
                await writer.append(b"record")
    assert [entry["exc_info"] for entry in logs] == [True, True]
    writing.cancel()
    await asyncio.wait([writing])


class Willing(KafkaBrokers):
    """A broker that takes what it is sent, from offset 7 on."""

    def __init__(self) -> None:
        super().__init__(KafkaSettings(("kafka:9092",)))
        self.end = 7

    async def ask_any(self, request: Any) -> Any:
        return SimpleNamespace(error_code=0, producer_id=1)

    async def place(self, topic: str) -> Place:
        return Place(Address("kafka", 9092), (), 1)

    async def connect(self, address: Address, answer_seconds: float) -> Any:
        return SimpleNamespace(send=self.send, close=self.close)

    async def send(self, request: Any) -> Any:
        first, self.end = self.end, self.end + 1
        return SimpleNamespace(code=0, offset=first)

    async def close(self) -> None:
        pass


async def test_readers_are_told_of_what_was_acknowledged_before_those_who_wait_for_it_go_on() -> None:
    writer = KafkaWriter(Willing(), "log", PATIENCE_SECONDS)
    writing = asyncio.ensure_future(writer.run())
    told: list[tuple[int, list[bytes]]] = []
    writer.acknowledged.add(lambda first, payloads: told.append((first, list(payloads))))
    assert await writer.append(b"a") == 7
    assert told == [(7, [b"a"])]
    assert await writer.append(b"b") == 8
    assert told == [(7, [b"a"]), (8, [b"b"])]
    writing.cancel()
    await asyncio.wait([writing])
