"""A fleet in memory for the tests of workers: versions and watches by service, claims and fences, faults at will."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import Any

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.core.v1.event_pb2 import Event
from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions
from statefleet.api.object.v1.verbs_pb2 import (
    ClaimShardResponse,
    DeleteResponse,
    Fence,
    Slot,
    WatchEvent,
    WatchResponse,
)
from statefleet.api.revisions.v1.revision_history_pb2 import RecordResponse
from statefleet.client.fleet import Fleet, Written
from statefleet.errors import (
    VERSION_TOO_LARGE,
    AlreadyExists,
    Cause,
    Conflict,
    Expired,
    Fenced,
    FleetError,
    NotFound,
    Subject,
    Timeout,
)
from statefleet.objects.codec import encode_bytes
from statefleet.objects.kinds import CONTROLLER_REVISION, POD, REVISIONS, Kind, kind_of
from statefleet.objects.meta import controller_reference, is_controlled_by

Fault = Callable[[str, Any], None]
"""Called with a verb and an object before each write takes effect; it may raise."""


class _Service:
    def __init__(self) -> None:
        self.version = 0
        self.objects: dict[tuple[str, str, str], Any] = {}
        self.log: list[tuple[int, WatchEvent]] = []
        self.forgotten = 0
        self.fences: dict[str, int] = {}
        self.moved = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()
        self.breaks = 0


class WorkerFleet(Fleet):
    """Answers as a fleet whose services keep no rules but versions, uids and fences."""

    def __init__(self) -> None:
        super().__init__({})
        self.services: dict[int, _Service] = defaultdict(_Service)
        self.writes: list[str] = []
        """What was written, such as `create Pod web-0`."""
        self.before: Fault = lambda _verb, _message: None
        self.after: Fault = lambda _verb, _message: None
        """As `before`, once the write has taken effect: raising loses the reply."""
        self.collisions = 0
        """How many collisions a new revision meets."""

    # How a test moves it.

    def hold(self, service: int) -> None:
        """Keep a service's changes from its watches until `release`."""
        self.services[service].open.clear()

    def release(self, service: int) -> None:
        self.services[service].open.set()

    def break_watches(self, service: int, *, forget: bool = False) -> None:
        """End a service's watches; with `forget` they cannot be resumed."""
        held = self.services[service]
        held.breaks += 1
        if forget:
            held.forgotten = held.version
        held.moved.set()

    def restore(self, service: int) -> None:
        """Have a service start anew without what it held, as from an older copy."""
        old = self.services.pop(service)
        old.breaks += 1
        old.moved.set()

    def put(self, message: Any) -> Any:
        """Store an object as nobody's write."""
        return self._store(_copy(message))

    def remove(self, kind: Kind[Any], name: str, namespace: str = "default") -> None:
        held = self.services[kind.service]
        gone = held.objects.pop((kind.name, namespace, name))
        self._log(kind, gone, WatchEvent.TYPE_DELETED)

    def find(self, kind: Kind[Any], name: str, namespace: str = "default") -> Any:
        """Return the stored object itself, or None."""
        return self.services[kind.service].objects.get((kind.name, namespace, name))

    def all(self, kind: Kind[Any]) -> list[Any]:
        held = self.services[kind.service].objects
        return [message for key, message in sorted(held.items()) if key[0] == kind.name]

    # What workers call.

    async def get(self, kind: Kind[Any], name: str, namespace: str = "", *, uid: str = "", **_: Any) -> Any:
        found = self.find(kind, name, namespace)
        if found is None or (uid and found.metadata.uid != uid):
            raise NotFound(f'{kind.resource} "{name}" not found')
        return _copy(found)

    async def create(self, message: Any, *, slot: Slot | None = None, fence: Fence | None = None, **_: Any) -> Any:
        kind = kind_of(message)
        await self._begin("create", message, fence)
        if self.find(kind, message.metadata.name, message.metadata.namespace) is not None:
            raise AlreadyExists(f'{kind.resource} "{message.metadata.name}" already exists')
        stored = _copy(message)
        if kind is POD:
            stored.status.phase = "Pending"
        return self._done("create", self._store(stored))

    async def update(self, message: Any, *, fence: Fence | None = None, **_: Any) -> Any:
        await self._begin("update", message, fence)
        current = self._current(message)
        stored = _copy(message)
        if hasattr(message, "status"):
            stored.status.CopyFrom(current.status)
        return self._done("update", self._store(stored))

    async def update_status(self, message: Any, *, fence: Fence | None = None, **_: Any) -> Any:
        await self._begin("update_status", message, fence)
        stored = _copy(self._current(message))
        stored.status.CopyFrom(message.status)
        return self._done("update_status", self._store(stored))

    async def delete(
        self,
        kind: Kind[Any],
        name: str,
        namespace: str = "",
        *,
        options: DeleteOptions | None = None,
        fence: Fence | None = None,
        **_: Any,
    ) -> Any:
        wanted = kind.message()
        wanted.metadata.name, wanted.metadata.namespace = name, namespace
        if options is not None:
            wanted.metadata.uid = options.preconditions.uid
            wanted.metadata.resource_version = options.preconditions.resource_version
        await self._begin("delete", wanted, fence)
        gone = self._current(wanted)
        self.remove(kind, name, namespace)
        self.after("delete", gone)
        version = str(self.services[kind.service].version)
        return DeleteResponse(object=kind.wrap(gone), deleted=True, resource_version=version)

    async def record_events(self, events: Sequence[Event], **_: Any) -> dict[int, str]:
        await asyncio.sleep(0)
        refused = {}
        self.writes.append(f"record_events {len(events)}")
        for index, event in enumerate(events):
            try:
                self.before("record_events", event)
            except FleetError as error:
                refused[index] = error.message
            else:
                self._store(_copy(event))
        return refused

    async def record_revision(self, owner: Any, *, fence: Fence | None = None, **_: Any) -> Any:
        await self._begin("record", owner, fence)
        mine = [one for one in self.all(CONTROLLER_REVISION) if is_controlled_by(one.metadata, owner.metadata.uid)]
        data = b'{"spec":{"template":%s}}' % encode_bytes(owner.spec.template)
        newest = max((one.revision for one in mine), default=0)
        equal = next((one for one in mine if one.data.raw == data), None)
        collisions = owner.status.collision_count
        if equal is None:
            collisions += self.collisions
            equal = ControllerRevision(revision=newest + 1)
            equal.metadata.name = f"{owner.metadata.name}-rev{newest + 1}"
            equal.metadata.namespace = owner.metadata.namespace
            equal.metadata.labels.update(owner.spec.template.metadata.labels)
            equal.metadata.owner_references.append(controller_reference(owner))
            equal.data.raw = data
            equal = self._store(equal)
        elif equal.revision < newest:
            equal = _copy(equal)
            equal.revision = newest + 1
            equal = self._store(equal)
        return RecordResponse(revision=equal, collision_count=collisions)

    async def claim_shard(self, service: int, shard: str, holder: str, **_: Any) -> Any:
        held = self.services[service]
        held.fences[shard] = held.fences.get(shard, 0) + 1
        return ClaimShardResponse(
            fence=Fence(shard=shard, epoch=held.fences[shard]), resource_version=str(held.version)
        )

    async def watch(
        self, kinds: Iterable[Kind[Any]], *, resource_version: str = "", send_initial_events: bool = False, **_: Any
    ) -> AsyncGenerator[WatchResponse, None]:
        watched = {kind.name for kind in kinds}
        (service,) = {kind.service for kind in kinds}
        held = self.services[service]
        at, breaks = int(resource_version or 0), held.breaks
        if send_initial_events:
            at = held.version
            yield self._initial(held, watched)
        elif at < held.forgotten:
            raise Expired("too old resource version")
        elif at > held.version:
            subject = Subject(causes=(Cause(VERSION_TOO_LARGE, "Too large resource version"),))
            raise Timeout(f"Timeout: Too large resource version: {at}, current: {held.version}", subject)
        while held.breaks == breaks:
            await held.open.wait()
            events = [event for version, event in held.log if version > at and _kind_name(event) in watched]
            if held.version > at:
                at = held.version
                yield WatchResponse(events=events, resource_version=str(at))
            held.moved.clear()
            if held.version == at and held.breaks == breaks:
                await held.moved.wait()

    def _initial(self, held: _Service, watched: set[str]) -> WatchResponse:
        objects = [message for key, message in sorted(held.objects.items()) if key[0] in watched]
        events = [WatchEvent(type=WatchEvent.TYPE_ADDED, object=kind_of(one).wrap(one)) for one in objects]
        events.append(WatchEvent(type=WatchEvent.TYPE_BOOKMARK, initial_events_end=True))
        return WatchResponse(events=events, resource_version=str(held.version))

    # Its insides.

    async def _begin(self, verb: str, message: Any, fence: Fence | None) -> None:
        await asyncio.sleep(0)
        kind = kind_of(message)
        self.before(verb, message)
        held = self.services[REVISIONS if verb == "record" else kind.service]
        if fence is not None and held.fences.get(fence.shard, 0) > fence.epoch:
            raise Fenced(f"shard {fence.shard} was claimed by another worker")
        self.writes.append(f"{verb} {kind.name} {message.metadata.name}")

    def _done(self, verb: str, message: Any) -> Written[Any]:
        self.after(verb, message)
        return Written(_copy(message))

    def _current(self, message: Any) -> Any:
        kind, meta = kind_of(message), message.metadata
        current = self.find(kind, meta.name, meta.namespace)
        if current is None:
            raise NotFound(f'{kind.resource} "{meta.name}" not found')
        moved = meta.resource_version and meta.resource_version != current.metadata.resource_version
        if moved or (meta.uid and meta.uid != current.metadata.uid):
            raise Conflict(f'Operation cannot be fulfilled on {kind.resource} "{meta.name}"')
        return current

    def _store(self, message: Any) -> Any:
        kind, meta = kind_of(message), message.metadata
        held = self.services[kind.service]
        before = held.objects.get((kind.name, meta.namespace, meta.name))
        meta.uid = meta.uid or (before.metadata.uid if before is not None else f"uid-{held.version + 1}")
        meta.resource_version = str(held.version + 1)
        held.objects[kind.name, meta.namespace, meta.name] = message
        self._log(kind, message, WatchEvent.TYPE_ADDED if before is None else WatchEvent.TYPE_MODIFIED)
        return message

    def _log(self, kind: Kind[Any], message: Any, type_: WatchEvent.Type.ValueType) -> None:
        held = self.services[kind.service]
        held.version += 1
        held.log.append((held.version, WatchEvent(type=type_, object=kind.wrap(message))))
        held.moved.set()


def _kind_name(event: WatchEvent) -> str:
    name = event.object.WhichOneof("kind")
    return kind_of(getattr(event.object, name)).name if name else ""


def _copy(message: Any) -> Any:
    duplicate = type(message)()
    duplicate.CopyFrom(message)
    return duplicate
