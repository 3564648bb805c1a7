"""What stands in ZooKeeper, seen by a client of the tests' own; and the end of somebody else's session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from statefleet.coordination.zookeeper import ZooKeeperCoordination

_QUIET = logging.Logger("kazoo of the tests")  # noqa: LOG001
"""Apart from the tree: what is logged there is the product's."""


class ZooKeeperView:
    """Reads below one root, and waits for what is expected there."""

    def __init__(self, kazoo: KazooClient, root: str) -> None:
        self._kazoo = kazoo
        self._root = root

    async def line(self, name: str) -> list[str]:
        """Return the members that stand in line for a name, in their order."""
        return await asyncio.to_thread(self._line, f"{self._root}/elections/{name}")

    async def until_line(self, name: str, expected: list[str]) -> None:
        """Wait until exactly these stand in line, in this order."""
        await self._until(lambda: self._line(f"{self._root}/elections/{name}"), expected)

    async def until_standing(self, name: str, count: int) -> None:
        """Wait until so many stand in line for a name."""
        await self._until(lambda: len(self._children(f"{self._root}/elections/{name}")), count)

    async def owner_of_first(self, name: str) -> int:
        """Return the session of who stands first in line for a name."""
        path = f"{self._root}/elections/{name}"
        first = min(await asyncio.to_thread(self._children, path), key=lambda node: node[-10:])
        _, stat = await asyncio.to_thread(self._kazoo.get, f"{path}/{first}")
        owner: int = stat.ephemeralOwner
        return owner

    async def until_members(self, role: str, count: int) -> None:
        """Wait until a role has so many nodes."""
        await self._until(lambda: len(self._children(f"{self._root}/members/{role}")), count)

    async def remove_below(self, path: str) -> None:
        """Delete the nodes below one, as an operator's hand might."""
        path = f"{self._root}{path}"
        for name in await asyncio.to_thread(self._children, path):
            await asyncio.to_thread(self._kazoo.delete, f"{path}/{name}")

    async def acls(self, path: str) -> list[tuple[str, str]]:
        """Return the scheme and the identity of each entry of a node's ACL."""
        acls, _ = await asyncio.to_thread(self._kazoo.get_acls, f"{self._root}{path}")
        return [(acl.id.scheme, acl.id.id) for acl in acls]

    async def _until(self, look: Callable[[], Any], expected: Any) -> None:
        seen = None
        try:
            async with asyncio.timeout(20):
                while (seen := await asyncio.to_thread(look)) != expected:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"saw {seen!r}, not {expected!r}") from None

    def _line(self, path: str) -> list[str]:
        nodes = sorted(self._children(path), key=lambda node: node[-10:])
        try:
            return [self._kazoo.get(f"{path}/{node}")[0].decode() for node in nodes]
        except NoNodeError:
            return self._line(path)

    def _children(self, path: str) -> list[str]:
        try:
            names: list[str] = self._kazoo.get_children(path)
        except NoNodeError:
            return []
        return names


@asynccontextmanager
async def zookeeper_view(hosts: str, root: str, *, credential: str = "") -> AsyncIterator[ZooKeeperView]:
    """Connect a view; `credential` is user:password."""
    kazoo = KazooClient(hosts, auth_data=[("digest", credential)] if credential else None, logger=_QUIET)
    await asyncio.to_thread(kazoo.start)
    try:
        yield ZooKeeperView(kazoo, root)
    finally:
        await asyncio.to_thread(kazoo.stop)
        kazoo.close()


async def expire(coordination: ZooKeeperCoordination, hosts: str) -> None:
    """End the session of a coordination at the servers, behind its back, as they do with one that is silent."""
    double = KazooClient(hosts, client_id=coordination._client._kazoo.client_id, logger=_QUIET)
    await asyncio.to_thread(double.start)
    await asyncio.to_thread(double.stop)
    double.close()
