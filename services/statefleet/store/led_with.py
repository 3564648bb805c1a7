"""Have one process lead several stores: the others are led where the first one is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from statefleet.coordination.door import Coordination, Leadership, Membership
from statefleet.store.replica import Replica


class _Share:
    """A part in another store's leadership: to resign it leaves that store alone."""

    def __init__(self, leadership: Leadership) -> None:
        self._leadership = leadership

    @property
    def epoch_hint(self) -> int:
        return self._leadership.epoch_hint

    @property
    def lost(self) -> asyncio.Event:
        return self._leadership.lost

    async def resign(self) -> None:
        pass


class LedWith:
    """Coordination in which every campaign is won by who leads another store, for as long as it does."""

    def __init__(self, other: Replica, coordination: Coordination) -> None:
        self._other = other
        self._coordination = coordination

    async def campaign(self, name: str, member: str) -> Leadership:  # noqa: ARG002 -- the other store's counts
        """Return once this process leads the other store."""
        return _Share(await self._other.leading())

    async def leader(self, name: str) -> str:  # noqa: ARG002
        """Return the member that leads the other store, as far as is known; empty: none."""
        return await self._coordination.leader(self._other.name)

    async def join(self, role: str, member: str) -> Membership:
        """Take part in a role."""
        return await self._coordination.join(role, member)

    def members(self, role: str) -> AsyncGenerator[tuple[str, ...], None]:
        """Yield the members of a role."""
        return self._coordination.members(role)
