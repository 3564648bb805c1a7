"""gRPC within one process: generated servicers and stubs meet without a socket, under the rules of a real connection.

Messages are always serialised, both ways. Deadlines, cancellation, metadata, status details, interceptors, flow
control and message limits are as in grpc.aio; one contract suite holds both to them. Time is that of the event loop,
so that the whole runs on a virtual clock. A unary call whose handler does not suspend completes within its caller's
step.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
import grpc.aio
import structlog

from statefleet.rpc.handlers import respond
from statefleet.rpc.identity import ANONYMOUS, Identity
from statefleet.rpc.inprocess_channel import InProcessChannel
from statefleet.rpc.inprocess_context import ServerContext
from statefleet.rpc.inprocess_outcome import (
    CANCELLED_BY_CLIENT,
    CANCELLED_BY_SERVER,
    NOT_SERVING,
    STOPPED,
    UNIMPLEMENTED,
    Outcome,
    RefusedError,
    checked,
)
from statefleet.rpc.limits import MAX_MESSAGE_BYTES
from statefleet.runtime.tasks import Tasks

_CALLS_PER_TURN = 64
"""After so many unary calls one of them lets the loop turn, so that calls that never suspend starve nobody."""

_log = structlog.get_logger(__name__)

Handler: TypeAlias = Any
"""A grpc.RpcMethodHandler; the published types know only its synchronous form."""


@dataclass(slots=True)
class CallDetails:
    """What a server interceptor is told of a call, as grpc.HandlerCallDetails."""

    method: str
    invocation_metadata: Any


class InProcessServer(grpc.aio.Server):
    """A server for `add_XServicer_to_server` whose channels are in this process and loop."""

    def __init__(
        self,
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
        *,
        name: str = "rpc",
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        self._methods: dict[str, Handler] = {}
        self._generic: list[grpc.GenericRpcHandler] = []
        self.max_message_bytes = max_message_bytes
        self._tasks = Tasks(name)
        self._active: dict[ServerContext, None] = {}
        self._calls = 0
        self._serving = False
        self._changed: list[asyncio.Future[None]] = []
        self._find: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]] | None = None
        for interceptor in reversed(interceptors):
            self._find = functools.partial(interceptor.intercept_service, self._find or self._lookup)

    # What generated code calls.

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Serve what the handlers serve, where no registered method has the name."""
        self._generic.extend(generic_rpc_handlers)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Handler]) -> None:
        """Serve the methods of a service."""
        for method, handler in method_handlers.items():
            self._methods[f"/{service_name}/{method}"] = handler

    def add_insecure_port(self, address: str) -> int:
        """Refuse: this server has channels, and no ports."""
        raise grpc.aio.UsageError(f"a server in process cannot listen on {address}")

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:  # noqa: ARG002
        """Refuse: this server has channels, and no ports."""
        raise grpc.aio.UsageError(f"a server in process cannot listen on {address}")

    # Life.

    async def start(self) -> None:
        """Accept calls from now on; may follow a stop."""
        self._serving = True
        self._wake()

    async def stop(self, grace: float | None) -> None:
        """Refuse new calls, give those under way `grace` seconds, then end them with UNAVAILABLE."""
        self._serving = False
        if grace and self._active:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    while self._active:
                        await self.changed()
        for context in list(self._active):
            context.interrupt(STOPPED)
        await self._tasks.cancel()
        self._wake()

    async def wait_for_termination(self, timeout: float | None = None) -> bool:
        """Return when the server has stopped; True where `timeout` seconds passed before."""
        try:
            async with asyncio.timeout(timeout):
                while self._serving or self._active:
                    await self.changed()
        except TimeoutError:
            return True
        return False

    def channel(self, identity: Identity = ANONYMOUS) -> InProcessChannel:
        """Return a channel for generated stubs whose calls come from `identity`."""
        return InProcessChannel(self, identity)

    def drop(self, channel: object) -> None:
        """Cancel the calls of a channel."""
        for context in list(self._active):
            if context.channel is channel:
                context.interrupt(CANCELLED_BY_CLIENT)

    @property
    def serving(self) -> bool:
        """Whether calls are accepted."""
        return self._serving

    async def until_serving(self) -> None:
        """Return when calls are accepted."""
        while not self._serving:
            await self.changed()

    # What the channel's calls call.

    def spawn(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run one side of an RPC as a task of its own, with nothing of the caller's context variables."""
        return Context().run(self._tasks.spawn, coroutine, name)

    async def serve_unary(self, context: ServerContext, data: bytes) -> bytes | None:
        """Run the handler of a call with one response and end the RPC; return the response, None where it failed.

        A CancelledError passes, and leaves the RPC to be ended by who caused it.
        """
        self._active[context] = None
        try:
            self._calls += 1
            if self._calls % _CALLS_PER_TURN == 0:
                await asyncio.sleep(0)
            handler = await self._admit(context)
            if context.requests is not None:
                response = await handler.stream_unary(RequestStream(context), context)
            else:
                request = context.request_deserializer(checked(data, self.max_message_bytes, "SERVER"))
                response = await handler.unary_unary(request, context)
            return self._answer(context, response)
        except Exception as error:  # noqa: BLE001 -- the edge of the wire: no exception crosses it
            context.conclude(self._failure(context, error))
            return None
        finally:
            self._left(context)

    async def serve_stream(self, context: ServerContext, data: bytes) -> None:
        """Run the handler of a call with a stream of responses and end the RPC."""
        self._active[context] = None
        try:
            handler = await self._admit(context)
            if context.requests is not None:
                result: Any = handler.stream_stream(RequestStream(context), context)
            else:
                request = context.request_deserializer(checked(data, self.max_message_bytes, "SERVER"))
                result = handler.unary_stream(request, context)
            await respond(result, context)
            context.conclude(context.result())
        except Exception as error:  # noqa: BLE001 -- the edge of the wire: no exception crosses it
            context.conclude(self._failure(context, error))
        finally:
            context.conclude(CANCELLED_BY_SERVER)
            self._left(context)

    async def _admit(self, context: ServerContext) -> Handler:
        if not self._serving:
            if not context.wait_for_ready:
                raise RefusedError(NOT_SERVING)
            await self.until_serving()
        method = context.method
        if self._find is None:
            handler = self._methods.get(method) or await self._lookup(CallDetails(method, context.metadata))
        else:
            handler = await self._find(CallDetails(method, context.metadata))
        if handler is None:
            raise RefusedError(UNIMPLEMENTED)
        context.request_deserializer = handler.request_deserializer or _same
        context.response_serializer = handler.response_serializer or _same
        return handler

    async def _lookup(self, details: grpc.HandlerCallDetails) -> Handler | None:
        handler = self._methods.get(details.method)
        if handler is None:
            handler = next((found for generic in self._generic if (found := generic.service(details))), None)
        return handler

    def _answer(self, context: ServerContext, response: Any) -> bytes | None:
        outcome = context.result()
        data = None
        if outcome.code is grpc.StatusCode.OK:
            data = checked(context.response_serializer(response), self.max_message_bytes, "CLIENT")
        context.conclude(outcome)
        return data

    def _failure(self, context: ServerContext, error: Exception) -> Outcome:
        if isinstance(error, RefusedError):
            return error.outcome
        if context.outcome is None:
            _log.error("handler failed", method=context.method, exc_info=error)
        return context.failure(f"Unexpected {type(error)}: {error}")

    def _left(self, context: ServerContext) -> None:
        self._active.pop(context, None)
        if self._changed:
            self._wake()

    async def changed(self) -> None:
        """Return when a call has ended, or the server has started or stopped."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changed.append(waiter)
        await waiter

    def _wake(self) -> None:
        waiters, self._changed = self._changed, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class RequestStream:
    """The stream of requests as a handler reads it."""

    __slots__ = ("_context",)

    def __init__(self, context: ServerContext) -> None:
        self._context = context

    def __aiter__(self) -> RequestStream:
        return self

    async def __anext__(self) -> Any:
        message = await self._context.read()
        if message is grpc.aio.EOF:
            raise StopAsyncIteration
        return message


def _same(data: Any) -> Any:
    return data
