"""Ask for the end of a log once for all who ask at the same time."""

from __future__ import annotations

import asyncio

from statefleet.store.log import Log


class LogEnd:
    """The end of a log for linearizable reads: never an answer to what was asked before the reader came."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._begun = 0
        self._answered = 0
        self._answer = 0
        self._asking = asyncio.Lock()

    async def get(self) -> int:
        """Return the log's end at a moment after the call. Those who come while it is asked share the next answer.

        Raises what the log raises, to the one who asked; the others ask again.
        """
        wanted = self._begun + 1
        async with self._asking:
            if self._answered < wanted:
                self._begun += 1
                question = self._begun
                self._answer = await self._log.end()
                self._answered = question
            return self._answer
