"""One RPC in process: the state that both ends share, with the interface of grpc.aio.ServicerContext."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, Protocol

import grpc
import grpc.aio

from statefleet.rpc.identity import ANONYMOUS, Identity
from statefleet.rpc.inprocess_outcome import OK, Metadata, Outcome, Pairs, checked, sealed
from statefleet.rpc.inprocess_pipe import Pipe


class Cancellable(Protocol):
    """What runs a handler."""

    def cancel(self) -> bool:
        """Cancel the handler."""


class ServerContext:
    """What a handler is given. Compatible with grpc.aio.ServicerContext; `identity` is the caller's."""

    __slots__ = (
        "_callbacks",
        "_waiters",
        "aborted",
        "channel",
        "deadline",
        "driver",
        "identity",
        "initial",
        "limit",
        "loop",
        "metadata",
        "method",
        "outcome",
        "own_code",
        "own_details",
        "request_deserializer",
        "requests",
        "response_serializer",
        "responses",
        "timer",
        "trailing",
        "wait_for_ready",
    )

    def __init__(
        self,
        method: str,
        metadata: Metadata,
        identity: Identity,
        loop: asyncio.AbstractEventLoop,
        timeout: float | None,
        wait_for_ready: bool,
        limit: int,
    ) -> None:
        self.method = method
        self.metadata = metadata
        self.identity = identity
        self.loop = loop
        self.deadline = None if timeout is None else loop.time() + timeout
        self.wait_for_ready = wait_for_ready
        self.limit = limit
        self.channel: object = None
        self.outcome: Outcome | None = None
        self.initial: Metadata | None = None
        self.trailing: Metadata = ()
        self.aborted = False
        self.own_code: grpc.StatusCode | None = None
        self.own_details = ""
        self.driver: Cancellable | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.request_deserializer: Callable[[bytes], Any] = bytes
        self.response_serializer: Callable[[Any], bytes] = bytes
        self.requests: Pipe | None = None
        self.responses: Pipe | None = None
        self._callbacks: list[Callable[[], None]] | None = None
        self._waiters: list[asyncio.Future[None]] | None = None

    # What the transport does.

    def conclude(self, outcome: Outcome) -> None:
        """End the RPC: the first outcome counts."""
        if self.outcome is not None:
            return
        self.outcome = outcome
        if self.initial is None:
            self.initial = ()
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.responses is not None:
            self.responses.end()
        if self.requests is not None:
            self.requests.abandon()
        if self._waiters is not None:
            self._wake()
        if self._callbacks is not None:
            for callback in self._callbacks:
                self.loop.call_soon(callback)

    def interrupt(self, outcome: Outcome) -> None:
        """End the RPC from outside its handler, which is cancelled. No effect on an RPC that has ended."""
        if self.outcome is not None:
            return
        self.conclude(outcome)
        if self.responses is not None:
            self.responses.abandon()
        if self.driver is not None:
            self.driver.cancel()

    def result(self) -> Outcome:
        """Return how an RPC ends whose handler has returned."""
        code = self.own_code
        if code is None or code is grpc.StatusCode.OK:
            return Outcome(grpc.StatusCode.OK, self.own_details, self.trailing) if self.trailing else OK
        return Outcome(code, self.own_details, self.trailing)

    def failure(self, details: str) -> Outcome:
        """Return how an RPC ends whose handler raised."""
        code = self.own_code
        if code is None or code is grpc.StatusCode.OK:
            code = grpc.StatusCode.UNKNOWN
        return Outcome(code, details, self.trailing)

    async def ended(self) -> Outcome:
        """Return how the RPC ended, once it has."""
        while self.outcome is None:
            await self._changed()
        return self.outcome

    async def initial_sent(self) -> Metadata:
        """Return the initial metadata, once sent."""
        while self.initial is None:
            await self._changed()
        return self.initial

    def on_end(self, callback: Callable[[], None]) -> None:
        """Call back after the RPC has ended."""
        if self.outcome is not None:
            self.loop.call_soon(callback)
        elif self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)

    async def _changed(self) -> None:
        waiter = self.loop.create_future()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        await waiter

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    # What a handler may do, as grpc.aio.ServicerContext has it.

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Pairs = ()) -> NoReturn:
        """End the RPC with an error. Always raises."""
        if self.aborted:
            raise grpc.aio.UsageError("Abort already called!")
        if code is grpc.StatusCode.OK:
            code, details = grpc.StatusCode.UNKNOWN, "StatusCode.OK can not be used with abort()"
        if trailing_metadata:
            self.trailing = sealed(trailing_metadata)
        self.aborted = True
        self.own_code, self.own_details = code, details
        self.conclude(Outcome(code, details, self.trailing))
        raise grpc.aio.AbortError("Locally aborted.")

    async def abort_with_status(self, status: Any) -> NoReturn:
        """End the RPC with a grpc.Status. Always raises."""
        await self.abort(status.code, status.details, status.trailing_metadata)

    async def send_initial_metadata(self, initial_metadata: Pairs) -> None:
        """Send the initial metadata, which can be done once, before the first message."""
        if self.initial is not None:
            raise grpc.aio.UsageError("Send initial metadata failed: already sent")
        self.initial = sealed(initial_metadata)
        self._wake()

    async def read(self) -> Any:
        """Return the client's next message, EOF at the end."""
        if self.requests is None:
            raise grpc.aio.UsageError("this RPC has no stream of requests")
        data = await self.requests.read()
        if data is None:
            return grpc.aio.EOF
        return self.request_deserializer(checked(data, self.limit, "SERVER"))

    async def write(self, message: Any) -> None:
        """Send a message, waiting where the client is far behind."""
        if self.responses is None:
            raise grpc.aio.UsageError("this RPC has no stream of responses")
        if self.initial is None:
            self.initial = ()
            self._wake()
        data = checked(self.response_serializer(message), self.limit, "CLIENT")
        if not await self.responses.write(data):
            raise grpc.aio.UsageError("RPC already finished.")

    def set_trailing_metadata(self, trailing_metadata: Pairs) -> None:
        """Set what is sent with the status."""
        self.trailing = sealed(trailing_metadata)

    def set_code(self, code: grpc.StatusCode) -> None:
        """Set the status code with which the RPC ends when the handler returns."""
        self.own_code = code

    def set_details(self, details: str) -> None:
        """Set the status text with which the RPC ends when the handler returns."""
        self.own_details = details

    def code(self) -> grpc.StatusCode:
        """Return what set_code set."""
        return self.own_code or grpc.StatusCode.OK

    def details(self) -> str:
        """Return what set_details set."""
        return self.own_details

    def trailing_metadata(self) -> Metadata:
        """Return what set_trailing_metadata set."""
        return self.trailing

    def invocation_metadata(self) -> Metadata:
        """Return the client's metadata."""
        return self.metadata

    def set_compression(self, compression: grpc.Compression) -> None:
        """Accept and ignore: nothing is compressed in process."""

    def disable_next_message_compression(self) -> None:
        """Accept and ignore: nothing is compressed in process."""

    def peer(self) -> str:
        """Return where the caller is, in the form of grpc's addresses."""
        return f"inprocess:{self.identity.name}"

    def peer_identities(self) -> Iterable[bytes] | None:
        """Return the caller's name; None where it is anonymous."""
        return None if self.identity == ANONYMOUS else [self.identity.name.encode()]

    def peer_identity_key(self) -> str | None:
        """Return the property of auth_context that names the caller."""
        return None if self.identity == ANONYMOUS else "x509_common_name"

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Return the transport's security and the caller's name."""
        transport: dict[str, Iterable[bytes]] = {"transport_security_type": [b"inprocess"]}
        names = self.peer_identities()
        return transport if names is None else {**transport, "x509_common_name": names}

    def time_remaining(self) -> float | None:
        """Return the seconds until the deadline; None where there is none."""
        return None if self.deadline is None else max(self.deadline - self.loop.time(), 0.0)

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call back with this context after the RPC has ended."""
        self.on_end(lambda: callback(self))

    def cancelled(self) -> bool:
        """Return whether the RPC was cancelled or its deadline passed."""
        codes = (grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED)
        return self.outcome is not None and self.outcome.code in codes

    def done(self) -> bool:
        """Return whether the RPC has ended."""
        return self.outcome is not None
