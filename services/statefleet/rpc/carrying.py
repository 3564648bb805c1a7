"""The client's end of carried calls: a channel whose unary calls share the messages of one stream.

Everything else is gRPC's own channel: streams, requests too large to share a message, calls that wait for the server,
and every call to a server that carries none, for as long as the connection to it lasts.
"""

# ruff: noqa: ARG002 -- the signatures are those of grpc.aio

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Self

import grpc
import grpc.aio

from statefleet.api.calls.v1.calls_pb2 import CarriedAnswer, CarriedCall, CarryRequest
from statefleet.api.calls.v1.calls_pb2_grpc import CallsStub
from statefleet.rpc.carried import CODES, PART_BYTES, Outbox, entries, metadata_of
from statefleet.rpc.identity import ANONYMOUS
from statefleet.rpc.inprocess_channel import InProcessChannel
from statefleet.rpc.inprocess_context import ServerContext
from statefleet.rpc.inprocess_outcome import CANCELLED_BY_CLIENT, Outcome, sealed
from statefleet.rpc.limits import MAX_MESSAGE_BYTES
from statefleet.runtime.tasks import Tasks

_ENDED = Outcome(grpc.StatusCode.UNAVAILABLE, "the server has ended the connection")


class CarryingChannel(grpc.aio.Channel):
    """A channel that carries its unary calls in one stream of another; calls with streams are the other's."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel: Any = channel
        self._carrying = _Carrying(channel)
        self._calls = InProcessChannel(self._carrying, ANONYMOUS)

    def unary_unary(self, *method: Any, **forms: Any) -> Any:
        """Return the callable of a method."""
        return self._calls.unary_unary(*method, **forms)

    def unary_stream(self, *method: Any, **forms: Any) -> Any:
        """Return the callable of a method."""
        return self._channel.unary_stream(*method, **forms)

    def stream_unary(self, *method: Any, **forms: Any) -> Any:
        """Return the callable of a method."""
        return self._channel.stream_unary(*method, **forms)

    def stream_stream(self, *method: Any, **forms: Any) -> Any:
        """Return the callable of a method."""
        return self._channel.stream_stream(*method, **forms)

    async def close(self, grace: float | None = None) -> None:
        """Refuse new calls, and cancel those under way after `grace` seconds."""
        await self._calls.close()
        await self._carrying.close()
        await self._channel.close(grace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Return how the connection is."""
        state: grpc.ChannelConnectivity = self._channel.get_state(try_to_connect)
        return state

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Return when that is another one."""
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Return when there is a connection."""
        await self._channel.channel_ready()


class _Carrying:
    """Stands for the server: it serves a call by sending it on."""

    max_message_bytes = MAX_MESSAGE_BYTES
    serving = True

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel: Any = channel
        self._tasks = Tasks("carrying")
        self._stream: _Stream | None = None
        self._carried = True
        self._under_way: set[ServerContext] = set()

    async def until_serving(self) -> None:
        """Return when there is a connection."""
        await self._channel.channel_ready()

    async def changed(self) -> None:
        """Return when the connection is another one."""
        await self._channel.wait_for_state_change(self._channel.get_state())

    def spawn(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run what goes on by itself."""
        return self._tasks.spawn(coroutine, name)

    def drop(self, channel: object) -> None:
        """Cancel the calls under way: there is one channel."""
        for context in list(self._under_way):
            context.interrupt(CANCELLED_BY_CLIENT)

    async def close(self) -> None:
        """End the stream."""
        await self._tasks.cancel()

    async def serve_unary(self, context: ServerContext, data: bytes) -> bytes | None:
        """Send a call, and end it as the server does; return the response, None where it failed."""
        self._under_way.add(context)
        try:
            if self._carried and len(data) <= PART_BYTES and not context.wait_for_ready:
                stream = self._stream
                if stream is None or stream.ended:
                    stream = self._stream = _Stream(self._channel)
                    self._tasks.spawn(stream.run(), "carry")
                response, outcome = await stream.call(context, data)
                if outcome is not None:
                    context.conclude(outcome)
                    return response
                self._carry_none()
            return await self._call_alone(context, data)
        finally:
            self._under_way.discard(context)

    def _carry_none(self) -> None:
        if self._carried:
            self._carried = False
            self._tasks.spawn(self._ask_the_next(), "ask the next")

    async def _ask_the_next(self) -> None:
        """Carry calls again once this connection is over: the next one may be to a newer server."""
        await self._channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
        self._carried = True

    async def serve_stream(self, context: ServerContext, data: bytes) -> None:
        """Refuse: streams are not carried."""
        raise NotImplementedError

    async def _call_alone(self, context: ServerContext, data: bytes) -> bytes | None:
        call: Any = self._channel.unary_unary(context.method)(
            data,
            timeout=context.time_remaining(),
            metadata=context.metadata,
            wait_for_ready=context.wait_for_ready,
        )
        try:
            response: bytes = await call
        except grpc.aio.AioRpcError as error:
            context.initial = sealed(error.initial_metadata())
            context.conclude(Outcome(error.code(), error.details() or "", sealed(error.trailing_metadata())))
            return None
        context.initial = sealed(await call.initial_metadata())
        details, trailing = await call.details(), sealed(await call.trailing_metadata())
        context.conclude(Outcome(grpc.StatusCode.OK, details, trailing))
        return response


class _Stream:
    """One stream of calls."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: Any = CallsStub(channel)
        self._loop = asyncio.get_running_loop()
        self._count = 0
        self._answers: dict[int, asyncio.Future[CarriedAnswer | Outcome]] = {}
        self._parts: dict[int, list[bytes]] = {}
        self._calls: Outbox[CarriedCall | int] = Outbox(_request, _size)
        self.ended = False
        """Whether it takes no more calls."""

    async def call(self, context: ServerContext, data: bytes) -> tuple[bytes | None, Outcome | None]:
        """Send a call; return its response and how it ended. No outcome: the server carries no calls."""
        self._count += 1
        number = self._count
        answer = self._answers[number] = self._loop.create_future()
        self._calls.put(
            CarriedCall(
                number=number,
                method=context.method,
                metadata=entries(context.metadata),
                timeout_seconds=context.time_remaining(),
                message=data,
            )
        )
        try:
            ended = await answer
        finally:
            parts = self._parts.pop(number, None)
            if self._answers.pop(number, None) is not None and not self.ended:
                self._calls.put(number)
        if isinstance(ended, Outcome):
            return None, None if ended.code is grpc.StatusCode.UNIMPLEMENTED else ended
        outcome = Outcome(CODES[ended.code], ended.details, metadata_of(ended.trailing_metadata))
        context.initial = metadata_of(ended.initial_metadata)
        return ended.message if parts is None else b"".join((*parts, ended.message)), outcome

    async def run(self) -> None:
        """Send calls and take answers until the stream ends; what is under way ends with it.

        grpc.aio ends an RPC as INTERNAL, whatever the server said, where it has ended before a write to it. So
        nothing is written until the server is known to carry calls, and later no INTERNAL is taken for its word.
        """
        outcome = _ENDED
        carry = self._stub.Carry()
        try:
            await carry.initial_metadata()
            async with Tasks("carry") as tasks:
                tasks.spawn(self._write(carry), "write")
                while (response := await carry.read()) is not grpc.aio.EOF:
                    for answer in response.answers:
                        self._take(answer)
            outcome = _outcome(await carry.code(), await carry.details())
        except grpc.aio.AioRpcError as error:
            outcome = _outcome(error.code(), error.details())
        finally:
            carry.cancel()
            self._end(outcome)

    def _end(self, outcome: Outcome) -> None:
        self.ended = True
        waiting, self._answers = self._answers, {}
        for future in waiting.values():
            if not future.done():
                future.set_result(outcome)

    async def _write(self, carry: Any) -> None:
        try:
            await self._calls.run(carry.write)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            self.ended = True  # the reader learns why

    def _take(self, answer: CarriedAnswer) -> None:
        if answer.number not in self._answers:
            return
        if answer.more:
            self._parts.setdefault(answer.number, []).append(answer.message)
            return
        future = self._answers.pop(answer.number)
        if not future.done():
            future.set_result(answer)


def _outcome(code: grpc.StatusCode, details: str | None) -> Outcome:
    """Return how the calls of a stream end that has ended so."""
    return _ENDED if code in (grpc.StatusCode.OK, grpc.StatusCode.INTERNAL) else Outcome(code, details or "")


def _request(items: list[CarriedCall | int]) -> CarryRequest:
    return CarryRequest(
        calls=[item for item in items if not isinstance(item, int)],
        cancelled=[item for item in items if isinstance(item, int)],
    )


def _size(item: CarriedCall | int) -> int:
    return 8 if isinstance(item, int) else len(item.message)
