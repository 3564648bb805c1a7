"""One connection to one Kafka broker; the broker answers what comes over it one by one, in order."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, NamedTuple

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaError
from aiokafka.protocol.api import Request

from statefleet.errors import Unavailable
from statefleet.store.kafka_names import HostNames
from statefleet.store.kafka_settings import KafkaSettings

_CLIENT_ID = "statefleet"
_CONNECT_SECONDS = 2.0
"""How long a broker may take to let us in: another is tried then."""
_CLOSE_SECONDS = 1.0
"""How long the end of a connection may take; it does not matter to anybody."""

# It tells of each failed attempt, and at level debug of every request, the one with the password too. What matters of
# it is in our own errors.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


class Address(NamedTuple):
    """Where a broker listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class KafkaConnection:
    """A connection that was made; once a request over it has failed it is of no more use, and to be closed."""

    def __init__(self, address: Address, connection: Any) -> None:
        self._address = address
        self._connection = connection

    @property
    def alive(self) -> bool:
        """Whether the broker has not ended it, as far as is known."""
        return bool(self._connection.connected())

    async def send(self, request: Request[Any]) -> Any:
        """Return the response to a request. Unavailable, saying why, where none comes in time."""
        try:
            return await self._connection.send(request)
        except (KafkaError, OSError, TimeoutError, NotImplementedError) as error:  # the last: no version in common
            raise _unavailable(self._address, error) from error

    async def close(self) -> None:
        """End the connection at once; what is still asked over it fails, what is still to be sent is not."""
        await _end(self._connection)


async def connect(
    address: Address, settings: KafkaSettings, names: HostNames, answer_seconds: float
) -> KafkaConnection:
    """Return a new connection, for the caller to close, with the time for each answer. Unavailable, saying why."""
    try:
        async with asyncio.timeout(min(_CONNECT_SECONDS, settings.request_timeout_seconds)):
            await names.found(address.host)
            made: Any = AIOKafkaConnection
            connection = made(
                address.host,
                address.port,
                client_id=_CLIENT_ID,
                request_timeout_ms=round(answer_seconds * 1000),
                **settings.connection_options(),
            )
            try:
                await connection.connect()
            except BaseException:
                await _end(connection)
                raise
    except (KafkaError, OSError, TimeoutError) as error:
        raise _unavailable(address, error) from error
    return KafkaConnection(address, connection)


async def _end(connection: Any) -> None:
    """End what was made of a connection; to close it alone waits for a peer that may say nothing."""
    closed, protocol = connection.close(), connection._protocol  # noqa: SLF001
    if protocol is None:
        return
    if (transport := protocol._transport) is not None:  # noqa: SLF001
        transport.abort()
    await asyncio.wait([closed], timeout=_CLOSE_SECONDS)


def _unavailable(address: Address, error: BaseException) -> Unavailable:
    if isinstance(error, TimeoutError):
        why = "no answer in time"
    else:
        why = str(error.__cause__ or error) or type(error).__name__
    return Unavailable(f"Kafka at {address}: {why}")
