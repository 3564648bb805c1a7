"""Take part in a role in ZooKeeper: an ephemeral node for each member, made again whenever it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from urllib.parse import quote, unquote

import structlog

from statefleet.coordination.zookeeper_client import ZooKeeperClient
from statefleet.coordination.zookeeper_connection import Connection, Disconnected
from statefleet.errors import Unavailable
from statefleet.runtime.clock import Clock

_log = structlog.get_logger(__name__)

_SEPARATOR = ","
_REFUSED_PAUSE_SECONDS = 5.0


def node_name(member: str, guid: str) -> str:
    """Return the name of a member's node: readable, and another one for each time that the member joined."""
    return f"{quote(member, safe=':')}{_SEPARATOR}{guid}"


def members_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return the sorted members that nodes stand for, each once."""
    return tuple(sorted({unquote(name.rpartition(_SEPARATOR)[0]) for name in names}))


class ZooKeeperMembership:
    """A place in a role's members, kept through lost sessions until it is left."""

    def __init__(self, client: ZooKeeperClient, clock: Clock, path: str, member: str) -> None:
        self._client = client
        self._clock = clock
        self._path = path
        self._data = member.encode()
        self._entered = False
        self._keeping: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None

    async def enter(self, patience: float) -> None:
        """Join, and go on joining. Unavailable where no connection comes within `patience` seconds."""
        while True:
            connection = await self._client.connection(patience)
            self._entered = True
            try:
                await connection.create(self._path, self._data)
                break
            except Disconnected:
                continue
        self._keeping = self._client.tasks.spawn(self._keep(), "membership")

    async def leave(self) -> None:
        """Give it up and return when the node is gone; without a connection it goes later, by itself."""
        self.abandon()
        if self._leaving is not None:
            await self._client.done_or_over(self._leaving)

    def abandon(self) -> None:
        """Give it up as soon as there is a connection."""
        if self._keeping is not None:
            self._keeping.cancel()
        if self._leaving is None and self._entered:
            self._leaving = self._client.later(self._remove, "leave role")

    async def _keep(self) -> None:
        while True:
            try:
                connection = await self._client.connection()
                await connection.create(self._path, self._data)
                node, gone = await connection.watch_node(self._path)
                if node is not None:
                    await gone
            except Disconnected:
                continue
            except Unavailable as error:
                _log.warning("cannot take part", path=self._path, error=error.message)
                await self._clock.sleep(_REFUSED_PAUSE_SECONDS)

    async def _remove(self, connection: Connection) -> None:
        await connection.delete(self._path)
