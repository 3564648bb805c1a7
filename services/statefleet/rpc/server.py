"""A gRPC server on a socket: with health, reflection, limits, keep-alive and a graceful stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import grpc
import grpc.aio

from statefleet.api.calls.v1.calls_pb2_grpc import add_CallsServicer_to_server
from statefleet.errors import cannot_listen
from statefleet.rpc.carried import CARRY
from statefleet.rpc.carrier import Carrier
from statefleet.rpc.inprocess import InProcessServer
from statefleet.rpc.limits import MAX_MESSAGE_BYTES, MAX_METADATA_BYTES
from statefleet.rpc.tls import ServerTls

_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.keepalive_time_ms", 5_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 2_000),
    ("grpc.so_reuseport", 0),
]


class RpcServer(grpc.aio.Server):
    """A server for `add_XServicer_to_server`. Listens at `host:port` or `unix:path`; without `tls` in the clear.

    The health service answers SERVING for every service from start to stop. Unary calls may come alone, or carried
    by a stream (`carried`): handlers and interceptors see no difference.
    """

    def __init__(
        self,
        address: str,
        *,
        tls: ServerTls | None = None,
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
        reflection: bool = True,
    ) -> None:
        self._address = address
        self._tls = tls
        self._reflection = reflection
        self._carried = InProcessServer(interceptors)
        self._carrier = Carrier(self._carried)
        self._server = grpc.aio.server(interceptors=[_Uncarried(each) for each in interceptors], options=_OPTIONS)
        add_CallsServicer_to_server(self._carrier, self._server)
        self._services: list[str] = []
        self._health: Any = None
        self.port = 0
        """The port listened on, once started; 0 for a unix socket."""

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Serve what the handlers serve."""
        handlers = tuple(generic_rpc_handlers)
        self._server.add_generic_rpc_handlers(handlers)
        self._carried.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        """Serve the methods of a service."""
        self._services.append(service_name)
        self._server.add_registered_method_handlers(service_name, method_handlers)
        self._carried.add_registered_method_handlers(service_name, method_handlers)

    def add_insecure_port(self, address: str) -> int:
        """Listen at one more address, in the clear; return its port."""
        return self._server.add_insecure_port(address)

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:
        """Listen at one more address; return its port."""
        return self._server.add_secure_port(address, server_credentials)

    async def start(self) -> None:
        """Listen. Unavailable where the address cannot be had."""
        await self._add_health()
        if self._reflection:
            self._add_reflection()
        try:
            self.port = self._listen()
        except RuntimeError as error:
            raise cannot_listen(self._address) from error
        await self._carried.start()
        await self._server.start()

    async def stop(self, grace: float | None = 5.0) -> None:
        """Refuse new calls, give those under way `grace` seconds, then end them with UNAVAILABLE."""
        if self._health is not None:
            await self._health.enter_graceful_shutdown()
        await asyncio.gather(self._server.stop(grace), self._stop_carried(grace))

    async def wait_for_termination(self, timeout: float | None = None) -> bool:
        """Return when the server has stopped; True where `timeout` seconds passed before."""
        return await self._server.wait_for_termination(timeout)

    async def _stop_carried(self, grace: float | None) -> None:
        await self._carried.stop(grace)
        self._carrier.close()

    def _listen(self) -> int:
        if self._tls is None:
            return self._server.add_insecure_port(self._address)
        return self._server.add_secure_port(self._address, self._tls.credentials())

    async def _add_health(self) -> None:
        from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # noqa: PLC0415 -- not needed in process

        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]
        for service in ("", *self._services):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self)  # type: ignore[no-untyped-call]

    def _add_reflection(self) -> None:
        from grpc_reflection.v1alpha import reflection  # noqa: PLC0415 -- not needed in process

        names = (*self._services, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)  # type: ignore[no-untyped-call]


class _Uncarried(grpc.aio.ServerInterceptor):
    """Lets a stream of calls pass an interceptor, which sees each of the calls."""

    def __init__(self, interceptor: grpc.aio.ServerInterceptor) -> None:
        self._interceptor = interceptor

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """Return the handler."""
        if handler_call_details.method == CARRY:
            return await continuation(handler_call_details)
        return await self._interceptor.intercept_service(continuation, handler_call_details)
