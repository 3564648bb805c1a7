"""A small service of all four kinds of method, and the wires that it is served over: sockets, and in process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import grpc
import grpc.aio
from google.protobuf.wrappers_pb2 import BytesValue

from statefleet.rpc.certificates import Authority
from statefleet.rpc.channel import connect
from statefleet.rpc.identity import ANONYMOUS, Identity
from statefleet.rpc.inprocess import InProcessServer
from statefleet.rpc.server import RpcServer
from statefleet.rpc.status import from_rpc_error
from statefleet.rpc.tls import ClientTls, ServerTls
from statefleet.runtime.clock import SystemClock

NAME = "statefleet.test.Sample"


class Sample:
    """The service: override the methods that a test calls."""

    async def ask(self, request: BytesValue, context: Any) -> BytesValue:
        """Answer one with one."""
        raise NotImplementedError

    def count(self, request: BytesValue, context: Any) -> Any:
        """Answer one with a stream."""
        raise NotImplementedError

    async def sum(self, requests: Any, context: Any) -> BytesValue:
        """Answer a stream with one."""
        raise NotImplementedError

    def chat(self, requests: Any, context: Any) -> Any:
        """Answer a stream with a stream."""
        raise NotImplementedError


def add_sample_to_server(servicer: Sample, server: Any) -> None:
    """Register the service, in the way of generated code."""
    forms: dict[str, Any] = {
        "request_deserializer": BytesValue.FromString,
        "response_serializer": BytesValue.SerializeToString,
    }
    handlers: dict[str, Any] = {
        "Ask": grpc.unary_unary_rpc_method_handler(servicer.ask, **forms),
        "Count": grpc.unary_stream_rpc_method_handler(servicer.count, **forms),
        "Sum": grpc.stream_unary_rpc_method_handler(servicer.sum, **forms),
        "Chat": grpc.stream_stream_rpc_method_handler(servicer.chat, **forms),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))
    server.add_registered_method_handlers(NAME, handlers)


class SampleStub:
    """The client's side, in the way of generated code."""

    def __init__(self, channel: Any) -> None:
        forms = {
            "request_serializer": BytesValue.SerializeToString,
            "response_deserializer": BytesValue.FromString,
            "_registered_method": True,
        }
        self.channel = channel
        self.ask = channel.unary_unary(f"/{NAME}/Ask", **forms)
        self.count = channel.unary_stream(f"/{NAME}/Count", **forms)
        self.sum = channel.stream_unary(f"/{NAME}/Sum", **forms)
        self.chat = channel.stream_stream(f"/{NAME}/Chat", **forms)
        self.missing = channel.unary_unary(f"/{NAME}/Missing", **forms)


async def answered(call: Any) -> BytesValue:
    """Return a call's answer; raise the error of our set that it ended with."""
    try:
        answer: BytesValue = await call
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from None
    return answer


class Wire(Protocol):
    """Serves a Sample and calls it."""

    async def serve(self, servicer: Sample, *, interceptors: Sequence[Any] = (), start: bool = True) -> None:
        """Make the server, and start it unless told otherwise."""

    async def start(self) -> None:
        """Start the server."""

    async def stop(self, grace: float | None) -> None:
        """Stop the server."""

    def stub(self, *, identity: Identity = ANONYMOUS) -> SampleStub:
        """Return a stub on a new channel."""

    async def close(self) -> None:
        """Close the channels and stop the server."""


class InProcessWire:
    """Within the process."""

    async def serve(self, servicer: Sample, *, interceptors: Sequence[Any] = (), start: bool = True) -> None:
        self.server = InProcessServer(interceptors)
        self._channels: list[Any] = []
        add_sample_to_server(servicer, self.server)
        if start:
            await self.start()

    async def start(self) -> None:
        await self.server.start()

    async def stop(self, grace: float | None) -> None:
        await self.server.stop(grace)

    def stub(self, *, identity: Identity = ANONYMOUS) -> SampleStub:
        channel = self.server.channel(identity)
        self._channels.append(channel)
        return SampleStub(channel)

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()
        await self.server.stop(None)


class SocketWire:
    """Over a unix socket, in the clear or over TLS with client certificates; calls go alone, or `carried`."""

    def __init__(self, directory: Path, *, tls: bool = False, carried: bool = False) -> None:
        self._carried = carried
        self._address = f"unix:{directory}/rpc.sock"
        self._authority = Authority(directory, SystemClock()) if tls else None
        self._channels: list[Any] = []

    async def serve(self, servicer: Sample, *, interceptors: Sequence[Any] = (), start: bool = True) -> None:
        tls = None
        if self._authority is not None:
            tls = ServerTls(self._authority.server("server", ["localhost"]), self._authority.certificate)
        self.server = RpcServer(self._address, tls=tls, interceptors=interceptors, reflection=False)
        add_sample_to_server(servicer, self.server)
        if start:
            await self.start()

    async def start(self) -> None:
        await self.server.start()

    async def stop(self, grace: float | None) -> None:
        await self.server.stop(grace)

    def stub(self, *, identity: Identity = ANONYMOUS) -> SampleStub:
        tls = None
        if self._authority is not None:
            tls = ClientTls(self._authority.certificate, self._authority.client(identity), "localhost")
        channel = connect(self._address, tls=tls, carried=self._carried)
        self._channels.append(channel)
        return SampleStub(channel)

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()
        await self.server.stop(None)
