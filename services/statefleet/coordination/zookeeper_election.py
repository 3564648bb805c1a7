"""Stand in line for a leadership in ZooKeeper, and hold it.

A candidate is an ephemeral sequential node, whose data is the member. Its name begins with an identifier of the
candidate's own, so that a create whose answer was lost is found again and not made twice.
"""

from __future__ import annotations

import asyncio

from statefleet.coordination.election import Follow, Lead, Rejoin, decide, in_line
from statefleet.coordination.zookeeper_client import ZooKeeperClient
from statefleet.coordination.zookeeper_connection import Connection, Disconnected, Watch


class ZooKeeperLeadership:
    """A leadership, until its connection is over, its node is gone, or it is resigned.

    `epoch_hint` is the number of the change, in ZooKeeper's whole history, that put the candidate in line: it grows
    from each leadership to the next. A ZooKeeper that was wiped begins anew; the log's own epoch covers that.
    """

    def __init__(self, candidate: Candidate, epoch_hint: int, gone: Watch) -> None:
        self._candidate = candidate
        self._gone = gone
        self.epoch_hint = epoch_hint
        self.lost = asyncio.Event()
        gone.add_done_callback(self._on_gone)

    def _on_gone(self, _: Watch) -> None:
        self.lost.set()
        self._candidate.leave()

    async def resign(self) -> None:
        """Give it up and return when the node is gone; without a connection it goes later, by itself."""
        self.lost.set()
        await self._candidate.left()


class Candidate:
    """One who stands in line for a name."""

    def __init__(self, client: ZooKeeperClient, line: str, guid: str, member: str) -> None:
        self._client = client
        self._line = line
        self._guid = guid
        self._data = member.encode()
        self._entered = False
        self._leaving: asyncio.Task[None] | None = None

    async def win(self, patience: float) -> ZooKeeperLeadership:
        """Return once this candidate leads. Unavailable where no connection comes within `patience` seconds."""
        while True:
            connection = await self._client.connection(patience)
            try:
                won = await self._stand(connection)
            except Disconnected:
                continue
            if won is not None:
                return won

    def leave(self) -> None:
        """Leave the line, as soon as there is a connection."""
        if self._leaving is None and self._entered:
            self._leaving = self._client.later(self._remove, "leave line")

    async def left(self) -> None:
        """Leave the line and return when that is done, or the connection is over before."""
        self.leave()
        if self._leaving is not None:
            await self._client.done_or_over(self._leaving)

    async def _stand(self, connection: Connection) -> ZooKeeperLeadership | None:
        """Take the next step in line; the leadership once it is won."""
        nodes = await connection.children(self._line)
        own = next((node for node in in_line(nodes) if node.startswith(self._guid)), "")
        match decide(own, nodes):
            case Rejoin():
                self._entered = True
                await connection.create(f"{self._line}/{self._guid}-", self._data, sequence=True)
            case Follow(after):
                before, gone = await connection.watch_node(f"{self._line}/{after}")
                if before is not None:
                    await gone
            case Lead():
                return await self._take(connection, f"{self._line}/{own}")
        return None

    async def _take(self, connection: Connection, path: str) -> ZooKeeperLeadership | None:
        node, gone = await connection.watch_node(path)
        if node is None:
            return None
        if node.owner != connection.session:
            await gone  # the node of a session of ours that has died, and that this server still shows
            return None
        return None if gone.done() else ZooKeeperLeadership(self, node.created_by, gone)

    async def _remove(self, connection: Connection) -> None:
        for node in await connection.children(self._line):
            if node.startswith(self._guid):
                await connection.delete(f"{self._line}/{node}")
