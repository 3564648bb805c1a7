"""What all calls in process share at the client's end, with the interface of grpc.aio's calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import grpc
import grpc.aio

from statefleet.rpc.inprocess_context import ServerContext
from statefleet.rpc.inprocess_outcome import CANCELLED_BY_CLIENT, Outcome

Deserializer = Callable[[bytes], Any]


class Server(Protocol):
    """What a call needs of the server."""

    @property
    def serving(self) -> bool:
        """Whether calls are accepted."""

    async def until_serving(self) -> None:
        """Return when calls are accepted."""

    async def changed(self) -> None:
        """Return when a call has ended, or the server has started or stopped."""

    def spawn(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run one side of an RPC as a task of its own."""

    async def serve_unary(self, context: ServerContext, data: bytes) -> bytes | None:
        """Run the handler of a call with one response."""

    async def serve_stream(self, context: ServerContext, data: bytes) -> None:
        """Run the handler of a call with a stream of responses."""


class InProcessCall:
    """What all four kinds of call share."""

    def __init__(self, server: Server, context: ServerContext, deserializer: Deserializer) -> None:
        self._server = server
        self._context = context
        self._deserializer = deserializer

    def cancel(self) -> bool:
        """Cancel the RPC; False where it has ended."""
        if self._context.outcome is not None:
            return False
        self._context.interrupt(CANCELLED_BY_CLIENT)
        return True

    def cancelled(self) -> bool:
        """Return whether the RPC was cancelled, by either end."""
        outcome = self._context.outcome
        return outcome is not None and outcome.code is grpc.StatusCode.CANCELLED

    def done(self) -> bool:
        """Return whether the RPC has ended."""
        return self._context.outcome is not None

    def time_remaining(self) -> float | None:
        """Return the seconds until the deadline; None where there is none."""
        return self._context.time_remaining()

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call back with this call after the RPC has ended."""
        self._context.on_end(lambda: callback(self))

    async def initial_metadata(self) -> grpc.aio.Metadata:
        """Return the server's first metadata, once there."""
        return grpc.aio.Metadata(*await self._context.initial_sent())

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        """Return the server's last metadata, once the RPC has ended."""
        return grpc.aio.Metadata(*(await self._context.ended()).trailing)

    async def code(self) -> grpc.StatusCode:
        """Return the status code, once the RPC has ended."""
        return (await self._context.ended()).code

    async def details(self) -> str:
        """Return the status text, once the RPC has ended."""
        return (await self._context.ended()).details

    async def debug_error_string(self) -> str:
        """Return nothing: there is no lower layer to tell of."""
        return ""

    async def wait_for_connection(self) -> None:
        """Return when the server accepts calls, or raise how the RPC ended."""
        if not self._server.serving and self._context.wait_for_ready:
            await self._server.until_serving()
        elif self._context.outcome is not None:
            self._raise_for(self._context.outcome)

    def _raise_for(self, outcome: Outcome) -> None:
        if outcome.code is grpc.StatusCode.OK:
            return
        if outcome.local:
            raise asyncio.CancelledError
        initial = grpc.aio.Metadata(*(self._context.initial or ()))
        trailing = grpc.aio.Metadata(*outcome.trailing)
        raise grpc.aio.AioRpcError(outcome.code, initial, trailing, outcome.details, "")
