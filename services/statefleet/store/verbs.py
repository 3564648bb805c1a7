"""The generic gRPC verbs over replicas: what the workload store, the revision history and the node registry share."""

# ruff: noqa: N802, ARG002 -- the names and the context are those of the generated servicers

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions
from statefleet.api.object.v1.object_pb2 import Object, ObjectKey
from statefleet.api.object.v1.verbs_pb2 import (
    ApplyRequest,
    ClaimShardRequest,
    ClaimShardResponse,
    CreateRequest,
    DeleteRequest,
    DeleteResponse,
    Fence,
    GetRequest,
    GetResponse,
    ListRequest,
    ListResponse,
    Slot,
    UpdateRequest,
    UpdateStatusRequest,
    WatchRequest,
    WatchResponse,
    WriteOptions,
    WriteResponse,
)
from statefleet.authorization.agents import Placements
from statefleet.errors import BadRequest, Expired, MethodNotAllowed
from statefleet.objects.kinds import Kind, held_kind
from statefleet.store.applying import STATUS, Applying, decide_application, read_configuration
from statefleet.store.creation import admit_namespace, decide_creation
from statefleet.store.deletion import decide_deletion
from statefleet.store.draft import Draft
from statefleet.store.entries import Key
from statefleet.store.owners import Owners, owners_after
from statefleet.store.reading import get, list_page
from statefleet.store.rejections import not_found, unserved
from statefleet.store.replica import Replica
from statefleet.store.splice import write_response
from statefleet.store.strategy import Strategy
from statefleet.store.updates import decide_status, decide_update
from statefleet.store.watching import watch
from statefleet.store.writing import Writer, Written


@dataclass(frozen=True, slots=True)
class Home:
    """Where a kind is stored and by which rules."""

    strategy: Strategy[Any]
    writer: Writer
    namespaces: Replica | None = None
    """The replica that has the namespaces, which a new object's must exist in; None: not known to this service."""

    @property
    def kind(self) -> Kind[Any]:
        """The kind."""
        return self.strategy.kind

    @property
    def replica(self) -> Replica:
        """The replica that stores the kind."""
        return self.writer.replica


class ObjectServicer:
    """Serves the generic verbs for some kinds. Errors are FleetErrors, which the server's interceptors send.

    Shards are claimed in the log of the first kind's home.
    """

    placements: Placements | None = None
    """What is known here of where pods are, by which agents are kept to theirs."""

    def __init__(self, homes: Iterable[Home]) -> None:
        self._homes: Mapping[str, Home] = {home.kind.name: home for home in homes}

    def home(self, kind: str) -> Home:
        """Return where a kind is stored. Raises BadRequest for one that is stored elsewhere."""
        home = self._homes.get(kind)
        if home is None:
            raise unserved(kind)
        return home

    @property
    def replicas(self) -> tuple[Replica, ...]:
        """The replicas behind the kinds, the one in which shards are claimed first."""
        return tuple(dict.fromkeys(home.replica for home in self._homes.values()))

    async def retire(self) -> None:
        """Let other replicas lead and answer, before this one stops."""
        await asyncio.gather(*(replica.retire() for replica in self.replicas))

    async def Get(self, request: GetRequest, context: Any) -> GetResponse:
        """Get one object."""
        home = self.home(request.key.kind)
        return await get(home.replica, home.kind, request)

    async def List(self, request: ListRequest, context: Any) -> AsyncIterator[ListResponse]:
        """List the objects of a kind, a page in one or more messages."""
        home = self.home(request.kind)
        for message in await list_page(home.replica, home.kind, request):
            yield message

    async def Create(self, request: CreateRequest, context: Any) -> WriteResponse:
        """Add an object: it is completed, defaulted and validated first."""
        home, message = self._held(request.object)
        slot = request.slot if request.HasField("slot") else None
        owners = owners_after(request.options, home.kind)

        def decide(draft: Draft) -> Any:
            created = type(message)()
            created.CopyFrom(message)
            if request.HasField("binding"):
                home.strategy.bind(created, request.binding, draft)
            return add(draft, home, created, owners, slot)

        written = await home.writer.write(request.options, decide)
        return answer(home, message.metadata, written)

    async def Update(self, request: UpdateRequest, context: Any) -> WriteResponse:
        """Replace an object, its status left as it is."""
        home, message = self._held(request.object)
        owners = owners_after(request.options, home.kind)
        written = await home.writer.write(
            request.options, lambda draft: decide_update(draft, home.strategy, message, owners)
        )
        return answer(home, message.metadata, written)

    async def UpdateStatus(self, request: UpdateStatusRequest, context: Any) -> WriteResponse:
        """Replace an object's status."""
        home, message = self._held(request.object)
        _admit_status(home)
        owners = owners_after(request.options, home.kind, STATUS)
        written = await home.writer.write(
            request.options, lambda draft: decide_status(draft, home.strategy, message, owners)
        )
        return answer(home, message.metadata, written)

    async def Apply(self, request: ApplyRequest, context: Any) -> WriteResponse:
        """Apply a configuration: set the fields that it names, for the field manager that names them."""
        home = self.home(request.key.kind)
        document = read_configuration(home.kind, request)
        if request.subresource:
            _admit_status(home)

        def decide(draft: Draft) -> Applying:
            return decide_application(
                draft,
                home.strategy,
                request,
                document,
                lambda message, owners: add(draft, home, message, owners),
            )

        written = await home.writer.write(request.options, decide)
        return answer_apply(home, request.key, written)

    async def Delete(self, request: DeleteRequest, context: Any) -> DeleteResponse:
        """Delete an object, at once or after its grace period and finalizers."""
        home = self.home(request.key.kind)
        key, options = Key.of(request.key), request.delete_options

        def decide(draft: Draft) -> tuple[Any, bool]:
            stored = draft.state.get(key)
            if stored is None:
                raise not_found(home.kind, key.name)
            return decide_deletion(draft, home.strategy, stored, options)

        written = await home.writer.write(_delete_write_options(request.options, options), decide)
        return answer_delete(home, request.key, written)

    async def Watch(self, request: WatchRequest, context: Any) -> AsyncIterator[WatchResponse]:
        """Follow the changes of objects."""
        replicas = {home.replica for home in map(self.home, request.kinds)}
        if len(replicas) != 1:
            raise BadRequest("kinds: name kinds that share one log: events are watched alone, and at least one kind")
        for replica in replicas:
            async for message in watch(replica, request):
                yield message

    async def ClaimShard(self, request: ClaimShardRequest, context: Any) -> ClaimShardResponse:
        """Claim a shard, so that older claims' writes are refused."""
        if not request.shard:
            raise BadRequest("shard: Required value")
        replica = self.replicas[0]
        epoch, version = await replica.claim_shard(request.shard, request.holder)
        return ClaimShardResponse(fence=Fence(shard=request.shard, epoch=epoch), resource_version=str(version))

    def _held(self, wrapped: Object) -> tuple[Home, Any]:
        """Return the home of the object that a request carries, and the object."""
        try:
            kind = held_kind(wrapped)
        except ValueError as error:
            raise BadRequest("object: Required value") from error
        return self.home(kind.name), kind.unwrap(wrapped)


def add(draft: Draft, home: Home, message: Any, owners: Owners, slot: Slot | None = None) -> Any:
    """Return the new object that a message becomes, having put it into the draft."""
    if home.namespaces is not None:
        admit_namespace(draft, home.namespaces.state, home.kind, message)
    decide_creation(draft, home.strategy, message, slot, owners)
    return message


def answer(home: Home, asked: Any, written: Written[Any]) -> WriteResponse:
    """Return a write's answer: the object that it led to. `asked` is the metadata that came with the request.

    Raises Expired for a repeated request whose object is no longer known.
    """
    decided = written.decided
    if written.outcome is None:
        return WriteResponse(object=home.kind.wrap(decided), warnings=written.warnings)
    meta = asked if decided is None else decided.metadata
    changed = written.changed(home.kind.name, meta.namespace, meta.name)
    if changed is None:
        entry = home.replica.state.get(Key(home.kind.name, meta.namespace, meta.name))
        if entry is None:
            raise Expired("the request was met before, and what it led to is no longer remembered")
        return write_response(entry)
    if changed.after is None and decided is not None:
        decided.metadata.resource_version = str(changed.version)
        return WriteResponse(object=home.kind.wrap(decided), warnings=written.warnings)
    return write_response(changed.last, written.warnings)


def answer_apply(home: Home, key: ObjectKey, written: Written[Applying]) -> WriteResponse:
    """Return an apply's answer. Raises Expired as `answer` does."""
    decided = written.decided
    plain = Written(None if decided is None else decided.message, written.outcome, written.warnings, written.changes)
    response = answer(home, key, plain)
    if decided is not None:
        response.created = decided.is_new
    else:
        changed = written.changed(key.kind, key.namespace, key.name)
        response.created = changed is not None and changed.before is None
    return response


def answer_delete(home: Home, key: ObjectKey, written: Written[tuple[Any, bool]]) -> DeleteResponse:
    """Return a deletion's answer."""
    state = home.replica.state
    if written.decided is not None and written.outcome is None:
        message, gone = written.decided
        return DeleteResponse(object=home.kind.wrap(message), deleted=gone, resource_version=str(state.version))
    version = str(state.version if written.outcome is None else written.outcome.version)
    changed = written.changed(key.kind, key.namespace, key.name)
    if changed is not None:
        return DeleteResponse(object=changed.last.object, deleted=changed.after is None, resource_version=version)
    entry = state.get(Key.of(key))
    return DeleteResponse(
        object=None if entry is None else entry.object, deleted=entry is None, resource_version=version
    )


def _admit_status(home: Home) -> None:
    if not home.strategy.has_status:
        raise MethodNotAllowed("the server does not allow this method on the requested resource")


def _delete_write_options(options: WriteOptions, delete_options: DeleteOptions) -> WriteOptions:
    """Return the write options, with the dry run that Kubernetes' delete options can ask for too."""
    if delete_options.dry_run and not options.dry_run:
        dry = WriteOptions(dry_run=True)
        dry.MergeFrom(options)
        return dry
    return options
