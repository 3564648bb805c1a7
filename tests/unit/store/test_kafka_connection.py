"""A connection to a broker that accepts it and takes nothing any more, at once or later."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from statefleet.errors import Unavailable
from statefleet.rpc.certificates import Authority
from statefleet.runtime.clock import SystemClock
from statefleet.store.kafka_connection import Address, connect
from statefleet.store.kafka_messages import Produce
from statefleet.store.kafka_names import HostNames
from statefleet.store.kafka_settings import KafkaSettings

PRODUCE, OLDEST, NEWEST = 0, 3, 9
ANSWER_SECONDS = 0.05


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
    connection = await connect(deaf_broker, KafkaSettings((str(deaf_broker),)), HostNames(), ANSWER_SECONDS)
    large = Produce("topic", b"x" * 64_000_000, 1_000)
    with pytest.raises(Unavailable, match=f"Kafka at {deaf_broker}: no answer in time"):
        await connection.send(large)
    async with asyncio.timeout(0.5):
        await connection.close()
    assert not connection.alive
    with pytest.raises(Unavailable):
        await connection.send(large)


async def test_what_was_made_of_a_connection_that_failed_is_ended_at_once(tmp_path: Path) -> None:
    authority = Authority(tmp_path, SystemClock())
    authority.server("kafka", ["127.0.0.1"])
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "kafka.crt", tmp_path / "kafka.key")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        broker = Address("127.0.0.1", listening.getsockname()[1])
        settings = KafkaSettings(
            (str(broker),), security_protocol="SSL", tls_ca_file=tmp_path / "ca.crt", request_timeout_seconds=0.2
        )
        silent = asyncio.ensure_future(asyncio.to_thread(accept_and_say_nothing, listening, tls))
        with pytest.raises(Unavailable, match="no answer in time"):
            await connect(broker, settings, HostNames(), ANSWER_SECONDS)
        async with asyncio.timeout(2.0):
            await silent


def accept_and_say_nothing(listening: socket.socket, tls: ssl.SSLContext) -> None:
    """Serve one client that is let in over TLS, and nothing more, until its connection has ended."""
    accepted, _ = listening.accept()
    secured = tls.wrap_socket(accepted, server_side=True)
    with socket.socket(fileno=secured.detach()) as bare, suppress(ConnectionResetError):
        bare.settimeout(5.0)
        while bare.recv(1_000):
            pass
