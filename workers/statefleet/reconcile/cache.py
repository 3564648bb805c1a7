"""Follow the services' watches and hold what they tell: every worker of a process plans from this one cache."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Iterable
from contextlib import aclosing
from typing import Any, TypeVar

import structlog
from google.protobuf.message import Message

from statefleet.api.object.v1.verbs_pb2 import WatchEvent, WatchResponse
from statefleet.client.fleet import Fleet
from statefleet.errors import Expired, FleetError, Internal, is_version_too_large
from statefleet.objects.kinds import POD, Kind, held_kind
from statefleet.reconcile.keys import Key, key_of
from statefleet.reconcile.shelf import Shelf
from statefleet.runtime.clock import Clock
from statefleet.runtime.tasks import Tasks

M = TypeVar("M", bound=Message)

Handler = Callable[[Any, Any], None]
"""Told of a change: the object before (None: it is new) and after (None: it is gone)."""

_RETRY_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_COPIED_FROM = 4
"""Objects of a message with at least so many events are copied out of it: each would keep all of it in memory."""

_log = structlog.get_logger(__name__)


class StoreRestoredError(Internal):
    """A service shows an older state than it did: what was decided on the newer one holds no more."""


class Cache:
    """The objects of some kinds, with one watch stream a service.

    Objects are shared and must not be changed. What it shows of a service is always a state that the service had, at
    `version(service)`: the changes of one write appear together. Handlers run in the task that reads the stream,
    after all changes of a message are in and before anyone who waits for the version goes on; they must not block.
    """

    def __init__(self, fleet: Fleet, kinds: Iterable[Kind[Any]], clock: Clock) -> None:
        shelves = {kind: Shelf(kind) for kind in dict.fromkeys(kinds)}
        self._shelves: dict[Kind[Any], Shelf[Any]] = shelves
        self._streams: dict[int, _Stream] = {}
        self._clock = clock
        for service in dict.fromkeys(kind.service for kind in shelves):
            mine = [shelf for kind, shelf in shelves.items() if kind.service == service]
            self._streams[service] = _Stream(fleet, clock, service, mine)

    async def run(self) -> None:
        """Follow the services until cancelled. Raises StoreRestoredError: only a new worker can go on then."""
        async with Tasks("cache") as tasks:
            running = [tasks.spawn(stream.run(), f"service-{service}") for service, stream in self._streams.items()]
            await asyncio.gather(*running)

    async def synced(self) -> None:
        """Return once every service's first state is in."""
        for stream in self._streams.values():
            await stream.synced.wait()

    @property
    def kinds(self) -> tuple[Kind[Any], ...]:
        """The kinds it follows."""
        return tuple(self._shelves)

    def version(self, service: int) -> int:
        """Return the version of the state that is shown of a service; 0 before the first."""
        return self._streams[service].version

    def get(self, kind: Kind[M], namespace: str, name: str) -> M | None:
        """Return an object, or None where there is none."""
        found: M | None = self._shelves[kind].objects.get(Key(namespace, name))
        return found

    def by_owner(self, kind: Kind[M], uid: str) -> list[M]:
        """Return the objects of a kind whose controller has this uid; with the empty one, those without."""
        return self._shelves[kind].of_controller(uid)

    def by_node(self, node: str) -> list[Any]:
        """Return the pods bound to a node; with the empty name, those not bound."""
        return self._shelves[POD].of_node(node)

    def subscribe(self, kind: Kind[M], handler: Callable[[M | None, M | None], None]) -> None:
        """Call a handler for each change of a kind from now on; subscribe before `run` to hear of every object."""
        self._streams[kind.service].handlers.setdefault(kind, []).append(handler)

    async def wait(self, service: int, version: int) -> None:
        """Return once the state shown of a service is at least at a version."""
        if self.version(service) < version:
            reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.when(service, version, lambda: _resolve(reached))
            await reached

    def when(self, service: int, version: int, callback: Callable[[], object]) -> None:
        """Call back once the state shown of a service is at least at a version: at once where it is already."""
        self._streams[service].when(version, callback)

    def list(self, kind: Kind[M], namespace: str = "") -> list[M]:
        """Return a kind's objects, all or those of a namespace, in no order to rely on."""
        shelf = self._shelves[kind]
        return shelf.of_namespace(namespace) if namespace else list(shelf.objects.values())


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class _Stream:
    """One service's watch and what came of it."""

    def __init__(self, fleet: Fleet, clock: Clock, service: int, shelves: list[Shelf[Any]]) -> None:
        self.service = service
        self.version = 0
        self.synced = asyncio.Event()
        self.handlers: dict[Kind[Any], list[Handler]] = {}
        self._fleet = fleet
        self._clock = clock
        self._shelves = {shelf.kind: shelf for shelf in shelves}
        self._waiting: list[tuple[int, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._failures = 0
        self._resumable = False

    async def run(self) -> None:
        """Follow the service until cancelled, resuming after each break. StoreRestoredError."""
        while True:
            try:
                await self._follow()
            except Expired:
                _log.info("watch expired, listing again", service=self.service, version=self.version)
                self._resumable = False
            except StoreRestoredError:
                raise
            except FleetError as error:
                _log.info("watch broke", service=self.service, version=self.version, error=error.message)
                self._resumable = self._resumable and not is_version_too_large(error)
            await self._clock.sleep(_RETRY_SECONDS[min(self._failures, len(_RETRY_SECONDS) - 1)])
            self._failures += 1

    async def _follow(self) -> None:
        initial = None if self._resumable else _Initial()
        stream = self._fleet.watch(
            list(self._shelves),
            resource_version="" if initial is not None else str(self.version),
            send_initial_events=initial is not None,
            allow_bookmarks=True,
        )
        async with aclosing(stream) as responses:
            async for response in responses:
                self._failures = 0
                if initial is None:
                    self._take(response)
                elif initial.add(response):
                    if initial.version < self.version:
                        raise StoreRestoredError(
                            f"a service went back from version {self.version} to {initial.version}: it was restored "
                            "from an older copy, and its workers must start anew"
                        )
                    self._replace(initial)
                    self._resumable = True
                    initial = None

    def _take(self, response: WatchResponse) -> None:
        changes: list[tuple[Kind[Any], Any, Any]] = []
        for kind, gone, message in _read(response):
            shelf = self._shelves[kind]
            if gone:
                before = shelf.take(key_of(message))
                if before is not None:
                    changes.append((kind, before, None))
            else:
                changes.append((kind, shelf.put(message), message))
        self._publish(changes, int(response.resource_version or 0))

    def _replace(self, initial: _Initial) -> None:
        """Show a service's state anew; what is not in it any more has been deleted meanwhile."""
        changes: list[tuple[Kind[Any], Any, Any]] = []
        for kind, shelf in self._shelves.items():
            now = initial.objects.get(kind, {})
            for key, before in list(shelf.objects.items()):
                after = now.get(key)
                if after is None or after.metadata.uid != before.metadata.uid:
                    changes.append((kind, shelf.take(key), None))
            for key, after in now.items():
                held = shelf.objects.get(key)
                if held is None or held.metadata.resource_version != after.metadata.resource_version:
                    changes.append((kind, shelf.put(after), after))
        self._publish(changes, initial.version)
        self.synced.set()

    def _publish(self, changes: list[tuple[Kind[Any], Any, Any]], version: int) -> None:
        self.version = max(self.version, version)
        for kind, before, after in changes:
            for handler in self.handlers.get(kind, ()):
                handler(before, after)
        while self._waiting and self._waiting[0][0] <= self.version:
            heapq.heappop(self._waiting)[2]()

    def when(self, version: int, callback: Callable[[], object]) -> None:
        if self.version >= version:
            callback()
        else:
            heapq.heappush(self._waiting, (version, next(self._order), callback))


class _Initial:
    """The state that a watch starts with, until all of it is there."""

    def __init__(self) -> None:
        self.objects: dict[Kind[Any], dict[Key, Any]] = {}
        self.version = 0

    def add(self, response: WatchResponse) -> bool:
        """Take in a message. Return whether the state is complete."""
        for kind, gone, message in _read(response):
            held = self.objects.setdefault(kind, {})
            if gone:
                held.pop(key_of(message), None)
            else:
                held[key_of(message)] = message
        self.version = int(response.resource_version or 0)
        return any(event.initial_events_end for event in response.events)


def _read(response: WatchResponse) -> Iterable[tuple[Kind[Any], bool, Any]]:
    copied = len(response.events) >= _COPIED_FROM
    for event in response.events:
        if event.type == WatchEvent.TYPE_EXPIRED:
            raise Expired("the watch is older than what the service remembers")
        if event.type == WatchEvent.TYPE_BOOKMARK:
            continue
        kind = held_kind(event.object)
        message = kind.unwrap(event.object)
        if copied:
            original, message = message, kind.message()
            message.CopyFrom(original)
        yield kind, event.type == WatchEvent.TYPE_DELETED, message
