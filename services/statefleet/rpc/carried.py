"""Calls that share messages of one stream, at both ends: how they are written down, and how they are sent.

An RPC of grpc.aio costs each end a few hundred microseconds of processor time, whatever it does; a call that shares a
message with others costs a tenth of that. The client's end is `carrying`, the server's `carrier`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Generic, TypeVar

import grpc

from statefleet.api.calls.v1.calls_pb2 import Entry
from statefleet.rpc.inprocess_outcome import Metadata

CARRY = "/statefleet.api.calls.v1.Calls/Carry"
"""The method that carries calls of the others."""

PART_BYTES = 256 * 1024
"""About what a message may have: larger requests are sent alone, larger responses in parts."""

_MOST = 32
"""How many share a message at most: the other end is at work on them while the next ones are written."""

CODES = {code.value[0]: code for code in grpc.StatusCode}
"""gRPC's status codes by their numbers."""

T = TypeVar("T")


def entries(metadata: Metadata) -> list[Entry]:
    """Write metadata down."""
    return [Entry(key=key, value=value.encode() if isinstance(value, str) else value) for key, value in metadata]


def metadata_of(written: Iterable[Entry]) -> Metadata:
    """Read metadata."""
    return tuple((each.key, each.value if each.key.endswith("-bin") else each.value.decode()) for each in written)


class Outbox(Generic[T]):
    """What waits to be sent: whatever gathers while a message is being written goes out with the next one."""

    def __init__(self, message: Callable[[list[T]], Any], size: Callable[[T], int]) -> None:
        self._message = message
        self._size = size
        self._waiting: list[T] = []
        self._changed = asyncio.Event()
        self._closed = False

    def put(self, item: T) -> None:
        """Have something sent."""
        self._waiting.append(item)
        self._changed.set()

    def close(self) -> None:
        """Let `run` return once all is sent."""
        self._closed = True
        self._changed.set()

    async def run(self, write: Callable[[Any], Awaitable[None]]) -> None:
        """Send until closed."""
        while self._waiting or not self._closed:
            if not self._waiting:
                self._changed.clear()
                await self._changed.wait()
                continue
            await write(self._message(self._take()))

    def _take(self) -> list[T]:
        size = 0
        for count, item in enumerate(self._waiting):
            size += self._size(item)
            if count and (size > PART_BYTES or count >= _MOST):
                taken, self._waiting = self._waiting[:count], self._waiting[count:]
                return taken
        taken, self._waiting = self._waiting, []
        return taken
