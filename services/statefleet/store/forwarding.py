"""Have the leader answer what only it can, so that a caller may talk to any replica."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from statefleet.errors import NotLeader, Subject, Timeout, Unavailable
from statefleet.rpc.handlers import Wrapped
from statefleet.rpc.hop import depart, request_metadata
from statefleet.rpc.status import from_rpc_error

FORWARDED_KEY = "x-statefleet-forwarded"
"""The metadata of a call that a replica passed on: it is not passed on again."""
_HEALTH = "/grpc.health.v1.Health/Check"
PATIENCE_SECONDS = 0.5
"""How long a leader may take before it is asked how it is, and to say so."""


class Forwarding(grpc.aio.ServerInterceptor):
    """Passes a call that ended as NotLeader on to the leader, once, and answers what that answers.

    NotLeader says that nothing was done here, so nothing is done twice. `leader` names the replica that leads as far
    as is known, empty: none; `connect` opens a channel to one; `own` is this replica. Streams are answered here:
    every replica can.

    A leader that takes its time is waited for. One that does not even say how it is cannot be reached from here,
    though perhaps from elsewhere: Unavailable, so that the caller asks another replica.
    """

    def __init__(
        self,
        own: str,
        leader: Callable[[], Awaitable[str]],
        connect: Callable[[str], grpc.aio.Channel],
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._own = own
        self._leader = leader
        self._connect = connect
        self._patience = patience_seconds
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._wrapped = Wrapped(self._wrap)

    async def close(self) -> None:
        """Close the channels to leaders."""
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            await channel.close()

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """Return the handler, wrapped where it answers one message with one."""
        return self._wrapped.of(handler_call_details.method, await continuation(handler_call_details))

    def _wrap(self, method: str, handler: Any) -> Any:
        if handler.request_streaming or handler.response_streaming:
            return handler

        async def unary(request: Any, context: Any) -> Any:
            try:
                return await handler.unary_unary(request, context)
            except NotLeader:
                if _is_forwarded(context):
                    raise
            return await self._ask(method, request, context)

        def serialize(answer: Any) -> bytes:
            serialized: bytes = answer if isinstance(answer, bytes) else handler.response_serializer(answer)
            return serialized

        return grpc.unary_unary_rpc_method_handler(unary, handler.request_deserializer, serialize)

    async def _ask(self, method: str, request: Any, context: Any) -> bytes:
        target = await self._leader()
        if target in ("", self._own):
            raise Unavailable("no replica leads at present, try again", Subject(retry_after_seconds=1))
        channel = self._channels.get(target)
        if channel is None:
            channel = self._channels[target] = self._connect(target)
        ask: Any = channel.unary_unary(method, request_serializer=type(request).SerializeToString)
        metadata = (*request_metadata(), (FORWARDED_KEY, "1"))
        call = ask(request, timeout=depart(context.time_remaining()), metadata=metadata)
        try:
            await self._until_answered(call, channel, target)
            answer: bytes = await call
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        finally:
            call.cancel()
        return answer

    async def _until_answered(self, call: Any, channel: grpc.aio.Channel, target: str) -> None:
        """Return when a call has ended. Unavailable where the one who was called cannot be reached meanwhile."""
        ended = asyncio.Event()
        call.add_done_callback(lambda _: ended.set())
        while not ended.is_set():
            try:
                async with asyncio.timeout(self._patience):
                    await ended.wait()
            except TimeoutError:
                await self._check_reach(channel, target)

    async def _check_reach(self, channel: grpc.aio.Channel, target: str) -> None:
        health: Any = channel.unary_unary(_HEALTH)
        try:
            await health(b"", timeout=self._patience)
        except grpc.aio.AioRpcError as error:
            if isinstance(from_rpc_error(error), (Timeout, Unavailable)):
                raise Unavailable(f"the leader at {target} does not answer") from None


def _is_forwarded(context: Any) -> bool:
    return any(key == FORWARDED_KEY for key, _ in context.invocation_metadata() or ())
