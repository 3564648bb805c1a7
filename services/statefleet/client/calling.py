"""Call one service: pick a replica, repeat what no replica could answer, raise the errors of our set."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

import grpc.aio

from statefleet.errors import FleetError, NotLeader, Timeout, Unavailable
from statefleet.rpc.hop import depart, request_metadata
from statefleet.rpc.status import from_rpc_error
from statefleet.runtime.clock import Clock
from statefleet.runtime.rand import Rand

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.5
ATTEMPT_SECONDS = 3.0
"""How long one of several replicas may take to answer with a message before the next one is asked."""

R = TypeVar("R")


class ServiceCaller:
    """The calls to one service, over a channel to each of its replicas.

    It begins with any replica, stays with it as long as that answers, and goes to the next after NotLeader,
    Unavailable or no answer. Such calls are repeated after a jittered pause that doubles, until the deadline: whoever
    repeats a write gives it a request identifier, so that it takes effect once.
    """

    def __init__(self, stubs: Sequence[Any], *, clock: Clock, rand: Rand, timeout: float) -> None:
        self._stubs = stubs
        self._clock = clock
        self._rand = rand
        self._timeout = timeout
        self._current = int(rand.uniform(0, len(stubs))) % len(stubs) if len(stubs) > 1 else 0

    async def unary(self, method: str, request: Any, timeout: float | None) -> Any:
        """Call a method that answers with one message. `timeout` in seconds; None: the usual one."""

        async def attempt(stub: Any, remaining: float) -> Any:
            patience = remaining if len(self._stubs) == 1 else min(remaining, ATTEMPT_SECONDS)
            return await getattr(stub, method)(request, timeout=patience, metadata=request_metadata())

        return await self._repeated(attempt, timeout)

    async def gathered(self, method: str, request: Any, timeout: float | None) -> list[Any]:
        """Call a method that answers with a stream, and return all its messages."""

        async def attempt(stub: Any, remaining: float) -> list[Any]:
            call = getattr(stub, method)(request, timeout=remaining, metadata=request_metadata())
            return [message async for message in call]

        return await self._repeated(attempt, timeout)

    async def streamed(self, method: str, request: Any) -> AsyncGenerator[Any, None]:
        """Call a method that answers with an endless stream, and yield its messages. Never repeated.

        Closing the generator ends the stream.
        """
        replica = self._current
        call = getattr(self._stubs[replica], method)(request, timeout=depart(None), metadata=request_metadata())
        try:
            async for message in call:
                yield message
        except grpc.aio.AioRpcError as error:
            failure = from_rpc_error(error)
            if isinstance(failure, NotLeader | Unavailable):
                self._leave(replica)
            raise failure from None
        finally:
            call.cancel()

    async def _repeated(self, attempt: Callable[[Any, float], Awaitable[R]], timeout: float | None) -> R:
        allowed = depart(self._timeout if timeout is None else timeout)
        assert allowed is not None
        began = self._clock.monotonic()
        remaining, failures = allowed, 0
        while True:
            replica = self._current
            try:
                return await attempt(self._stubs[replica], remaining)
            except grpc.aio.AioRpcError as error:
                failure = from_rpc_error(error)
                if not self._may_be_repeated(failure):
                    raise failure from None
            self._leave(replica)
            pause = self._pause(failures)
            failures += 1
            remaining = allowed - (self._clock.monotonic() - began) - pause
            if remaining <= 0:
                raise failure
            await self._clock.sleep(pause)

    def _may_be_repeated(self, failure: FleetError) -> bool:
        """Return whether another replica may do better; a Timeout that says nothing of itself is a silent replica."""
        silent = isinstance(failure, Timeout) and failure.subject is None and len(self._stubs) > 1
        return silent or isinstance(failure, NotLeader | Unavailable)

    def _leave(self, replica: int) -> None:
        if self._current == replica:
            self._current = (replica + 1) % len(self._stubs)

    def _pause(self, failures: int) -> float:
        ceiling = min(FIRST_PAUSE_SECONDS * 2 ** min(failures, 16), LONGEST_PAUSE_SECONDS)
        return self._rand.uniform(ceiling / 2, ceiling)
