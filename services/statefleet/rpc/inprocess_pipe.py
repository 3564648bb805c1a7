"""A one-way stream of serialised messages between two tasks of one loop, with flow control."""

from __future__ import annotations

import asyncio
from collections import deque

import grpc.aio

WINDOW = 16
"""How many messages a writer may be ahead of its reader."""


class Pipe:
    """Messages on their way. A writer that is WINDOW ahead waits until half of them are read.

    One reader and one writer at a time, as gRPC allows.
    """

    __slots__ = ("_ended", "_messages", "_reader", "_writer")

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._ended = False

    async def write(self, message: bytes) -> bool:
        """Add a message; False where the stream is over, so that nobody will read it."""
        while len(self._messages) >= WINDOW and not self._ended:
            if self._writer is not None:
                raise grpc.aio.UsageError("another write on this stream is under way")
            self._writer = asyncio.get_running_loop().create_future()
            try:
                await self._writer
            finally:
                self._writer = None
        if self._ended:
            return False
        self._messages.append(message)
        _wake(self._reader)
        return True

    async def read(self) -> bytes | None:
        """Take the oldest message; None where the stream is over."""
        while not self._messages:
            if self._ended:
                return None
            if self._reader is not None:
                raise grpc.aio.UsageError("another read on this stream is under way")
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        message = self._messages.popleft()
        if self._writer is not None and len(self._messages) <= WINDOW // 2:
            _wake(self._writer)
        return message

    def end(self) -> None:
        """Say that nothing more is written; what was written can still be read."""
        self._ended = True
        _wake(self._reader)
        _wake(self._writer)

    def abandon(self) -> None:
        """End the stream and drop what was not read."""
        self._messages.clear()
        self.end()


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
