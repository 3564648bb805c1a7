"""The typed client's generic verbs: what every kind of object answers to, over whichever service holds it."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import grpc.aio
import orjson
from google.protobuf.message import Message

from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions
from statefleet.api.nodes.v1.node_registry_pb2_grpc import NodeRegistryStub
from statefleet.api.object.v1.object_pb2 import ObjectKey
from statefleet.api.object.v1.verbs_pb2 import (
    ApplyRequest,
    Binding,
    CreateRequest,
    DeleteRequest,
    DeleteResponse,
    Fence,
    GetRequest,
    ListRequest,
    Slot,
    UpdateRequest,
    UpdateStatusRequest,
    WatchEvent,
    WatchRequest,
    WatchResponse,
    WriteOptions,
)
from statefleet.api.revisions.v1.revision_history_pb2_grpc import RevisionHistoryStub
from statefleet.api.workloads.v1.workload_store_pb2_grpc import WorkloadStoreStub
from statefleet.client.calling import ServiceCaller
from statefleet.client.following import Change, Follower
from statefleet.errors import BadRequest, Expired, Unavailable
from statefleet.objects.kinds import NODES, REVISIONS, WORKLOADS, Kind, kind_of
from statefleet.runtime.clock import Clock, SystemClock
from statefleet.runtime.rand import Rand, SystemRand

M = TypeVar("M", bound=Message)

TIMEOUT_SECONDS = 30.0
"""How long a call may take, repeats included, where its caller says nothing."""

Channels = Mapping[int, grpc.aio.Channel | Sequence[grpc.aio.Channel]]
"""A channel to each service (WORKLOADS, REVISIONS, NODES), or one to each of its replicas."""

_STUBS: dict[int, type[Any]] = {WORKLOADS: WorkloadStoreStub, REVISIONS: RevisionHistoryStub, NODES: NodeRegistryStub}


@dataclass(frozen=True, slots=True)
class Listing(Generic[M]):
    """A list, or a page of one: `remaining` objects follow it, as far as is known, had with `continue_token`."""

    items: list[M]
    resource_version: str
    continue_token: str = ""
    remaining: int = 0
    unchanged: bool = False
    """Whether the list is as it was at the version asked about: it has no items then."""


@dataclass(frozen=True, slots=True)
class Written(Generic[M]):
    """An object as it was stored, and what its writer should know."""

    object: M
    warnings: tuple[str, ...] = ()
    created: bool = False
    """Whether an apply added the object."""


class Verbs:
    """The generic verbs over a fleet's services; `Fleet` adds what is one service's alone."""

    def __init__(
        self,
        channels: Channels,
        *,
        field_manager: str = "",
        clock: Clock | None = None,
        rand: Rand | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._rand = SystemRand() if rand is None else rand
        self._clock = SystemClock() if clock is None else clock
        self._field_manager = field_manager
        self._services: dict[int, ServiceCaller] = {}
        self._channels: list[grpc.aio.Channel] = []
        for service, given in channels.items():
            replicas = given if isinstance(given, Sequence) else (given,)
            self._channels.extend(replicas)
            stubs = [_STUBS[service](channel) for channel in replicas]
            self._services[service] = ServiceCaller(stubs, clock=self._clock, rand=self._rand, timeout=timeout)

    async def close(self) -> None:
        """Close the channels, which ends the calls under way."""
        for channel in self._channels:
            await channel.close()

    # Reading.

    async def get(
        self,
        kind: Kind[M],
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        resource_version: str = "",
        timeout: float | None = None,
    ) -> M:
        """Return an object; with `uid` only the one that has it. Versions as in GetRequest."""
        request = GetRequest(key=key_of(kind, name, namespace), uid=uid, resource_version=resource_version)
        response = await self._call(kind.service, "Get", request, timeout)
        return kind.unwrap(response.object)

    async def list(
        self,
        kind: Kind[M],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
        resource_version: str = "",
        resource_version_match: str = "",
        unless_unchanged_since: str = "",
        timeout: float | None = None,
    ) -> Listing[M]:
        """Return the objects of a kind, of all namespaces where none is named. Versions as in ListRequest."""
        request = ListRequest(
            kind=kind.name,
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            limit=limit,
            continue_token=continue_token,
            resource_version=resource_version,
            resource_version_match=resource_version_match,
            unless_unchanged_since=unless_unchanged_since,
        )
        parts = await self._caller(kind.service).gathered("List", request, timeout)
        items = [kind.unwrap(wrapped) for part in parts for wrapped in part.objects]
        if not parts:
            return Listing(items, "")
        last = parts[-1]
        return Listing(items, last.resource_version, last.continue_token, last.remaining_item_count, last.unchanged)

    async def watch(
        self,
        kinds: Iterable[Kind[Any]],
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
        send_initial_events: bool = False,
        allow_bookmarks: bool = False,
    ) -> AsyncGenerator[WatchResponse, None]:
        """Yield the changes of kinds of one service, with the guarantees of WatchResponse. Not resumed: see `follow`.

        Raises Expired where the version is no longer remembered. Closing the generator ends the watch.
        """
        watched = list(kinds)
        request = WatchRequest(
            kinds=[kind.name for kind in watched],
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            resource_version=resource_version,
            send_initial_events=send_initial_events,
            allow_bookmarks=allow_bookmarks,
        )
        async with aclosing(self._caller(_service_of(watched)).streamed("Watch", request)) as responses:
            async for response in responses:
                if response.events and response.events[-1].type == WatchEvent.TYPE_EXPIRED:
                    raise Expired(f"too old resource version: {resource_version or 0}")
                yield response

    def follow(
        self,
        kinds: Iterable[Kind[Any]],
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
    ) -> AsyncGenerator[Change, None]:
        """Yield the objects of kinds of one service and then their changes, without end; see Follower."""
        watch = functools.partial(
            self.watch, list(kinds), namespace=namespace, label_selector=label_selector, field_selector=field_selector
        )
        return Follower(watch, clock=self._clock, rand=self._rand).changes()

    # Writing.

    async def create(
        self,
        message: M,
        *,
        slot: Slot | None = None,
        binding: Binding | None = None,
        fence: Fence | None = None,
        dry_run: bool = False,
        field_manager: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> Written[M]:
        """Add an object; it takes `slot` where one is given, and a pod the node of `binding` while that holds."""
        kind: Kind[M] = kind_of(message)
        options = self._options(fence, dry_run, field_manager, request_id)
        request = CreateRequest(object=kind.wrap(message), options=options, slot=slot, binding=binding)
        return await self._written(kind, "Create", request, timeout)

    async def update(
        self,
        message: M,
        *,
        fence: Fence | None = None,
        dry_run: bool = False,
        field_manager: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> Written[M]:
        """Replace an object but for its status; with a resource version or uid in it, only one that has them."""
        kind: Kind[M] = kind_of(message)
        options = self._options(fence, dry_run, field_manager, request_id)
        return await self._written(kind, "Update", UpdateRequest(object=kind.wrap(message), options=options), timeout)

    async def update_status(
        self,
        message: M,
        *,
        fence: Fence | None = None,
        dry_run: bool = False,
        field_manager: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> Written[M]:
        """Replace an object's status; preconditions as in `update`."""
        kind: Kind[M] = kind_of(message)
        options = self._options(fence, dry_run, field_manager, request_id)
        request = UpdateStatusRequest(object=kind.wrap(message), options=options)
        return await self._written(kind, "UpdateStatus", request, timeout)

    async def apply(
        self,
        kind: Kind[M],
        name: str,
        namespace: str,
        configuration: Mapping[str, Any],
        *,
        subresource: str = "",
        force: bool = False,
        dry_run: bool = False,
        field_manager: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> Written[M]:
        """Give an object the fields that a configuration names, a JSON object in the kind's current version.

        What this field manager applied before, names no more and nobody else manages goes; an object that does not
        exist is added. Conflict where that changes what others manage, unless `force` takes it over.
        """
        request = ApplyRequest(
            key=key_of(kind, name, namespace),
            configuration=orjson.dumps(configuration),
            subresource=subresource,
            force=force,
            options=self._options(None, dry_run, field_manager, request_id),
        )
        return await self._written(kind, "Apply", request, timeout)

    async def delete(
        self,
        kind: Kind[Any],
        name: str,
        namespace: str = "",
        *,
        options: DeleteOptions | None = None,
        fence: Fence | None = None,
        dry_run: bool = False,
        field_manager: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> DeleteResponse:
        """Delete an object, at once or after its grace period and finalizers."""
        dry_run = dry_run or (options is not None and bool(options.dry_run))
        request = DeleteRequest(
            key=key_of(kind, name, namespace),
            delete_options=options,
            options=self._options(fence, dry_run, field_manager, request_id),
        )
        return cast("DeleteResponse", await self._call(kind.service, "Delete", request, timeout))

    async def _written(self, kind: Kind[M], method: str, request: Message, timeout: float | None) -> Written[M]:
        response = await self._call(kind.service, method, request, timeout)
        return Written(kind.unwrap(response.object), tuple(response.warnings), response.created)

    async def _call(self, service: int, method: str, request: Message, timeout: float | None) -> Any:
        return await self._caller(service).unary(method, request, timeout)

    def _caller(self, service: int) -> ServiceCaller:
        try:
            return self._services[service]
        except KeyError:
            raise Unavailable(f"this client has no channel to service {service}") from None

    def _options(self, fence: Fence | None, dry_run: bool, field_manager: str, request_id: str) -> WriteOptions:
        return WriteOptions(
            request_id=request_id or self._rand.uuid(),
            field_manager=field_manager or self._field_manager,
            dry_run=dry_run,
            fence=fence,
        )


def key_of(kind: Kind[Any], name: str, namespace: str) -> ObjectKey:
    """Return the key of an object of a kind."""
    return ObjectKey(kind=kind.name, namespace=namespace, name=name)


def _service_of(kinds: Sequence[Kind[Any]]) -> int:
    services = {kind.service for kind in kinds}
    if len(services) != 1:
        raise BadRequest("a watch is of one or more kinds of one service")
    return services.pop()
