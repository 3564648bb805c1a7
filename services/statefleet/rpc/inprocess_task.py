"""A handler's own task, run within the task that awaits its answer."""

from __future__ import annotations

import asyncio
from asyncio import _enter_task, _leave_task
from collections.abc import Coroutine, Generator
from contextvars import Context
from typing import Any


class HandlerTask:
    """What asyncio.current_task() is within the handler of a call with one response.

    The task that awaits the answer runs it step by step, so that an answer costs no turn of the event loop. Yet it
    has context variables and a cancellation of its own: neither a timeout nor a task group in the handler touches the
    caller, and when the caller leaves, another can run the rest. Built on the hooks that asyncio documents for
    implementations of tasks (_enter_task, _leave_task).
    """

    __slots__ = ("_cancels", "_coroutine", "_done", "_loop", "_must_cancel", "_name", "_run", "result", "waited")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop, name: str) -> None:
        self._coroutine = coroutine
        self._loop = loop
        self._name = name
        self._run = Context().run
        self._cancels = 0
        self._must_cancel = False
        self._done = False
        self.waited: Any = None
        """What it waits for, as the coroutine yielded it: a future, or None for one turn of the loop."""
        self.result: Any = None
        """What the coroutine returned; None where it was cancelled."""

    def step(self, error: BaseException | None) -> bool:
        """Run to the next suspension, `error` thrown in where there is one; True where the coroutine has ended."""
        if self._must_cancel:
            self._must_cancel = False
            if not isinstance(error, asyncio.CancelledError):
                error = asyncio.CancelledError()
        loop, coroutine = self._loop, self._coroutine
        outer: Any = asyncio.current_task(loop)
        self.waited = None
        _leave_task(loop, outer)
        _enter_task(loop, self)  # type: ignore[arg-type]  # any object with a task's methods will do
        try:
            self.waited = self._run(coroutine.send, None) if error is None else self._run(coroutine.throw, error)
        except StopIteration as stop:
            self.result = stop.value
            self._done = True
        except asyncio.CancelledError:
            self._done = True
        finally:
            _leave_task(loop, self)  # type: ignore[arg-type]
            _enter_task(loop, outer)
        if self._must_cancel and self.waited is not None and self.waited.cancel():
            self._must_cancel = False
        return self._done

    def rest(self) -> Generator[Any, Any, None]:
        """Run what remains, on behalf of a task that awaits it, after a step that did not end it."""
        error: BaseException | None = None
        while True:
            try:
                yield self.waited
            except GeneratorExit:
                self.close()
                raise
            except BaseException as thrown:  # noqa: BLE001 -- it belongs to the coroutine
                error = thrown
            else:
                error = None
            if self.step(error):
                return

    def close(self) -> None:
        """End the coroutine without waiting, as where the loop itself ends."""
        self._done = True
        self._run(self._coroutine.close)

    # What asyncio and its users ask of a task.

    def cancel(self, msg: Any = None) -> bool:  # noqa: ARG002 -- a task's signature
        """Throw CancelledError into the coroutine at its suspension; False where it has ended."""
        if self._done:
            return False
        self._cancels += 1
        if self.waited is None or not self.waited.cancel():
            self._must_cancel = True
        return True

    def mark_cancelled(self) -> None:
        """Count a cancellation whose CancelledError is being thrown in already."""
        self._cancels += 1

    def cancelling(self) -> int:
        """Return how many cancellations were asked for and not taken back."""
        return self._cancels

    def uncancel(self) -> int:
        """Take a cancellation back; return how many remain."""
        if self._cancels > 0:
            self._cancels -= 1
        return self._cancels

    def done(self) -> bool:
        """Return whether the coroutine has ended."""
        return self._done

    def get_name(self) -> str:
        """Return the name of the method called."""
        return self._name

    def get_coro(self) -> Coroutine[Any, Any, Any]:
        """Return the coroutine."""
        return self._coroutine

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop."""
        return self._loop
