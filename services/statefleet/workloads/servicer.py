"""The workload store's gRPC service: the generic verbs, and the calls that are its alone."""

# ruff: noqa: N802, ARG002 -- the names and the context are those of the generated servicer

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.api.object.v1.object_pb2 import Object, ObjectKey
from statefleet.api.object.v1.verbs_pb2 import (
    ApplyRequest,
    CreateRequest,
    DeleteResponse,
    GetRequest,
    UpdateRequest,
    WriteOptions,
    WriteResponse,
)
from statefleet.api.workloads.v1.workload_store_pb2 import (
    BindRequest,
    EvictRequest,
    EvictResponse,
    FinalizeNamespaceRequest,
    GetScaleRequest,
    RecordEventsRequest,
    RecordEventsResponse,
    RefusedEvent,
    ScaleResponse,
    UpdateScaleRequest,
)
from statefleet.api.workloads.v1.workload_store_pb2_grpc import WorkloadStoreServicer
from statefleet.errors import BadRequest, FleetError
from statefleet.objects.kinds import EVENT, NAMESPACE, POD, STATEFUL_SET, held_kind
from statefleet.store.draft import Draft
from statefleet.store.entries import Key
from statefleet.store.owners import owners_after
from statefleet.store.reading import get
from statefleet.store.verbs import Home, ObjectServicer, answer, answer_delete
from statefleet.store.writing import Writer
from statefleet.workloads.binding import decide_binding
from statefleet.workloads.events import EVENTS_AT_ONCE, record
from statefleet.workloads.eviction import decide_eviction
from statefleet.workloads.namespaces import NamespaceStrategy, decide_finalization
from statefleet.workloads.placements import StoredPlacements
from statefleet.workloads.scale import admit_scalable, decide_scale, scale_of
from statefleet.workloads.unacted import SIMULATED, unacted


class WorkloadStore(ObjectServicer, WorkloadStoreServicer):
    """Serves what users declare and workers create for a workload."""

    def __init__(self, homes: Iterable[Home], runtime: str = SIMULATED) -> None:
        super().__init__(homes)
        self.replica = self.home(POD.name).replica
        self.placements = StoredPlacements(self.replica, self.home(EVENT.name).replica)
        self._runtime = runtime

    async def Create(self, request: CreateRequest, context: Any) -> WriteResponse:
        """Add an object, and say what of it nothing acts on."""
        response = await super().Create(request, context)
        if not request.options.HasField("fence"):
            response.warnings.extend(unacted(_message(response.object), runtime=self._runtime))
        return response

    async def Update(self, request: UpdateRequest, context: Any) -> WriteResponse:
        """Replace an object, and say what of it nothing acts on. Workers, whose writes are fenced, are not told."""
        if request.options.HasField("fence"):
            return await super().Update(request, context)
        before = self._stored(request.object)
        response = await super().Update(request, context)
        response.warnings.extend(unacted(_message(response.object), before, runtime=self._runtime))
        return response

    async def Apply(self, request: ApplyRequest, context: Any) -> WriteResponse:
        """Apply a configuration, and say what of the object nothing acts on."""
        before = self._stored_under(Key.of(request.key))
        response = await super().Apply(request, context)
        response.warnings.extend(unacted(_message(response.object), before, runtime=self._runtime))
        return response

    def _stored(self, wrapped: Object) -> Any:
        """Return the object that one in a request is to replace, None where it is not known."""
        home, message = self._held(wrapped)
        return self._stored_under(Key(home.kind.name, message.metadata.namespace, message.metadata.name))

    def _stored_under(self, key: Key) -> Any:
        entry = self.home(key.kind).replica.state.get(key)
        return None if entry is None else entry.message

    async def Bind(self, request: BindRequest, context: Any) -> WriteResponse:
        """Give a pending pod its node."""
        home = self.home(POD.name)
        written = await home.writer.write(request.options, lambda draft: decide_binding(draft, request))
        return answer(home, ObjectMeta(namespace=request.namespace, name=request.name), written)

    async def Evict(self, request: EvictRequest, context: Any) -> EvictResponse:
        """Delete a pod if the disruption budgets that select it allow it."""
        home = self.home(POD.name)
        options = request.options
        if request.delete_options.dry_run:
            options = WriteOptions(dry_run=True)
        await home.writer.write(options, lambda draft: decide_eviction(draft, home.strategy, request))
        return EvictResponse()

    async def RecordEvents(self, request: RecordEventsRequest, context: Any) -> RecordEventsResponse:
        """Record events, and tell of those that cannot be."""
        if len(request.events) > EVENTS_AT_ONCE:
            raise BadRequest(f"events: {len(request.events)} are too many: send at most {EVENTS_AT_ONCE} at once")
        home = self.home(EVENT.name)
        owners = owners_after(request.options, home.kind)
        refused: dict[int, str] = {}

        def decide(draft: Draft) -> None:
            refused.clear()
            for index, event in enumerate(request.events):
                try:
                    record(draft, home, event, owners)
                except FleetError as error:
                    refused[index] = error.message

        await home.writer.write(request.options, decide)
        return RecordEventsResponse(
            refused=[RefusedEvent(index=index, message=message) for index, message in refused.items()]
        )

    async def GetScale(self, request: GetScaleRequest, context: Any) -> ScaleResponse:
        """Read how many replicas a set has and should have."""
        admit_scalable(request.key)
        found = await get(self.replica, STATEFUL_SET, GetRequest(key=request.key))
        return ScaleResponse(scale=scale_of(found.object.stateful_set))

    async def UpdateScale(self, request: UpdateScaleRequest, context: Any) -> ScaleResponse:
        """Set how many replicas a set should have."""
        admit_scalable(request.key)
        home = self.home(STATEFUL_SET.name)
        owners = owners_after(request.options, home.kind, "scale")
        written = await home.writer.write(
            request.options, lambda draft: decide_scale(draft, home.strategy, request.key, request.scale, owners)
        )
        asked = ObjectMeta(namespace=request.key.namespace, name=request.key.name)
        return ScaleResponse(scale=scale_of(answer(home, asked, written).object.stateful_set))

    async def FinalizeNamespace(self, request: FinalizeNamespaceRequest, context: Any) -> DeleteResponse:
        """Take the last finalizer off a namespace that is empty, which removes it; its events go first."""
        home = self.home(NAMESPACE.name)
        strategy = cast("NamespaceStrategy", home.strategy)

        def decide(draft: Draft) -> tuple[Any, bool]:
            namespace = decide_finalization(draft, strategy, request.name, request.uid)
            return namespace, not namespace.metadata.finalizers

        written = await home.writer.write(request.options, decide)
        if not request.options.dry_run:
            await _drop_events(self.home(EVENT.name).writer, request.name)
        return answer_delete(home, ObjectKey(kind=NAMESPACE.name, name=request.name), written)


async def _drop_events(writer: Writer, namespace: str) -> None:
    """Delete the events of a namespace."""

    def decide(draft: Draft) -> int:
        events = draft.state.list(EVENT.name, namespace)[:EVENTS_AT_ONCE]
        for entry in events:
            draft.remove(entry)
        return len(events)

    while (await writer.write(WriteOptions(), decide)).decided == EVENTS_AT_ONCE:
        pass


def _message(wrapped: Object) -> Any:
    return held_kind(wrapped).unwrap(wrapped)
