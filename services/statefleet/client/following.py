"""Follow objects for as long as is wanted: resume after a break, start anew where the version is forgotten."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from enum import Enum
from typing import Any

import structlog
from google.protobuf.message import Message

from statefleet.api.object.v1.verbs_pb2 import WatchEvent, WatchResponse
from statefleet.errors import Expired, NotLeader, Timeout, Unavailable, is_version_too_large
from statefleet.objects.kinds import held_kind
from statefleet.runtime.clock import Clock
from statefleet.runtime.rand import Rand

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0

_log = structlog.get_logger(__name__)

Watch = Callable[..., AsyncGenerator[WatchResponse, None]]
_Id = tuple[str, str, str]


class ChangeType(Enum):
    """What happened."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"
    SYNCED = "synced"
    """All objects there are have been told, for the first time or anew."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change; `message` is the object after it, or as it last was. None for SYNCED."""

    type: ChangeType
    message: Any
    resource_version: str


class Follower:
    """Watches, and keeps what it has seen, so that after a fresh start it tells only what differs.

    A break (Unavailable, NotLeader, Timeout) is resumed at the last version after a jittered pause. Expired starts
    anew, and so does a version that is ahead of the store's: that may have been restored from an older copy. Any
    other error ends it.
    """

    def __init__(self, watch: Watch, *, clock: Clock, rand: Rand) -> None:
        self._watch = watch
        self._clock = clock
        self._rand = rand
        self._seen: dict[_Id, Message] = {}
        self._version = ""
        self._failures = 0

    async def changes(self) -> AsyncGenerator[Change, None]:
        """Yield an ADDED for each object there is, SYNCED, then the changes as they come."""
        while True:
            try:
                source = self._resumed() if self._version else self._fresh()
                async with aclosing(source) as changes:
                    async for change in changes:
                        yield change
            except Expired:
                self._version = ""
            except (Unavailable, NotLeader, Timeout) as error:
                if is_version_too_large(error):
                    _log.warning("store is behind what was followed, listing anew", version=self._version)
                    self._version = ""
                else:
                    _log.info("follow broke", version=self._version, error=error.message)
            await self._pause()

    async def _fresh(self) -> AsyncGenerator[Change, None]:
        found: dict[_Id, Message] | None = {}
        watch = self._watch(send_initial_events=True, allow_bookmarks=True)
        async with aclosing(watch) as responses:
            async for response in responses:
                self._failures = 0
                for event in response.events:
                    if found is None:
                        for change in self._told(event):
                            yield change
                    elif event.type != WatchEvent.TYPE_BOOKMARK:
                        _collect(found, event)
                    elif event.initial_events_end:
                        for change in self._replaced(found, event.resource_version):
                            yield change
                        found = None
                if found is None:
                    self._version = response.resource_version

    async def _resumed(self) -> AsyncGenerator[Change, None]:
        watch = self._watch(resource_version=self._version, allow_bookmarks=True)
        async with aclosing(watch) as responses:
            async for response in responses:
                self._failures = 0
                for event in response.events:
                    for change in self._told(event):
                        yield change
                self._version = response.resource_version

    def _told(self, event: WatchEvent) -> list[Change]:
        if event.type == WatchEvent.TYPE_BOOKMARK:
            return []
        identity, message = _object(event)
        known = identity in self._seen
        if event.type == WatchEvent.TYPE_DELETED:
            self._seen.pop(identity, None)
            return [Change(ChangeType.DELETED, message, event.resource_version)] if known else []
        self._seen[identity] = message
        kind = ChangeType.MODIFIED if known else ChangeType.ADDED
        return [Change(kind, message, event.resource_version)]

    def _replaced(self, found: dict[_Id, Message], version: str) -> list[Change]:
        before, self._seen = self._seen, found
        changes = [
            Change(ChangeType.DELETED, message, version)
            for identity, message in before.items()
            if identity not in found
        ]
        for identity, message in found.items():
            old = before.get(identity)
            if old is None:
                changes.append(Change(ChangeType.ADDED, message, _version(message)))
            elif old != message:  # Not by version: of a store that was restored, one version has two contents.
                changes.append(Change(ChangeType.MODIFIED, message, _version(message)))
        changes.append(Change(ChangeType.SYNCED, None, version))
        return changes

    async def _pause(self) -> None:
        ceiling = min(FIRST_PAUSE_SECONDS * 2 ** min(self._failures, 16), LONGEST_PAUSE_SECONDS)
        self._failures += 1
        await self._clock.sleep(self._rand.uniform(ceiling / 2, ceiling))


def _collect(found: dict[_Id, Message], event: WatchEvent) -> None:
    identity, message = _object(event)
    if event.type == WatchEvent.TYPE_DELETED:
        found.pop(identity, None)
    else:
        found[identity] = message


def _object(event: WatchEvent) -> tuple[_Id, Any]:
    kind = held_kind(event.object)
    message = kind.unwrap(event.object)
    return (kind.name, message.metadata.namespace, message.metadata.name), message


def _version(message: Any) -> str:
    version: str = message.metadata.resource_version
    return version
