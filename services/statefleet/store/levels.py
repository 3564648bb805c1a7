"""Raise a log's feature level once every replica can follow it. `agreed` is pure.

Each replica takes part in a role under its name and the newest level that it knows; the leader raises the level to
the lowest of them. Where membership is wrong, a replica that is too old meets a level that it does not know and
stops, having changed nothing: the log stays right whatever coordination says.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import aclosing

import structlog

from statefleet.coordination.door import Coordination
from statefleet.errors import Unavailable
from statefleet.runtime.clock import Clock

_log = structlog.get_logger(__name__)

_SEPARATOR = "@level-"
_PAUSE_SECONDS = 1.0


def advertised(member: str, level: int) -> str:
    """Return the name under which a replica takes part."""
    return f"{member}{_SEPARATOR}{level}"


def agreed(members: Iterable[str]) -> int:
    """Return the newest level that all replicas know; 0 where there is none, or one that does not say."""
    return min(map(_level, members), default=0)


def _level(name: str) -> int:
    _, found, level = name.rpartition(_SEPARATOR)
    return int(level) if found and level.isascii() and level.isdigit() else 0


class Levels:
    """The feature levels that the replicas of one store know, as coordination tells them."""

    def __init__(self, coordination: Coordination, clock: Clock, store: str, own: str) -> None:
        self._coordination = coordination
        self._clock = clock
        self._role = f"replicas/{store}"
        self._own = own
        self._level = 0
        self._since = 0.0

    def calm(self, seconds: float) -> int:
        """Return the newest level that all replicas know, this one among them, and knew for so long; 0 before."""
        return self._level if self._clock.monotonic() - self._since >= seconds else 0

    async def run(self) -> None:
        """Tell the others what this replica knows, and hear what they do, until cancelled."""
        while True:
            try:
                await self._take_part()
            except Unavailable as error:
                _log.warning("cannot tell the feature level, trying on", role=self._role, error=error.message)
            self._level = 0
            await self._clock.sleep(_PAUSE_SECONDS)

    async def _take_part(self) -> None:
        membership = await self._coordination.join(self._role, self._own)
        try:
            async with aclosing(self._coordination.members(self._role)) as heard:
                async for members in heard:
                    self._level = agreed(members) if self._own in members else 0
                    self._since = self._clock.monotonic()
        finally:
            await membership.leave()
