"""Ask for the end of a log once for all who ask at the same time."""

from __future__ import annotations

import asyncio

from statefleet.errors import Unavailable
from statefleet.runtime.tasks import Tasks
from statefleet.store.log import Log


class LogEnd:
    """The end of a log for linearizable reads: never an answer to what was asked before the reader came.

    One question is under way at a time, as a task of `tasks`; those who come meanwhile share the next one.
    """

    def __init__(self, log: Log, tasks: Tasks) -> None:
        self._log = log
        self._tasks = tasks
        self._newest: asyncio.Task[int] | None = None
        self._unbegun: asyncio.Task[int] | None = None

    async def get(self) -> int:
        """Return the log's end at a moment after the call. Raises what the log raises, to all who share the question.

        Unavailable where the tasks were cancelled meanwhile. A caller that is cancelled leaves the others alone.
        """
        question = self._unbegun
        if question is None:
            question = self._tasks.spawn(self._ask_after(self._newest), "log end", awaited=True)
            self._newest = self._unbegun = question
        await asyncio.wait([question])
        if question.cancelled():
            raise Unavailable("the store has stopped")
        return question.result()

    async def _ask_after(self, earlier: asyncio.Task[int] | None) -> int:
        if earlier is not None:
            await asyncio.wait([earlier])
        self._unbegun = None
        return await self._log.end()
