"""Know which shards are this worker's: those for which it ranks first among the workers that are alive."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from statefleet.coordination.door import Coordination
from statefleet.coordination.rendezvous import owner
from statefleet.errors import Unavailable
from statefleet.runtime.clock import Clock

ROLE = "workers"
_RETRY_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class Shares:
    """One worker's place among the workers. Before it has one, nothing is its own.

    What it believes may be late: the claims in the services' logs see to it that two never act on one shard.
    """

    def __init__(self, coordination: Coordination, holder: str, clock: Clock) -> None:
        self._coordination = coordination
        self._holder = holder
        self._clock = clock
        self._members: tuple[str, ...] = ()

    def owns(self, shard: str) -> bool:
        """Return whether a shard is this worker's."""
        return self._holder in self._members and owner(shard, self._members) == self._holder

    async def follow(self, changed: Callable[[], object]) -> None:
        """Take part until cancelled, and call back whenever the workers have changed."""
        while True:
            try:
                await self._take_part(changed)
            except Unavailable as error:
                _log.warning("workers not known", error=error.message)
            await self._clock.sleep(_RETRY_SECONDS)

    async def _take_part(self, changed: Callable[[], object]) -> None:
        membership = await self._coordination.join(ROLE, self._holder)
        try:
            async for members in self._coordination.members(ROLE):
                _log.info("workers", members=len(members))
                self._members = members
                changed()
        finally:
            self._members = ()
            await membership.leave()
