"""A number that rises, and those who wait until it has reached theirs."""

from __future__ import annotations

import asyncio
from heapq import heapify, heappop, heappush
from itertools import count


class Waterline:
    """Waiting for a level costs nothing while it rises below it."""

    def __init__(self, level: int = 0) -> None:
        self.level = level
        self._order = count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._given_up = 0
        self._failure: Exception | None = None

    def rise(self, level: int) -> None:
        """Set the level and release those who waited for it or for less."""
        self.level = level
        waiting = self._waiting
        while waiting and waiting[0][0] <= level:
            waiter = heappop(waiting)[2]
            if not waiter.done():
                waiter.set_result(None)

    async def reach(self, level: int) -> None:
        """Return once the level is at least this. Raises what `fail` was given."""
        if self.level >= level:
            return
        if self._failure is not None:
            raise self._failure
        waiter = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (level, next(self._order), waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            self._give_up()
            raise

    def _give_up(self) -> None:
        """Forget those who no longer wait, when they are as many as those who do: their level may never come."""
        self._given_up += 1
        if 2 * self._given_up >= len(self._waiting):
            self._given_up = 0
            self._waiting = [waiting for waiting in self._waiting if not waiting[2].done()]
            heapify(self._waiting)

    def fail(self, error: Exception) -> None:
        """Raise an error to those who wait, now and later: the level rises no more."""
        self._failure = error
        waiting, self._waiting = self._waiting, []
        for _, _, waiter in waiting:
            if not waiter.done():
                waiter.set_exception(error)
