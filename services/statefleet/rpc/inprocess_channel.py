"""The channel in process: makes the callables that generated stubs ask for."""

# ruff: noqa: ARG002 -- the signatures are those of grpc.aio; there is nothing to compress, to encrypt or to register

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, Self

import grpc
import grpc.aio

from statefleet.rpc import inprocess_calls as calls
from statefleet.rpc.identity import Identity
from statefleet.rpc.inprocess_call import Deserializer
from statefleet.rpc.inprocess_call import Server as CallServer
from statefleet.rpc.inprocess_context import ServerContext
from statefleet.rpc.inprocess_outcome import Pairs, sealed
from statefleet.rpc.inprocess_streams import RequestWriter, Serializer


class Server(CallServer, Protocol):
    """What a channel needs of the server."""

    max_message_bytes: int

    def drop(self, channel: object) -> None:
        """Cancel the calls of a channel."""


class InProcessChannel(grpc.aio.Channel):
    """A channel to a server of this process, on behalf of one identity."""

    def __init__(self, server: Server, identity: Identity) -> None:
        self._server = server
        self._identity = identity
        self._closed = False

    def unary_unary(
        self,
        method: str,
        request_serializer: Serializer | None = None,
        response_deserializer: Deserializer | None = None,
        _registered_method: bool = False,
    ) -> Any:
        """Return the callable of a method."""
        return self._callable(method, calls.UnaryUnaryCall, request_serializer, response_deserializer)

    def unary_stream(
        self,
        method: str,
        request_serializer: Serializer | None = None,
        response_deserializer: Deserializer | None = None,
        _registered_method: bool = False,
    ) -> Any:
        """Return the callable of a method."""
        return self._callable(method, calls.UnaryStreamCall, request_serializer, response_deserializer)

    def stream_unary(
        self,
        method: str,
        request_serializer: Serializer | None = None,
        response_deserializer: Deserializer | None = None,
        _registered_method: bool = False,
    ) -> Any:
        """Return the callable of a method."""
        return self._callable(method, calls.StreamUnaryCall, request_serializer, response_deserializer)

    def stream_stream(
        self,
        method: str,
        request_serializer: Serializer | None = None,
        response_deserializer: Deserializer | None = None,
        _registered_method: bool = False,
    ) -> Any:
        """Return the callable of a method."""
        return self._callable(method, calls.StreamStreamCall, request_serializer, response_deserializer)

    async def close(self, grace: float | None = None) -> None:
        """Refuse new calls and cancel those under way."""
        if not self._closed:
            self._closed = True
            self._server.drop(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Return READY where the server accepts calls."""
        if self._closed:
            return grpc.ChannelConnectivity.SHUTDOWN
        return grpc.ChannelConnectivity.READY if self._server.serving else grpc.ChannelConnectivity.IDLE

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Return when the state is another one."""
        while self.get_state() is last_observed_state:
            await self._server.changed()

    async def channel_ready(self) -> None:
        """Return when the server accepts calls."""
        await self._server.until_serving()

    def _context(
        self, method: str, timeout: float | None, metadata: Pairs | None, ready: bool | None
    ) -> ServerContext:
        if self._closed:
            raise grpc.aio.UsageError("Channel is closed.")
        context = ServerContext(
            method,
            sealed(metadata) if metadata else (),
            self._identity,
            asyncio.get_running_loop(),
            timeout,
            ready is True,
            self._server.max_message_bytes,
        )
        context.channel = self
        return context

    def _callable(
        self,
        method: str,
        call: type[Any],
        serializer: Serializer | None,
        deserializer: Deserializer | None,
    ) -> _Callable:
        server, serialize, deserialize = self._server, serializer or _same, deserializer or _same
        streams_requests = issubclass(call, RequestWriter)

        def begin(request: Any, timeout: float | None, metadata: Pairs | None, ready: bool | None) -> Any:
            context = self._context(method, timeout, metadata, ready)
            if streams_requests:
                return call(server, context, deserialize, serialize, request)
            return call(server, context, deserialize, serialize(request))

        return _Callable(begin)


class _Callable:
    """One method, called as grpc.aio's multi-callables are."""

    def __init__(self, begin: Callable[..., Any]) -> None:
        self._begin = begin

    def __call__(
        self,
        request: Any = None,
        timeout: float | None = None,
        metadata: Pairs | None = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> Any:
        return self._begin(request, timeout, metadata, wait_for_ready)


def _same(data: Any) -> Any:
    return data
