"""A call in process with one response, whose handler is run by the task that awaits it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator
from typing import Any

import grpc
import grpc.aio

from statefleet.rpc.inprocess_call import Deserializer, InProcessCall, Server
from statefleet.rpc.inprocess_context import ServerContext
from statefleet.rpc.inprocess_outcome import CANCELLED_BY_CLIENT, CANCELLED_BY_SERVER, DEADLINE_EXCEEDED, Outcome
from statefleet.rpc.inprocess_task import HandlerTask


class UnaryResponseCall(InProcessCall):
    """A call with one response.

    The first to await it runs the handler; a call that nobody awaits at once gets a task at the loop's next turn.
    Whatever ends the call releases those who await it: a handler that goes on after that gets a task of its own.
    """

    def __init__(self, server: Server, context: ServerContext, deserializer: Deserializer, data: bytes) -> None:
        super().__init__(server, context, deserializer)
        self._data = data
        self._response: Any = None
        self._started = False
        self._kick = context.loop.call_soon(self._start)

    def __await__(self) -> Generator[Any, None, Any]:
        if self._started or self._context.outcome is not None:
            return self._wait().__await__()
        self._started = True
        self._kick.cancel()
        return self._drive()

    def _start(self) -> None:
        if not self._started and self._context.outcome is None:
            self._started = True
            self._server.spawn(self._run(), self._context.method)

    async def _run(self) -> None:
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.CancelledError):
            await _Awaitable(self._drive())

    async def _wait(self) -> Any:
        try:
            return self._result(await self._context.ended())
        except asyncio.CancelledError:
            self.cancel()
            raise

    def _drive(self) -> Generator[Any, None, Any]:
        context = self._context
        if context.deadline is not None and context.deadline <= context.loop.time():
            context.conclude(DEADLINE_EXCEEDED)
            return self._result(DEADLINE_EXCEEDED)
        handler = HandlerTask(self._server.serve_unary(context, self._data), context.loop, context.method)
        context.driver = handler
        cancelled = yield from self._steps(handler)
        outcome = context.outcome
        if outcome is None:
            # The handler was cancelled from within.
            context.conclude(outcome := CANCELLED_BY_SERVER)
        if cancelled:
            raise asyncio.CancelledError
        if outcome.code is grpc.StatusCode.OK:
            self._response = self._deserializer(handler.result)
        return self._result(outcome)

    def _steps(self, handler: HandlerTask) -> Generator[Any, None, bool]:
        """Run the handler until the call has ended; return whether the task that awaits it was cancelled."""
        context = self._context
        caller = asyncio.current_task()
        assert caller is not None
        before, cancelled = caller.cancelling(), False
        error: BaseException | None = None
        while not handler.step(error):
            if context.outcome is not None:
                self._server.spawn(_finish(handler), context.method)
                break
            if context.deadline is not None and context.timer is None:
                context.timer = context.loop.call_at(context.deadline, context.interrupt, DEADLINE_EXCEEDED)
            try:
                yield handler.waited
            except GeneratorExit:
                context.conclude(CANCELLED_BY_CLIENT)
                handler.close()
                raise
            except BaseException as thrown:  # noqa: BLE001 -- it belongs to the handler
                error = thrown
                if caller.cancelling() > before:
                    cancelled = True
                    handler.mark_cancelled()
                    context.conclude(CANCELLED_BY_CLIENT)
            else:
                error = None
        return cancelled

    def _result(self, outcome: Outcome) -> Any:
        self._raise_for(outcome)
        return self._response


class _Awaitable:
    """Makes a generator awaitable."""

    def __init__(self, steps: Generator[Any, Any, Any]) -> None:
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._steps


async def _finish(handler: HandlerTask) -> None:
    await _Awaitable(handler.rest())
