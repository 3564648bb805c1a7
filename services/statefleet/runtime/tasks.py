"""Owned tasks: each is named, its failure is logged and reported, and it ends with its owner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Self

import structlog

from statefleet.errors import FleetError

_log = structlog.get_logger(__name__)


class Tasks:
    """Tasks that live no longer than the `async with` block around them.

    A task that fails is logged and, where `on_failure` is given, reported to it; its siblings go on. Leaving the
    block cancels what still runs, newest first, and waits for it.
    """

    def __init__(self, name: str, on_failure: Callable[[str, BaseException], None] | None = None) -> None:
        self._name = name
        self._on_failure = on_failure
        self._tasks: dict[asyncio.Task[Any], None] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cancel()

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, coroutine: Coroutine[Any, Any, Any], name: str, *, awaited: bool = False) -> asyncio.Task[Any]:
        """Run a coroutine as a task of this owner.

        `awaited` says that somebody waits for its outcome: a failure is then theirs to see, and nothing is logged.
        """
        task = asyncio.get_running_loop().create_task(coroutine, name=f"{self._name}/{name}")
        self._tasks[task] = None
        task.add_done_callback(self._awaited if awaited else self._done)
        return task

    async def cancel(self) -> None:
        """Cancel every task, newest first, and wait until all have ended."""
        while self._tasks:
            tasks = list(self._tasks)
            for task in reversed(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for task in tasks:
                self._tasks.pop(task, None)

    def _awaited(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled():
            task.exception()  # seen: who waited may have been cancelled just before

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            if isinstance(error, FleetError):  # Foreseen, and its message says what is the matter.
                _log.error("task failed", task=task.get_name(), error=error.message)
            else:
                _log.error("task failed", task=task.get_name(), exc_info=error)
            if self._on_failure is not None:
                self._on_failure(task.get_name(), error)
