"""The machine's time, which a test can make leap ahead: whoever sleeps until then wakes."""

from __future__ import annotations

import asyncio

from statefleet.runtime.clock import SystemClock


class LeapingClock(SystemClock):
    def __init__(self) -> None:
        self._ahead = 0.0
        self._sleepers: dict[asyncio.Future[None], float] = {}

    def now(self) -> float:
        return super().now() + self._ahead

    def monotonic(self) -> float:
        return super().monotonic() + self._ahead

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        sleeper: asyncio.Future[None] = loop.create_future()
        self._sleepers[sleeper] = self.monotonic() + seconds
        timer = loop.call_later(seconds, _wake, sleeper)
        try:
            await sleeper
        finally:
            timer.cancel()
            del self._sleepers[sleeper]

    def leap(self, seconds: float) -> None:
        """Have so much time pass at once."""
        self._ahead += seconds
        for sleeper, until in list(self._sleepers.items()):
            if until <= self.monotonic():
                _wake(sleeper)


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)
