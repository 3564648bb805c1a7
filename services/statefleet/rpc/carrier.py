"""The server's end of carried calls: each runs its handler as if it had come as an RPC of its own."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import grpc
import grpc.aio

from statefleet.api.calls.v1.calls_pb2 import CarriedAnswer, CarriedCall, CarryRequest, CarryResponse
from statefleet.api.calls.v1.calls_pb2_grpc import CallsServicer
from statefleet.rpc.carried import PART_BYTES, Outbox, entries, metadata_of
from statefleet.rpc.identity import Identity, shown
from statefleet.rpc.inprocess import InProcessServer
from statefleet.rpc.inprocess_context import ServerContext
from statefleet.rpc.inprocess_outcome import CANCELLED_BY_CLIENT, CANCELLED_BY_SERVER, DEADLINE_EXCEEDED

_CLIENT_IS_GONE = (grpc.aio.BaseError, asyncio.InvalidStateError)


class Carrier(CallsServicer):
    """Serves the calls that streams carry, by the handlers and interceptors of `server`.

    Whoever opened a stream is who calls: its calls are of the same connection.
    """

    def __init__(self, server: InProcessServer) -> None:
        self._server = server
        self._streams: set[_Stream] = set()

    async def Carry(  # type: ignore[override]  # noqa: N802 -- it writes, and yields nothing
        self, request_iterator: Any, context: Any
    ) -> None:
        """Serve one stream, until its client ends it or `close` does."""
        await context.send_initial_metadata(())  # the client waits for it
        stream = _Stream(self._server, shown(context))
        self._streams.add(stream)
        reading = self._server.spawn(stream.read(request_iterator), "carry")
        try:
            with suppress(*_CLIENT_IS_GONE):
                await stream.answers.run(context.write)
        finally:
            self._streams.discard(stream)
            reading.cancel()
            stream.abandon()

    def close(self) -> None:
        """End the streams, when what has been answered is sent. The server has stopped before."""
        for stream in self._streams:
            stream.answers.close()


class _Stream:
    def __init__(self, server: InProcessServer, identity: Identity) -> None:
        self._server = server
        self._identity = identity
        self._loop = asyncio.get_running_loop()
        self._under_way: dict[int, ServerContext] = {}
        self.answers: Outbox[CarriedAnswer] = Outbox(
            lambda answers: CarryResponse(answers=answers), lambda answer: len(answer.message)
        )

    async def read(self, requests: Any) -> None:
        """Begin and cancel calls as the client says, until it ends the stream."""
        try:
            with suppress(*_CLIENT_IS_GONE):
                async for request in requests:
                    self._take(request)
        finally:
            self.answers.close()

    def abandon(self) -> None:
        """Cancel what is under way: nobody waits for it any more."""
        for context in list(self._under_way.values()):
            context.interrupt(CANCELLED_BY_CLIENT)

    def _take(self, request: CarryRequest) -> None:
        for number in request.cancelled:
            context = self._under_way.get(number)
            if context is not None:
                context.interrupt(CANCELLED_BY_CLIENT)
        for call in request.calls:
            if call.number not in request.cancelled:
                self._begin(call)

    def _begin(self, call: CarriedCall) -> None:
        context = ServerContext(
            call.method,
            metadata_of(call.metadata),
            self._identity,
            self._loop,
            call.timeout_seconds if call.HasField("timeout_seconds") else None,
            wait_for_ready=False,
            limit=self._server.max_message_bytes,
        )
        context.channel = self
        self._under_way[call.number] = context
        context.driver = self._server.spawn(self._serve(call.number, context, call.message), call.method)
        if context.deadline is not None:
            context.timer = self._loop.call_at(context.deadline, context.interrupt, DEADLINE_EXCEEDED)

    async def _serve(self, number: int, context: ServerContext, message: bytes) -> None:
        response = None
        try:
            response = await self._server.serve_unary(context, message)
        finally:
            context.conclude(CANCELLED_BY_SERVER)
            del self._under_way[number]
            self._answer(number, context, response or b"")

    def _answer(self, number: int, context: ServerContext, response: bytes) -> None:
        while len(response) > PART_BYTES:
            self.answers.put(CarriedAnswer(number=number, message=response[:PART_BYTES], more=True))
            response = response[PART_BYTES:]
        outcome = context.outcome
        assert outcome is not None
        if outcome.code is grpc.StatusCode.OK and not outcome.trailing and not context.initial:
            self.answers.put(CarriedAnswer(number=number, message=response))
            return
        answer = CarriedAnswer(
            number=number,
            code=outcome.code.value[0],
            details=outcome.details,
            initial_metadata=entries(context.initial or ()),
            trailing_metadata=entries(outcome.trailing),
            message=response,
        )
        self.answers.put(answer)
