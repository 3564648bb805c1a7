"""Wait before something that failed is tried again: longer from failure to failure, never so long that it is felt."""

from __future__ import annotations

from statefleet.runtime.clock import SystemClock

_FIRST_SECONDS = 0.05
_LONGEST_SECONDS = 0.5
_GROWTH = 1.5


class Backoff:
    """The pauses of one who tries again and again."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._seconds = _FIRST_SECONDS

    def succeeded(self) -> None:
        """Begin anew with short pauses."""
        self._seconds = _FIRST_SECONDS

    async def pause(self) -> None:
        """Return when it is time to try again."""
        seconds, self._seconds = self._seconds, min(self._seconds * _GROWTH, _LONGEST_SECONDS)
        await self._clock.sleep(seconds)
