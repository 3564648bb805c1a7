"""Coordination within one process, and the lock that keeps a second process off its data."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path

from statefleet.coordination.election import Lead, decide, in_line
from statefleet.errors import Unavailable

LOCK_FILE = "lock"


class _LocalLeadership:
    def __init__(self, coordination: LocalCoordination, name: str, node: str, epoch_hint: int) -> None:
        self._coordination = coordination
        self._name = name
        self.node = node
        self.epoch_hint = epoch_hint
        self.lost = asyncio.Event()

    async def resign(self) -> None:
        self.lost.set()
        self._coordination.leave_line(self._name, self.node)


class _LocalMembership:
    def __init__(self, coordination: LocalCoordination, role: str, member: str) -> None:
        self._coordination = coordination
        self._role = role
        self._member: str | None = member

    async def leave(self) -> None:
        member, self._member = self._member, None
        if member is not None:
            self._coordination.leave_role(self._role, member)


class LocalCoordination:
    """Elections and membership among the parts of one process, in memory."""

    def __init__(self) -> None:
        self._sequence = 0
        self._lines: dict[str, dict[str, str]] = {}
        self._leaders: dict[str, _LocalLeadership] = {}
        self._roles: dict[str, list[str]] = {}
        self._wakers: list[asyncio.Future[None]] = []

    async def campaign(self, name: str, member: str) -> _LocalLeadership:
        """Wait in line for the leadership of a name and return when won."""
        self._sequence += 1
        sequence = self._sequence
        node = f"candidate-{sequence:010d}"
        line = self._lines.setdefault(name, {})
        line[node] = member
        try:
            while not isinstance(decide(node, line), Lead):
                await self._change()
        except BaseException:
            self.leave_line(name, node)
            raise
        leadership = self._leaders[name] = _LocalLeadership(self, name, node, sequence)
        return leadership

    async def leader(self, name: str) -> str:
        """Return the member that leads a name; empty: none."""
        line = self._lines.get(name, {})
        first = in_line(line)[:1]
        return line[first[0]] if first else ""

    async def join(self, role: str, member: str) -> _LocalMembership:
        """Take part in a role until left."""
        self._roles.setdefault(role, []).append(member)
        self._wake()
        return _LocalMembership(self, role, member)

    async def members(self, role: str) -> AsyncGenerator[tuple[str, ...], None]:
        """Yield the sorted members of a role: those there are now, then again after each change."""
        seen: tuple[str, ...] | None = None
        while True:
            now = tuple(sorted(set(self._roles.get(role, ()))))
            if now == seen:
                await self._change()
            else:
                seen = now
                yield now

    def revoke(self, name: str) -> None:
        """Take the leadership of a name away, as the end of a session does: the next in line may lead at once."""
        leadership = self._leaders.pop(name, None)
        if leadership is not None:
            leadership.lost.set()
            self.leave_line(name, leadership.node)

    def leave_line(self, name: str, node: str) -> None:
        """Remove a candidate."""
        if self._lines.get(name, {}).pop(node, None) is not None:
            self._wake()

    def leave_role(self, role: str, member: str) -> None:
        """Remove a member."""
        self._roles[role].remove(member)
        self._wake()

    async def _change(self) -> None:
        waker = asyncio.get_running_loop().create_future()
        self._wakers.append(waker)
        await waker

    def _wake(self) -> None:
        wakers, self._wakers = self._wakers, []
        for waker in wakers:
            if not waker.done():
                waker.set_result(None)


@contextmanager
def hold_directory(path: Path) -> Iterator[None]:
    """Hold a data directory for this process. Unavailable where another process holds it.

    Where absent it is made, for its owner alone: it will hold secrets. The operating system lets go of it when the
    process ends, however it ends.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            raise Unavailable(f"the data directory {path} is in use by process {holder}") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        os.close(descriptor)
