"""A connection to a broker that accepts it, tells what it can, and then takes nothing any more."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest
from aiokafka.protocol.produce import ProduceRequest

from statefleet.errors import Unavailable
from statefleet.store.kafka_connection import Address, connect
from statefleet.store.kafka_names import HostNames
from statefleet.store.kafka_settings import KafkaSettings

PRODUCE, OLDEST, NEWEST = 0, 3, 9


@pytest.fixture
async def deaf_broker() -> AsyncIterator[Address]:
    left: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left.append(writer)
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        (correlation,) = struct.unpack_from(">i", await reader.readexactly(size), 4)
        versions = struct.pack(">ihihhh", correlation, 0, 1, PRODUCE, OLDEST, NEWEST)
        writer.write(struct.pack(">i", len(versions)) + versions)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield Address("127.0.0.1", server.sockets[0].getsockname()[1])
    for writer in left:
        writer.transport.abort()
    server.close()


async def test_nobody_waits_for_a_broker_that_takes_nothing(deaf_broker: Address) -> None:
    connection = await connect(deaf_broker, KafkaSettings((str(deaf_broker),)), HostNames())
    large = ProduceRequest(None, -1, 1000, [("topic", [(0, b"x" * 64_000_000)])])
    with pytest.raises(Unavailable, match=f"Kafka at {deaf_broker}: no answer in time"):
        await connection.send(large, 0.05)
    async with asyncio.timeout(0.5):
        await connection.close()
    assert not connection.alive
    with pytest.raises(Unavailable):
        await connection.send(large, 0.05)
