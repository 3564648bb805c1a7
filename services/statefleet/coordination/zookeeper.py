"""Coordination through ZooKeeper: elections and membership among the processes of a fleet, on any number of hosts.

Below the root, `elections/NAME` holds the candidates of a name and `members/ROLE` the members of a role. A leadership
ends at the first sign of trouble, when the connection breaks and long before the session is over; places in line and
in roles are kept through short breaks.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Self
from urllib.parse import quote

from statefleet.coordination.election import in_line
from statefleet.coordination.zookeeper_client import ZooKeeperClient
from statefleet.coordination.zookeeper_connection import Disconnected
from statefleet.coordination.zookeeper_election import Candidate, ZooKeeperLeadership
from statefleet.coordination.zookeeper_membership import ZooKeeperMembership, members_of, node_name
from statefleet.coordination.zookeeper_settings import ZooKeeperSettings
from statefleet.errors import Subject, Unavailable
from statefleet.runtime.clock import Clock, SystemClock
from statefleet.runtime.rand import Rand, SystemRand

__all__ = ["ZooKeeperCoordination", "ZooKeeperSettings"]


class ZooKeeperCoordination:
    """A `Coordination` within its `async with` block; leaving it ends the session, and all that was held by it.

    Where ZooKeeper is away, campaigning and joining wait for one session timeout before they are Unavailable.
    """

    def __init__(self, settings: ZooKeeperSettings, *, clock: Clock | None = None, rand: Rand | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._rand = rand or SystemRand()
        self._client = ZooKeeperClient(settings, self._clock)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.__aexit__()

    @property
    def session_timeout_seconds(self) -> float | None:
        """The session timeout that the servers granted; None before they did.

        A process that falls silent holds what it leads for so long, and a tick of the servers more at most.
        """
        return self._client.session_timeout_seconds

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._client.current is not None

    async def campaign(self, name: str, member: str) -> ZooKeeperLeadership:
        """Wait in line for the leadership of a name and return when won; cancelling leaves the line. Unavailable."""
        candidate = Candidate(self._client, self._line(name), self._rand.uuid(), member)
        try:
            return await candidate.win(self._settings.session_timeout_seconds)
        except BaseException:
            candidate.leave()
            raise

    async def leader(self, name: str) -> str:
        """Return the member that leads a name, as far as is known; empty: none. Unavailable without a connection."""
        connection = self._client.current
        if connection is None:
            raise Unavailable("ZooKeeper cannot be reached now", Subject(retry_after_seconds=1))
        line = self._line(name)
        try:
            while first := in_line(await connection.children(line))[:1]:
                node = await connection.read(f"{line}/{first[0]}")
                if node is not None:
                    return node.data.decode()
        except Disconnected:
            raise Unavailable("the connection to ZooKeeper broke", Subject(retry_after_seconds=1)) from None
        return ""

    async def join(self, role: str, member: str) -> ZooKeeperMembership:
        """Take part in a role until left or this process ends, through lost sessions too. Unavailable."""
        path = f"{self._role(role)}/{node_name(member, self._rand.uuid())}"
        membership = ZooKeeperMembership(self._client, self._clock, path, member)
        try:
            await membership.enter(self._settings.session_timeout_seconds)
        except BaseException:
            membership.abandon()
            raise
        return membership

    async def members(self, role: str) -> AsyncGenerator[tuple[str, ...], None]:
        """Yield the sorted members of a role: those there are now, then again after each change.

        While ZooKeeper is away it waits. Unavailable only where ZooKeeper refuses, or this process has left it.
        """
        seen: tuple[str, ...] | None = None
        while True:
            connection = await self._client.connection()
            try:
                names, changed = await connection.watch_children(self._role(role))
            except Disconnected:
                continue
            now = members_of(names)
            if now != seen:
                seen = now
                yield now
            await changed

    def _line(self, name: str) -> str:
        return f"{self._settings.root}/elections/{quote(name, safe='')}"

    def _role(self, role: str) -> str:
        return f"{self._settings.root}/members/{quote(role, safe='')}"
