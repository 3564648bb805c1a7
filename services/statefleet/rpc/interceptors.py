"""What every call passes through, on real gRPC and in process alike: errors, identity, deadline, log and metrics.

The one place where a handler's unforeseen exception ends: it is logged here and leaves as a neutral INTERNAL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import structlog
from prometheus_client import Counter, Histogram

from statefleet.errors import FleetError, Internal, Unavailable
from statefleet.rpc.handlers import Wrapped, respond
from statefleet.rpc.hop import arrive
from statefleet.rpc.status import to_wire
from statefleet.runtime.clock import Clock
from statefleet.runtime.logging import debugging
from statefleet.runtime.metrics import Metrics
from statefleet.runtime.rand import Rand

_log = structlog.get_logger(__name__)

_CODES = {code.value[0]: code.name for code in grpc.StatusCode}


class CallInterceptor(grpc.aio.ServerInterceptor):
    """The server's side: makes statuses of errors, and tells log and metrics of each call."""

    def __init__(self, *, clock: Clock, rand: Rand, metrics: Metrics | None = None) -> None:
        metrics = Metrics() if metrics is None else metrics
        self._clock = clock
        self._handled = metrics.counter(
            "grpc_server_handled", "Calls ended, by status.", ("grpc_service", "grpc_method", "grpc_code")
        )
        self._seconds = metrics.histogram(
            "grpc_server_handling_seconds", "How long calls took.", ("grpc_service", "grpc_method")
        )
        self._prefix = rand.suffix(8)
        self._count = 0
        self._wrapped = Wrapped(self._wrap)

    async def intercept_service(
        self,
        continuation: Callable[[Any], Awaitable[Any]],
        handler_call_details: Any,
    ) -> Any:
        """Return the handler, wrapped; None where nothing handles the method."""
        return self._wrapped.of(handler_call_details.method, await continuation(handler_call_details))

    def _wrap(self, method: str, handler: Any) -> Any:
        kind = "_".join(
            "stream" if streams else "unary" for streams in (handler.request_streaming, handler.response_streaming)
        )
        behaviour = getattr(handler, kind)
        record = _Record(method, self._handled, self._seconds)

        async def unary(request: Any, context: Any) -> Any:
            async with _ServedCall(context, record, self._clock):
                self._arrive(context)
                return await behaviour(request, context)

        async def stream(request: Any, context: Any) -> None:
            async with _ServedCall(context, record, self._clock):
                self._arrive(context)
                await respond(behaviour(request, context), context)

        make = getattr(grpc, f"{kind}_rpc_method_handler")
        wrapper = stream if handler.response_streaming else unary
        return make(wrapper, handler.request_deserializer, handler.response_serializer)

    def _arrive(self, context: Any) -> None:
        self._count += 1
        arrive(context, f"{self._prefix}-{self._count}")


class _ServedCall:
    """Around a handler: ends the call with the status that its exception stands for, and records it."""

    __slots__ = ("_began", "_clock", "_context", "_record")

    def __init__(self, context: Any, record: _Record, clock: Clock) -> None:
        self._context = context
        self._record = record
        self._clock = clock
        self._began = clock.monotonic()

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        refusal: FleetError | None = None
        if error is None or isinstance(error, grpc.aio.AbortError):
            code = _set_code(self._context)
        elif isinstance(error, FleetError):
            code, refusal = error.grpc_code, error
        elif isinstance(error, asyncio.CancelledError):
            code, refusal = _of_cancellation()
        elif isinstance(error, Exception):
            _log.error("handler failed", method=self._record.method, exc_info=error)
            code, refusal = Internal.grpc_code, Internal("Internal error occurred: the request failed unexpectedly")
        else:
            code = Internal.grpc_code
        self._record.end(code, self._clock.monotonic() - self._began)
        if refusal is not None:
            await self._context.abort(*to_wire(refusal))


def _of_cancellation() -> tuple[str, FleetError | None]:
    """Tell a call that its client or server ended from a handler that something within it cancelled.

    gRPC leaves the client of the latter without an answer.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        return grpc.StatusCode.CANCELLED.name, None
    return Unavailable.grpc_code, Unavailable("The request was interrupted, try again")


def _set_code(context: Any) -> str:
    """Return the name of the code that a handler has set; one on a socket that set none has None."""
    code = context.code()
    if code is None:
        return grpc.StatusCode.OK.name
    return code.name if isinstance(code, grpc.StatusCode) else _CODES.get(code, "UNKNOWN")


class _Record:
    """One method's log line and metrics, their label lookups done once."""

    def __init__(self, method: str, handled: Counter, seconds: Histogram) -> None:
        _, service, name = method.split("/", 2)
        self.method = method
        self._handled = handled
        self._labels = (service, name)
        self._seconds = seconds.labels(service, name)
        self._counters: dict[str, Counter] = {}

    def end(self, code: str, seconds: float) -> None:
        counter = self._counters.get(code)
        if counter is None:
            counter = self._counters[code] = self._handled.labels(*self._labels, code)
        counter.inc()
        self._seconds.observe(seconds)
        if debugging():
            _log.debug("call", method=self.method, code=code, seconds=seconds)
