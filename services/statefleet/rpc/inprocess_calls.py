"""The four kinds of call in process."""

from __future__ import annotations

from typing import Any

import grpc.aio

from statefleet.rpc.inprocess_call import Deserializer, Server
from statefleet.rpc.inprocess_context import ServerContext
from statefleet.rpc.inprocess_pipe import Pipe
from statefleet.rpc.inprocess_streams import Requests, RequestWriter, Serializer, StreamResponseCall
from statefleet.rpc.inprocess_unary import UnaryResponseCall


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
