"""The door to coordination: elections and membership.

What it says may be late or wrong: two may believe that they lead. The log decides; this only makes it quick.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Protocol


class Leadership(Protocol):
    """The outcome of a campaign that was won."""

    @property
    def epoch_hint(self) -> int:
        """A number that likely exceeds those of earlier leaderships of this name."""

    @property
    def lost(self) -> asyncio.Event:
        """Set once the leadership is gone, or may be."""

    async def resign(self) -> None:
        """Give it up, lost or not; the next in line may lead. Repeating it is harmless."""


class Membership(Protocol):
    """A place in a role's members."""

    async def leave(self) -> None:
        """Give it up. Repeating it is harmless."""


class Coordination(Protocol):
    """Elections and membership among the processes of one fleet. Every call may raise Unavailable."""

    async def campaign(self, name: str, member: str) -> Leadership:
        """Wait in line for the leadership of a name and return when won; cancelling it leaves the line."""

    async def leader(self, name: str) -> str:
        """Return the member that leads a name, as far as is known; empty: none."""

    async def join(self, role: str, member: str) -> Membership:
        """Take part in a role until left or this process ends."""

    def members(self, role: str) -> AsyncGenerator[tuple[str, ...], None]:
        """Yield the sorted members of a role: those there are now, then again after each change."""
