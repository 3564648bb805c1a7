"""The streams of a call in process: responses that are read, requests that are written."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, Callable, Iterable
from typing import Any

import grpc
import grpc.aio

from statefleet.rpc.inprocess_call import Deserializer, InProcessCall, Server
from statefleet.rpc.inprocess_context import ServerContext
from statefleet.rpc.inprocess_outcome import DEADLINE_EXCEEDED, RefusedError, checked
from statefleet.rpc.inprocess_pipe import Pipe

Serializer = Callable[[Any], bytes]
Requests = AsyncIterable[Any] | Iterable[Any]


class StreamResponseCall(InProcessCall):
    """A call with a stream of responses, whose handler is a task."""

    def __init__(self, server: Server, context: ServerContext, deserializer: Deserializer, data: bytes) -> None:
        super().__init__(server, context, deserializer)
        self._responses = context.responses = Pipe()
        self._iterated: bool | None = None
        loop = context.loop
        if context.deadline is not None and context.deadline <= loop.time():
            context.conclude(DEADLINE_EXCEEDED)
            return
        context.driver = server.spawn(server.serve_stream(context, data), context.method)
        if context.deadline is not None:
            context.timer = loop.call_at(context.deadline, context.interrupt, DEADLINE_EXCEEDED)

    def __aiter__(self) -> StreamResponseCall:
        self._use(iterated=True)
        return self

    async def __anext__(self) -> Any:
        message = await self._next()
        if message is grpc.aio.EOF:
            raise StopAsyncIteration
        return message

    async def read(self) -> Any:
        """Return the next response, EOF at the end."""
        self._use(iterated=False)
        return await self._next()

    async def _next(self) -> Any:
        try:
            data = await self._responses.read()
        except asyncio.CancelledError:
            self.cancel()
            raise
        if data is None:
            self._raise_for(await self._context.ended())
            return grpc.aio.EOF
        return self._deserializer(data)

    def _use(self, *, iterated: bool) -> None:
        if self._iterated is None:
            self._iterated = iterated
        elif self._iterated is not iterated:
            raise grpc.aio.UsageError("The iterator and read/write APIs may not be mixed on a single RPC.")


class RequestWriter(InProcessCall):
    """What a call with a stream of requests adds: they come from an iterator, or from write()."""

    _done_writing = False

    def _open(self, requests: Requests | None, serializer: Serializer) -> None:
        self._serializer = serializer
        if requests is not None:
            self._server.spawn(self._send_all(requests), f"{self._context.method} requests")

    async def write(self, request: Any) -> None:
        """Send a request, waiting where the handler is far behind."""
        context = self._context
        if context.outcome is not None or self._done_writing or context.requests is None:
            raise asyncio.InvalidStateError("RPC already finished.")
        try:
            data = checked(self._serializer(request), context.limit, "SERVER")
        except RefusedError as refused:
            context.interrupt(refused.outcome)
            self._raise_for(refused.outcome)
        else:
            if not await context.requests.write(data):
                self._raise_for(await context.ended())

    async def done_writing(self) -> None:
        """Say that no more requests come."""
        self._done_writing = True
        if self._context.requests is not None:
            self._context.requests.end()

    async def _send_all(self, requests: Requests) -> None:
        complete = False
        try:
            if isinstance(requests, AsyncIterable):
                async for request in requests:
                    await self._send(request)
            else:
                for request in requests:
                    await self._send(request)
            await self.done_writing()
            complete = True
        finally:
            if not complete:
                self.cancel()

    async def _send(self, request: Any) -> None:
        if not self.done():
            with contextlib.suppress(grpc.aio.AioRpcError):
                await self.write(request)
