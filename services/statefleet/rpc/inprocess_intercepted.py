"""Client interceptors in process: the chain before a call, with the interface of grpc.aio's intercepted calls."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any

import grpc
import grpc.aio

Invoke = Callable[[grpc.aio.ClientCallDetails, Any], Any]
"""Begins the call itself: details and the request (or the iterator of requests) to a call."""

_DONE_WRITING = object()


def chained(interceptors: list[Any], intercept: str, invoke: Invoke) -> Callable[..., Awaitable[Any]]:
    """Return the coroutine function that runs the chain: the first interceptor is the outermost."""

    async def innermost(details: grpc.aio.ClientCallDetails, request: Any) -> Any:
        return invoke(details, request)

    async def link(
        interceptor: Any, following: Callable[..., Awaitable[Any]], details: grpc.aio.ClientCallDetails, request: Any
    ) -> Any:
        result = await getattr(interceptor, intercept)(following, details, request)
        return result if isinstance(result, grpc.aio.Call) else AnsweredCall(result)

    chain: Callable[..., Awaitable[Any]] = innermost
    for interceptor in reversed(interceptors):
        chain = functools.partial(link, interceptor, chain)
    return chain


class AnsweredCall(grpc.aio.UnaryUnaryCall[Any, Any], grpc.aio.UnaryStreamCall[Any, Any]):
    """What stands for a call where an interceptor answered by itself: a response, or an iterator of responses."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def __await__(self) -> Generator[Any, None, Any]:
        return self._value().__await__()

    async def _value(self) -> Any:
        return self._answer

    def __aiter__(self) -> AsyncIterator[Any]:
        iterator: AsyncIterator[Any] = self._answer.__aiter__()
        return iterator

    async def read(self) -> Any:
        """Return the next response, EOF at the end."""
        return await anext(self._answer, grpc.aio.EOF)

    def cancel(self) -> bool:
        """Do nothing: it has ended."""
        return False

    def cancelled(self) -> bool:
        """Return False: it was answered."""
        return False

    def done(self) -> bool:
        """Return True: it was answered."""
        return True

    def time_remaining(self) -> float | None:
        """Return None: there is no deadline."""
        return None

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call back at once."""
        callback(self)

    async def initial_metadata(self) -> grpc.aio.Metadata:
        """Return nothing: no server was asked."""
        return grpc.aio.Metadata()

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        """Return nothing: no server was asked."""
        return grpc.aio.Metadata()

    async def code(self) -> grpc.StatusCode:
        """Return OK: it was answered."""
        return grpc.StatusCode.OK

    async def details(self) -> str:
        """Return nothing."""
        return ""

    async def wait_for_connection(self) -> None:
        """Return at once."""


class InterceptedCall(
    grpc.aio.UnaryUnaryCall[Any, Any],
    grpc.aio.UnaryStreamCall[Any, Any],
    grpc.aio.StreamUnaryCall[Any, Any],
    grpc.aio.StreamStreamCall[Any, Any],
):
    """A call of any of the four kinds whose interceptors run in a task."""

    def __init__(self, chain: asyncio.Task[Any], outgoing: RequestQueue | None = None) -> None:
        self._chain = chain
        self._outgoing = outgoing
        self._responses: AsyncIterator[Any] | None = None

    def __await__(self) -> Generator[Any, None, Any]:
        return self._value().__await__()

    async def _value(self) -> Any:
        return await (await self._chain)

    def __aiter__(self) -> InterceptedCall:
        return self

    async def __anext__(self) -> Any:
        if self._responses is None:
            self._responses = (await self._chain).__aiter__()
        return await self._responses.__anext__()

    async def read(self) -> Any:
        """Return the next response, EOF at the end."""
        return await anext(self, grpc.aio.EOF)

    async def write(self, request: Any) -> None:
        """Send a request."""
        if self._outgoing is None or self.done():
            raise asyncio.InvalidStateError("RPC already finished.")
        await self._outgoing.put(request)

    async def done_writing(self) -> None:
        """Say that no more requests come."""
        if self._outgoing is not None:
            await self._outgoing.put(_DONE_WRITING)

    def cancel(self) -> bool:
        """Cancel the interceptors, or the call that they began."""
        if not self._chain.done():
            return self._chain.cancel()
        call = self._call()
        return call is not None and bool(call.cancel())

    def cancelled(self) -> bool:
        """Return whether the interceptors or the call were cancelled."""
        if self._chain.cancelled():
            return True
        call = self._call()
        return call is not None and bool(call.cancelled())

    def done(self) -> bool:
        """Return whether the call has ended, or the interceptors failed."""
        if not self._chain.done():
            return False
        call = self._call()
        return call is None or bool(call.done())

    def time_remaining(self) -> float | None:
        """Return the seconds until the deadline; None where there is none, or the call has not begun."""
        call = self._call()
        remaining: float | None = None if call is None else call.time_remaining()
        return remaining

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call back with this call after it has ended."""

        def begun(_: asyncio.Task[Any]) -> None:
            call = self._call()
            if call is None:
                callback(self)
            else:
                call.add_done_callback(lambda _: callback(self))

        self._chain.add_done_callback(begun)

    async def initial_metadata(self) -> grpc.aio.Metadata:
        """Return the server's first metadata, once there."""
        try:
            metadata: grpc.aio.Metadata = await (await self._chain).initial_metadata()
        except grpc.aio.AioRpcError as error:
            return error.initial_metadata()
        return metadata

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        """Return the server's last metadata, once the RPC has ended."""
        try:
            metadata: grpc.aio.Metadata = await (await self._chain).trailing_metadata()
        except grpc.aio.AioRpcError as error:
            return error.trailing_metadata()
        return metadata

    async def code(self) -> grpc.StatusCode:
        """Return the status code, once the RPC has ended."""
        try:
            code: grpc.StatusCode = await (await self._chain).code()
        except grpc.aio.AioRpcError as error:
            return error.code()
        except asyncio.CancelledError:
            return grpc.StatusCode.CANCELLED
        return code

    async def details(self) -> str:
        """Return the status text, once the RPC has ended."""
        try:
            details: str = await (await self._chain).details()
        except grpc.aio.AioRpcError as error:
            return error.details() or ""
        return details

    async def wait_for_connection(self) -> None:
        """Return when the call is under way."""
        await (await self._chain).wait_for_connection()

    def _call(self) -> Any | None:
        if not self._chain.done() or self._chain.cancelled() or self._chain.exception() is not None:
            return None
        return self._chain.result()


class RequestQueue:
    """The requests written to an intercepted call, as the iterator that its interceptors see."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Any] = asyncio.Queue(maxsize=1)

    async def put(self, request: Any) -> None:
        """Add a request, waiting until the one before was taken."""
        await self._queue.put(request)

    def __aiter__(self) -> RequestQueue:
        return self

    async def __anext__(self) -> Any:
        request = await self._queue.get()
        if request is _DONE_WRITING:
            raise StopAsyncIteration
        return request
