"""One RPC in process: the state that both ends share, with the interface of grpc.aio.ServicerContext."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
import grpc.aio

from statefleet.rpc.identity import ANONYMOUS, Identity
from statefleet.rpc.inprocess_pipe import Pipe

Metadata = tuple[tuple[str, str | bytes], ...]
Pairs = grpc.aio.Metadata | Sequence[tuple[str, str | bytes]]

_KEY = re.compile(r"[0-9a-z_.-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an RPC ended. `local` where the client itself cancelled it."""

    code: grpc.StatusCode
    details: str = ""
    trailing: Metadata = ()
    local: bool = False


OK = Outcome(grpc.StatusCode.OK)
DEADLINE_EXCEEDED = Outcome(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
CANCELLED_BY_CLIENT = Outcome(grpc.StatusCode.CANCELLED, "Locally cancelled by application!", local=True)
CANCELLED_BY_SERVER = Outcome(grpc.StatusCode.CANCELLED, "Cancelled on the server side")
STOPPED = Outcome(grpc.StatusCode.UNAVAILABLE, "Cancelling all calls")
NOT_SERVING = Outcome(grpc.StatusCode.UNAVAILABLE, "The server does not accept calls")
UNIMPLEMENTED = Outcome(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


class RefusedError(Exception):
    """The transport, not a handler, ends the RPC."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.details)
        self.outcome = outcome


def checked(data: bytes, limit: int, receiver: str) -> bytes:
    """Return a message that its receiver (SERVER or CLIENT) accepts; RefusedError where it is larger than `limit`."""
    if len(data) > limit:
        details = f"{receiver}: Received message larger than max ({len(data)} vs. {limit})"
        raise RefusedError(Outcome(grpc.StatusCode.RESOURCE_EXHAUSTED, details))
    return data


def sealed(pairs: Pairs | None) -> Metadata:
    """Return metadata as it would arrive at the other end. Raises what grpc.aio raises for what it cannot carry."""
    if not pairs:
        return ()
    return tuple(_sealed_pair(key, value) for key, value in pairs)


def _sealed_pair(key: str, value: str | bytes) -> tuple[str, str | bytes]:
    if not _KEY.fullmatch(key):
        raise grpc.aio.InternalError(f"Illegal header key: {key!r}")
    if key.endswith("-bin"):
        if not isinstance(value, bytes):
            raise TypeError(f'Binary metadata key="{key}" expected bytes, got {type(value)}')
        return key, value
    text = value.decode("ascii") if isinstance(value, bytes) else value
    if not _VALUE.fullmatch(text):
        raise grpc.aio.InternalError(f"Illegal header value of {key!r}")
    return key, text


class ServerContext:
    """What a handler is given. Compatible with grpc.aio.ServicerContext; `identity` is the caller's."""

    __slots__ = (
        "_callbacks",
        "_waiters",
        "channel",
        "deadline",
        "driver",
        "identity",
        "initial",
        "interruption",
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
        "struck",
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
        self.struck = False
        self.channel: object = None
        self.outcome: Outcome | None = None
        self.interruption: Outcome | None = None
        self.initial: Metadata | None = None
        self.trailing: Metadata = ()
        self.own_code: grpc.StatusCode | None = None
        self.own_details = ""
        self.driver: asyncio.Task[Any] | None = None
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
        if self.outcome is not None or self.interruption is not None:
            return
        if self.responses is not None or self.driver is None:
            self.conclude(outcome)
            if self.responses is not None:
                self.responses.abandon()
            if self.driver is not None:
                self.driver.cancel()
        else:
            self.interruption = outcome
            self.loop.call_soon(self._strike)

    def _strike(self) -> None:
        # The driver is the caller's task. In a callback of the loop it is surely suspended within this call, or done
        # with it: a cancellation sent now cannot reach it later, outside the call.
        if self.driver is not None:
            self.struck = True
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
        if self.outcome is not None and not self.outcome.local and self.outcome.code is self.own_code:
            raise grpc.aio.UsageError("Abort already called!")
        if code is grpc.StatusCode.OK:
            code, details = grpc.StatusCode.UNKNOWN, "StatusCode.OK can not be used with abort()"
        if trailing_metadata:
            self.trailing = sealed(trailing_metadata)
        self.own_code, self.own_details = code, details
        if self.interruption is None:
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
        outcome = self.outcome or self.interruption
        return outcome is not None and outcome.code in (
            grpc.StatusCode.CANCELLED,
            grpc.StatusCode.DEADLINE_EXCEEDED,
        )

    def done(self) -> bool:
        """Return whether the RPC has ended."""
        return self.outcome is not None
