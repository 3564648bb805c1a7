"""Write statuses in the background: nobody waits for them, and of several for one object the newest wins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import structlog
from google.protobuf.message import Message

from statefleet.api.object.v1.verbs_pb2 import Fence
from statefleet.client.fleet import Fleet
from statefleet.errors import Conflict, Fenced, FleetError, NotFound, NotLeader, Timeout, Unavailable
from statefleet.objects.kinds import Kind, kind_of
from statefleet.objects.meta import version_of
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.keys import Key, key_of
from statefleet.runtime.clock import Clock
from statefleet.runtime.tasks import Tasks

M = TypeVar("M", bound=Message)

PAUSE_SECONDS = 0.1
"""The least time between two writes of one object's status, unless the later one is urgent."""
_RETRY_SECONDS = 0.2

_log = structlog.get_logger(__name__)


def _nothing() -> None:
    """Do nothing about a status that was dropped."""


class _Entry:
    """One object's status on its way."""

    def __init__(self) -> None:
        self.wanted: Any = None
        self.sent: Any = None
        self.version = 0
        """The version at which `sent` was written."""
        self.fences: Mapping[int, Fence] = {}
        self.dropped: Callable[[], object] = _nothing
        self.running = False
        self.pause: asyncio.Task[None] | None = None


class StatusWriter:
    """Writes statuses of any kind, one write at a time for each object."""

    def __init__(self, fleet: Fleet, cache: Cache, clock: Clock, tasks: Tasks) -> None:
        self._fleet = fleet
        self._cache = cache
        self._clock = clock
        self._tasks = tasks
        self._entries: dict[tuple[Kind[Any], Key], _Entry] = {}

    def put(
        self,
        message: Any,
        fences: Mapping[int, Fence],
        *,
        urgent: bool = False,
        dropped: Callable[[], object] = _nothing,
    ) -> None:
        """Have a status written. `message` has the object's name, namespace, uid and status; the rest does not count.

        An urgent status does not wait out the pause after the one before. A status that the service refuses is
        dropped; `dropped` is called then, so that a new look may bring a new status.
        """
        kind, key = kind_of(message), key_of(message)
        entry = self._entries.setdefault((kind, key), _Entry())
        entry.wanted, entry.fences, entry.dropped = message, fences, dropped
        if not entry.running:
            entry.running = True
            self._tasks.spawn(self._write(kind, key, entry), f"status-{kind.name}-{key}")
        elif urgent and entry.pause is not None:
            entry.pause.cancel()

    def newest(self, message: M) -> M | None:
        """Return what was put last for an object, of the same uid, and that the cache does not show yet."""
        kind, key = kind_of(message), key_of(message)
        entry = self._entries.get((kind, key))
        if entry is None or (entry.sent is entry.wanted and entry.version <= self._cache.version(kind.service)):
            return None
        newest: Any = entry.wanted
        return newest if newest.metadata.uid == message.metadata.uid else None  # type: ignore[attr-defined]

    async def _write(self, kind: Kind[Any], key: Key, entry: _Entry) -> None:
        try:
            while entry.sent is not entry.wanted:
                await self._send(kind, entry)
                await self._pause(entry)
        except FleetError as error:
            if not isinstance(error, (NotFound, Conflict, Fenced)):
                _log.warning("status refused", kind=kind.name, object=str(key), error=error.message)
            del self._entries[kind, key]
            entry.dropped()
            return
        entry.running = False
        self._cache.when(kind.service, entry.version, lambda: self._forget(kind, key, entry))

    async def _send(self, kind: Kind[Any], entry: _Entry) -> None:
        while True:
            message = entry.wanted
            try:
                answer = await self._fleet.update_status(message, fence=entry.fences.get(kind.service))
            except (Unavailable, NotLeader, Timeout):
                await self._clock.sleep(_RETRY_SECONDS)
            else:
                entry.sent, entry.version = message, version_of(answer.object.metadata)
                return

    async def _pause(self, entry: _Entry) -> None:
        entry.pause = self._tasks.spawn(self._clock.sleep(PAUSE_SECONDS), "status-pause")
        try:
            await asyncio.wait((entry.pause,))
        finally:
            entry.pause = None

    def _forget(self, kind: Kind[Any], key: Key, entry: _Entry) -> None:
        if not entry.running and self._entries.get((kind, key)) is entry:
            del self._entries[kind, key]
