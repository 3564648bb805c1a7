"""The client's end of an RPC in process, with the interface of grpc.aio's calls."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, Callable, Coroutine, Generator, Iterable
from contextvars import Context
from typing import Any, Protocol

import grpc
import grpc.aio

from statefleet.rpc.inprocess_context import (
    CANCELLED_BY_CLIENT,
    CANCELLED_BY_SERVER,
    DEADLINE_EXCEEDED,
    Outcome,
    RefusedError,
    ServerContext,
    checked,
)
from statefleet.rpc.inprocess_pipe import Pipe

Serializer = Callable[[Any], bytes]
Deserializer = Callable[[bytes], Any]
Requests = AsyncIterable[Any] | Iterable[Any]


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
        context = self._context
        if context.outcome is not None or context.interruption is not None:
            return False
        context.interrupt(CANCELLED_BY_CLIENT)
        return True

    def cancelled(self) -> bool:
        """Return whether the RPC was cancelled, by either end."""
        outcome = self._context.outcome or self._context.interruption
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


class UnaryResponseCall(InProcessCall):
    """A call with one response.

    Its handler runs within the task that awaits the call first, so that an answer costs no turn of the loop; one that
    is not awaited at once gets a task at the loop's next turn. The handler's context variables are its own. When the
    awaiting task is cancelled, it waits for the handler's clean-up; a deadline and cancel() do not wait.
    """

    def __init__(self, server: Server, context: ServerContext, deserializer: Deserializer, data: bytes) -> None:
        super().__init__(server, context, deserializer)
        self._data = data
        self._response: Any = None
        self._started = False
        self._kick = context.loop.call_soon(self._start)

    def __await__(self) -> Generator[Any, None, Any]:
        if self._started or self._context.outcome is not None:
            return self._wait().__await__()
        self._started = True
        self._kick.cancel()
        return self._drive()

    def _start(self) -> None:
        if not self._started and self._context.outcome is None:
            self._started = True
            self._server.spawn(self._run(), self._context.method)

    async def _run(self) -> None:
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.CancelledError):
            await _Steps(self._drive())

    async def _wait(self) -> Any:
        try:
            return self._result(await self._context.ended())
        except asyncio.CancelledError:
            self.cancel()
            raise

    def _drive(self) -> Generator[Any, None, Any]:
        context = self._context
        task = context.driver = asyncio.current_task()
        assert task is not None
        before = task.cancelling()
        try:
            reply = yield from self._steps(context)
        except asyncio.CancelledError:
            reply = None
        finally:
            context.driver = None
            if context.struck:
                task.uncancel()
            cancelled = task.cancelling() > before
            if context.outcome is None:
                context.conclude(context.interruption or (CANCELLED_BY_CLIENT if cancelled else CANCELLED_BY_SERVER))
        if cancelled:
            raise asyncio.CancelledError
        if reply is not None and context.outcome is not None and context.outcome.code is grpc.StatusCode.OK:
            self._response = self._deserializer(reply)
        return self._result(context.outcome)

    def _steps(self, context: ServerContext) -> Generator[Any, None, bytes | None]:
        if context.deadline is not None and context.deadline <= context.loop.time():
            context.conclude(DEADLINE_EXCEEDED)
            return None
        handler = self._server.serve_unary(context, self._data)
        run = Context().run
        step: Callable[[Any], Any] = handler.send
        value: Any = None
        while True:
            try:
                waited = run(step, value)
            except StopIteration as stop:
                reply: bytes | None = stop.value
                return reply
            if context.struck:
                # It was cancelled and goes on: the caller is released, the handler ends in a task of its own.
                self._server.spawn(_rest(handler, waited, run), context.method)
                return None
            if context.deadline is not None and context.timer is None:
                context.timer = context.loop.call_at(context.deadline, context.interrupt, DEADLINE_EXCEEDED)
            try:
                value = yield waited
            except GeneratorExit:
                run(handler.close)
                raise
            except BaseException as error:  # noqa: BLE001 -- it belongs to the handler
                step, value = handler.throw, error
            else:
                step = handler.send

    def _result(self, outcome: Outcome | None) -> Any:
        assert outcome is not None
        self._raise_for(outcome)
        return self._response


class _Steps:
    """Makes a generator awaitable."""

    def __init__(self, steps: Generator[Any, None, Any]) -> None:
        self._steps = steps

    def __await__(self) -> Generator[Any, None, Any]:
        return self._steps


async def _rest(handler: Coroutine[Any, Any, Any], waited: Any, run: Callable[..., Any]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await _Steps(_rest_steps(handler, waited, run))


def _rest_steps(handler: Coroutine[Any, Any, Any], waited: Any, run: Callable[..., Any]) -> Generator[Any, Any, None]:
    step: Callable[[Any], Any]
    while True:
        try:
            value = yield waited
        except GeneratorExit:
            run(handler.close)
            raise
        except BaseException as error:  # noqa: BLE001 -- it belongs to the handler
            step, value = handler.throw, error
        else:
            step = handler.send
        try:
            waited = run(step, value)
        except StopIteration:
            return


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


class UnaryUnaryCall(UnaryResponseCall, grpc.aio.UnaryUnaryCall[Any, Any]):
    """One request, one response."""


class UnaryStreamCall(StreamResponseCall, grpc.aio.UnaryStreamCall[Any, Any]):
    """One request, a stream of responses."""


class StreamUnaryCall(RequestWriter, UnaryResponseCall, grpc.aio.StreamUnaryCall[Any, Any]):
    """A stream of requests, one response."""

    def __init__(
        self,
        server: Server,
        context: ServerContext,
        deserializer: Deserializer,
        serializer: Serializer,
        requests: Requests | None,
    ) -> None:
        context.requests = Pipe()
        super().__init__(server, context, deserializer, b"")
        self._open(requests, serializer)


class StreamStreamCall(RequestWriter, StreamResponseCall, grpc.aio.StreamStreamCall[Any, Any]):
    """A stream of requests, a stream of responses."""

    def __init__(
        self,
        server: Server,
        context: ServerContext,
        deserializer: Deserializer,
        serializer: Serializer,
        requests: Requests | None,
    ) -> None:
        context.requests = Pipe()
        super().__init__(server, context, deserializer, b"")
        self._open(requests, serializer)
