"""A ZooKeeper session that is kept, and begun anew where it is lost.

It goes through connections (`zookeeper_connection`), of which there is one at most at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

import structlog
from kazoo.protocol.states import KazooState
from kazoo.security import CREATOR_ALL_ACL, OPEN_ACL_UNSAFE

from statefleet.coordination.zookeeper_connection import Connection, Disconnected
from statefleet.coordination.zookeeper_kazoo import Kazoo, Reasons
from statefleet.coordination.zookeeper_settings import ZooKeeperSettings
from statefleet.errors import Subject, Unavailable
from statefleet.runtime.clock import Clock
from statefleet.runtime.tasks import Tasks
from statefleet.runtime.threads import hand_over

_log = structlog.get_logger(__name__)

_RESTART_SECONDS = 1.0
_SYNC_PAUSE_SECONDS = 1.0


class ZooKeeperClient:
    """Keeps a session with ZooKeeper within its `async with` block.

    Entering it returns once connected, or after the session timeout: it goes on trying then.
    """

    def __init__(self, settings: ZooKeeperSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._acl = CREATOR_ALL_ACL if settings.authenticated else OPEN_ACL_UNSAFE
        self._reasons = Reasons()
        self._link: Connection | None = None
        self._current: Connection | None = None
        self._connected = asyncio.Event()
        self._closed = False
        self._granted: float | None = None
        self._forgetting: asyncio.TimerHandle | None = None
        self.tasks = Tasks("zookeeper")
        """What goes on as long as this client."""

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        if not self._settings.authenticated:
            _log.warning("zookeeper nodes are open to everyone: no credential is given", root=self._settings.root)
        self._kazoo = Kazoo(self._settings, self._reasons.logger, self._on_open, self._on_end)
        self._kazoo.add_listener(self._on_state)
        self._kazoo.start_async()
        try:
            await self.connection(self._settings.session_timeout_seconds)
        except Unavailable as error:
            _log.warning("zookeeper is away: trying on", hosts=self._settings.hosts, error=error.message)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    @property
    def current(self) -> Connection | None:
        """The connection there is; None while there is none."""
        return self._current

    @property
    def session_timeout_seconds(self) -> float | None:
        """The session timeout that the servers granted last; None before they did."""
        return self._granted

    async def connection(self, patience: float | None = None) -> Connection:
        """Wait for a connection, up to `patience` seconds. Unavailable after that, and once closed."""
        try:
            async with asyncio.timeout(patience):
                while self._current is None:
                    if self._closed:
                        raise Unavailable("this process has left ZooKeeper")
                    await self._connected.wait()
                return self._current
        except TimeoutError:
            text = f"ZooKeeper cannot be reached: {self._reasons.last or 'no answer'}"
            raise Unavailable(text, Subject(retry_after_seconds=1)) from None

    def later(self, act: Callable[[Connection], Awaitable[None]], name: str) -> asyncio.Task[None]:
        """Do something harmless to repeat as soon as there is a connection, until it is done or the client closed."""
        return self.tasks.spawn(self._finish(act, name), name)

    async def done_or_over(self, task: asyncio.Task[None]) -> None:
        """Wait for a task, but no longer than the present connection lasts."""
        if self._current is None:
            return
        over = self._current.watch()
        try:
            await asyncio.wait([task, over], return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()

    async def _finish(self, act: Callable[[Connection], Awaitable[None]], name: str) -> None:
        while not self._closed:
            try:
                await act(await self.connection())
            except Disconnected:
                continue
            except Unavailable as error:
                if not self._closed:
                    _log.warning("zookeeper refuses", to=name, error=error.message)
            return

    async def _close(self) -> None:
        self._closed = True
        self._stop_forgetting()
        self._drop()
        self._connected.set()
        await self.tasks.cancel()
        await asyncio.shield(asyncio.to_thread(self._kazoo.leave))
        await self.tasks.cancel()

    # --- kazoo's thread says ---

    def _on_open(self, session: int, granted_seconds: float) -> None:
        hand_over(self._loop, self._open, session, granted_seconds)

    def _on_state(self, state: str) -> None:
        if state != KazooState.CONNECTED:
            hand_over(self._loop, self._break, state)

    def _on_end(self) -> None:
        hand_over(self._loop, self._end)

    # --- what follows from it, on the loop ---

    def _open(self, session: int, granted_seconds: float) -> None:
        if self._closed:
            return
        self._stop_forgetting()
        self._drop()
        self._granted = granted_seconds
        self._link = Connection(self._kazoo, self._acl, session)
        self.tasks.spawn(self._catch_up(self._link), "catch up")

    async def _catch_up(self, connection: Connection) -> None:
        """Use a connection once its server shows all that was asked for on earlier ones and took effect.

        A server that refuses is asked again, as long as the connection lasts.
        """
        try:
            while not await self._is_caught_up(connection):
                await self._clock.sleep(_SYNC_PAUSE_SECONDS)
        except Disconnected:
            return
        self._current = connection
        self._connected.set()
        _log.info("zookeeper connected", session=f"{connection.session:#x}", session_timeout_seconds=self._granted)

    async def _is_caught_up(self, connection: Connection) -> bool:
        try:
            await connection.sync()
        except Unavailable as error:
            _log.warning("zookeeper refuses to sync: asking again", error=error.message)
            return False
        return True

    def _break(self, state: str) -> None:
        if self._closed:
            return
        if self._link is not None:
            _log.warning("zookeeper connection lost", session_over=state == KazooState.LOST, error=self._reasons.last)
        self._drop()
        if self._forgetting is None and self._granted is not None:
            self._forgetting = self._loop.call_later(self._granted, self._forget_what_was_seen)

    def _drop(self) -> None:
        self._current = None
        self._connected.clear()
        if self._link is not None:
            self._link.end()
            self._link = None

    def _forget_what_was_seen(self) -> None:
        """Take servers that know less than this client has seen: they turn it away else, for ever if they were wiped.

        Nothing decided on what was seen is in force any more, and the next connection begins with a sync.
        """
        self._kazoo.last_zxid = 0

    def _stop_forgetting(self) -> None:
        if self._forgetting is not None:
            self._forgetting.cancel()
            self._forgetting = None

    def _end(self) -> None:
        if not self._closed:
            _log.error("zookeeper turns this client away: check the credential and TLS", error=self._reasons.last)
            self.tasks.spawn(self._restart(), "restart")

    async def _restart(self) -> None:
        await self._clock.sleep(_RESTART_SECONDS)
        self._kazoo.start_async()
