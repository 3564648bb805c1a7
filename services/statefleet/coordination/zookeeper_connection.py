"""One unbroken stretch of a ZooKeeper session, asked from the event loop.

Whoever asks does so on one connection, and learns by Disconnected that it is over; nothing that was decided on it may
be relied on after that. kazoo answers from its own threads; nothing here blocks the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import (
    AuthFailedError,
    ConnectionLoss,
    KazooException,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    SessionExpiredError,
    SessionMovedError,
)

from statefleet.errors import Unavailable
from statefleet.runtime.threads import hand_over

_BREAKS = (ConnectionLoss, SessionExpiredError, SessionMovedError, AuthFailedError)

Watch = asyncio.Future[None]
"""Done once what is watched has changed, or may have: the connection is over."""


class Disconnected(Exception):  # noqa: N818 -- an event that every caller expects, not a fault
    """The connection is over. Whether the last request took effect is unknown."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node as it was read: its data, the session that it lives by (0: none), and the change that made it."""

    data: bytes
    owner: int
    created_by: int


class Connection:
    """A stretch of a session without a break. Every call may raise Disconnected, or Unavailable where refused."""

    def __init__(self, kazoo: KazooClient, acl: Any, session: int) -> None:
        self._kazoo = kazoo
        self._acl = acl
        self._loop = asyncio.get_running_loop()
        self._answers: set[asyncio.Future[Any]] = set()
        self._watches: set[Watch] = set()
        self.over = False
        self.session = session

    def end(self) -> None:
        """Fail what waits for an answer and wake who watches."""
        self.over = True
        for answer in list(self._answers):
            if not answer.done():
                answer.set_exception(Disconnected())
        for watch in list(self._watches):
            _wake(watch)

    def watch(self) -> Watch:
        """Return a watch that is done when the connection is over, if nothing else wakes it before."""
        watch: Watch = self._loop.create_future()
        if self.over:
            watch.set_result(None)
        else:
            self._watches.add(watch)
            watch.add_done_callback(self._watches.discard)
        return watch

    async def children(self, path: str) -> list[str]:
        """Return the names of a node's children; none where there is no such node."""
        try:
            names: list[str] = await self._ask(self._kazoo.get_children_async, path)
        except NoNodeError:
            return []
        return names

    async def watch_children(self, path: str) -> tuple[list[str], Watch]:
        """Return the names of a node's children, and a watch for a change among them; the node is made if absent."""
        watch, on_event = self._watcher()
        try:
            names: list[str] = await self._ask(self._kazoo.get_children_async, path, watch=on_event)
        except NoNodeError:
            await self.make(path)
            return await self.watch_children(path)
        return names, watch

    async def read(self, path: str) -> Node | None:
        """Return a node, None where there is none."""
        return await self._read(path, None)

    async def watch_node(self, path: str) -> tuple[Node | None, Watch]:
        """Return a node, and a watch for its change or end; the watch is of no use where there is no node."""
        watch, on_event = self._watcher()
        return await self._read(path, on_event), watch

    async def make(self, path: str) -> None:
        """Make a lasting node where there is none, and its parents."""
        try:
            await self._ask(self._kazoo.create_async, path, b"", acl=self._acl)
        except NodeExistsError:
            return
        except NoNodeError:
            await self.make(_parent(path))
            await self.make(path)

    async def create(self, path: str, data: bytes, *, sequence: bool = False) -> None:
        """Make a node that lives as long as the session, and its parents; leave the one there is."""
        try:
            await self._ask(self._kazoo.create_async, path, data, acl=self._acl, ephemeral=True, sequence=sequence)
        except NodeExistsError:
            return
        except NoNodeError:
            await self.make(_parent(path))
            await self.create(path, data, sequence=sequence)

    async def delete(self, path: str) -> None:
        """Delete a node if it exists."""
        try:
            await self._ask(self._kazoo.delete_async, path)
        except NoNodeError:
            return

    async def sync(self) -> None:
        """Return when the server that answers has come as far as the leader was."""
        await self._ask(self._kazoo.sync_async, "/")

    async def _read(self, path: str, on_event: Callable[[Any], object] | None) -> Node | None:
        try:
            data, stat = await self._ask(self._kazoo.get_async, path, watch=on_event)
        except NoNodeError:
            return None
        return Node(data, stat.ephemeralOwner, stat.czxid)

    def _watcher(self) -> tuple[Watch, Callable[[Any], object]]:
        watch = self.watch()
        return watch, lambda _event: hand_over(self._loop, _wake, watch)

    async def _ask(self, call: Callable[..., Any], path: str, *arguments: Any, **options: Any) -> Any:
        if self.over:
            raise Disconnected
        answer = self._loop.create_future()
        self._answers.add(answer)
        answer.add_done_callback(self._answers.discard)
        call(path, *arguments, **options).rawlink(lambda result: hand_over(self._loop, _settle, answer, result))
        try:
            return await answer
        except (NoNodeError, NodeExistsError):
            raise
        except _BREAKS:
            raise Disconnected from None
        except NoAuthError:
            raise Unavailable(f"ZooKeeper denies access to {path}: check its ACL and the credential given") from None
        except KazooException as error:
            raise Unavailable(f"ZooKeeper refused a request on {path}: {type(error).__name__}") from None


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _wake(watch: Watch) -> None:
    if not watch.done():
        watch.set_result(None)


def _settle(answer: asyncio.Future[Any], result: Any) -> None:
    if answer.done():
        return
    if result.successful():
        answer.set_result(result.value)
    else:
        answer.set_exception(result.exception)
