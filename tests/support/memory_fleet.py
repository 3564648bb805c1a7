"""A fleet of objects in a dictionary, for what stands before the services: versions, conflicts, watches, no rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeAlias

from statefleet.api.autoscaling.v1.scale_pb2 import Scale
from statefleet.api.nodes.v1.usage_pb2 import NodeUsage
from statefleet.api.object.v1.verbs_pb2 import DeleteResponse, WatchEvent, WatchResponse
from statefleet.client.fleet import Listing, Written
from statefleet.errors import AlreadyExists, Conflict, FleetError, NotFound, Subject
from statefleet.objects.field_selectors import FieldSelector
from statefleet.objects.kinds import Kind, kind_of
from statefleet.objects.selectors import LabelSelector

Usages: TypeAlias = list[NodeUsage]


class MemoryFleet:
    """Answers as Fleet does. `calls` tells what was asked; `meddle` runs before each write, to change things.

    `unwatched` is set when a watch has ended.
    """

    def __init__(self) -> None:
        self.version = 0
        self.objects: dict[tuple[str, str, str], Any] = {}
        self.usages: Usages = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.meddle: Any = lambda: None
        self.unwatched = asyncio.Event()
        self._watchers: list[asyncio.Queue[WatchResponse | FleetError]] = []

    async def get(self, kind: Kind[Any], name: str, namespace: str = "", **options: Any) -> Any:
        self.calls.append(("get", options))
        return _copy(self._find(kind, namespace, name))

    async def list(self, kind: Kind[Any], namespace: str = "", **options: Any) -> Listing[Any]:
        self.calls.append(("list", options))
        if options.get("unless_unchanged_since") == str(self.version):
            return Listing([], str(self.version), unchanged=True)
        labels = LabelSelector.parse(options.get("label_selector", ""))
        fields = FieldSelector.parse(kind, options.get("field_selector", ""))
        found = [
            _copy(message)
            for (name, space, _), message in sorted(self.objects.items())
            if name == kind.name and namespace in {"", space}
            if labels.matches(message.metadata.labels) and fields.matches(message)
        ]
        limit = options.get("limit", 0) or len(found)
        more = len(found) - limit
        token = "next" if more > 0 else ""
        return Listing(found[:limit], str(self.version), token, max(more, 0))

    async def create(self, message: Any, *, dry_run: bool = False, **options: Any) -> Written[Any]:
        self.calls.append(("create", options))
        self.meddle()
        kind, meta = kind_of(message), message.metadata
        if not meta.name:
            meta.name = f"{meta.generate_name}abcde"
        if (kind.name, meta.namespace, meta.name) in self.objects:
            raise AlreadyExists(f'{kind.resource} "{meta.name}" already exists', _subject(kind, meta.name))
        stored = _copy(message)
        stored.metadata.uid = f"uid-{self.version + 1}"
        if not dry_run:
            self._store(stored, WatchEvent.TYPE_ADDED)
        return Written(_copy(stored), ("the field is not acted on",) if "loud" in meta.labels else ())

    async def update(self, message: Any, *, dry_run: bool = False, **options: Any) -> Written[Any]:
        self.calls.append(("update", options))
        self.meddle()
        kind, meta = kind_of(message), message.metadata
        current = self._find(kind, meta.namespace, meta.name)
        if meta.resource_version and meta.resource_version != current.metadata.resource_version:
            raise Conflict(f'"{meta.name}" has been modified', _subject(kind, meta.name))
        stored = _copy(message)
        stored.metadata.uid = current.metadata.uid
        if not dry_run:
            self._store(stored, WatchEvent.TYPE_MODIFIED)
        return Written(_copy(stored))

    async def update_status(self, message: Any, **options: Any) -> Written[Any]:
        current = self._find(kind_of(message), message.metadata.namespace, message.metadata.name)
        merged = _copy(current)
        merged.status.CopyFrom(message.status)
        return await self.update(merged, **options)

    async def delete(self, kind: Kind[Any], name: str, namespace: str = "", *, options: Any = None, **_: Any) -> Any:
        self.calls.append(("delete", {"options": options}))
        self.meddle()
        message = self._find(kind, namespace, name)
        gone = not message.metadata.finalizers
        if gone and not options.dry_run:
            del self.objects[kind.name, namespace, name]
            self.version += 1
            self._tell(message, WatchEvent.TYPE_DELETED)
        return DeleteResponse(object=kind.wrap(message), deleted=gone, resource_version=str(self.version))

    async def get_scale(self, kind: Kind[Any], name: str, namespace: str) -> Scale:
        return _scale(self._find(kind, namespace, name))

    async def update_scale(self, kind: Kind[Any], name: str, namespace: str, scale: Scale, **options: Any) -> Scale:
        message = _copy(self._find(kind, namespace, name))
        message.spec.replicas = scale.spec.replicas
        message.metadata.resource_version = scale.metadata.resource_version
        return _scale((await self.update(message, **options)).object)

    async def evict(self, name: str, namespace: str, **options: Any) -> None:
        self.calls.append(("evict", options))

    async def bind(self, name: str, namespace: str, node: str, **options: Any) -> None:
        self.calls.append(("bind", {"node": node, **options}))

    async def node_usage(self, node: str = "") -> Usages:
        return [usage for usage in self.usages if node in {"", usage.node}]

    async def pod_usage(self, namespace: str = "", *, node: str = "") -> Usages:
        return [
            NodeUsage(node=usage.node, pods=[pod for pod in usage.pods if namespace in {"", pod.namespace}])
            for usage in await self.node_usage(node)
        ]

    async def watch(self, kinds: Sequence[Kind[Any]], **options: Any) -> AsyncIterator[WatchResponse]:
        self.calls.append(("watch", options))
        queue: asyncio.Queue[WatchResponse | FleetError] = asyncio.Queue()
        self._watchers.append(queue)
        kind = kinds[0]
        if options["send_initial_events"] or options["resource_version"] in {"", "0"}:
            listing = await self.list(kind, options["namespace"])
            events = [_event(kind, item, WatchEvent.TYPE_ADDED) for item in listing.items]
            if options["send_initial_events"]:
                bookmark = WatchEvent(
                    type=WatchEvent.TYPE_BOOKMARK, resource_version=str(self.version), initial_events_end=True
                )
                events.append(bookmark)
            yield WatchResponse(events=events)
        try:
            while True:
                told = await queue.get()
                if isinstance(told, FleetError):
                    raise told
                yield told
        finally:
            self._watchers.remove(queue)
            self.unwatched.set()

    def tell(self, event: WatchEvent) -> None:
        """Send an event to every watch."""
        for queue in self._watchers:
            queue.put_nowait(WatchResponse(events=[event]))

    def break_off(self, error: FleetError) -> None:
        """End every watch with an error."""
        for queue in self._watchers:
            queue.put_nowait(error)

    def _find(self, kind: Kind[Any], namespace: str, name: str) -> Any:
        message = self.objects.get((kind.name, namespace, name))
        if message is None:
            raise NotFound(f'{kind.resource} "{name}" not found', _subject(kind, name))
        return message

    def _store(self, message: Any, event_type: Any) -> None:
        self.version += 1
        meta = message.metadata
        meta.resource_version = str(self.version)
        self.objects[kind_of(message).name, meta.namespace, meta.name] = _copy(message)
        self._tell(message, event_type)

    def _tell(self, message: Any, event_type: Any) -> None:
        event = _event(kind_of(message), message, event_type)
        event.resource_version = str(self.version)
        self.tell(event)


def _copy(message: Any) -> Any:
    duplicate = type(message)()
    duplicate.CopyFrom(message)
    return duplicate


def _event(kind: Kind[Any], message: Any, event_type: Any) -> WatchEvent:
    return WatchEvent(type=event_type, object=kind.wrap(message), resource_version=message.metadata.resource_version)


def _scale(message: Any) -> Scale:
    scale = Scale(metadata=message.metadata)
    scale.spec.replicas = message.spec.replicas
    return scale


def _subject(kind: Kind[Any], name: str) -> Subject:
    return Subject(name=name, group=kind.group, kind=kind.plural)
