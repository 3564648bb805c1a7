"""Whoever writes to Kafka goes on after what it cannot explain."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from statefleet.errors import Unavailable
from statefleet.store.kafka_brokers import KafkaBrokers
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
