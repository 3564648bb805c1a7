"""The gRPC service of rollouts: observe, change the set, wait. It keeps nothing."""

# ruff: noqa: N802, ARG002 -- the names and the context are those of the generated servicer

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NamedTuple

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.object.v1.verbs_pb2 import WriteOptions
from statefleet.api.rollouts.v1.rollouts_pb2 import (
    RestartRequest,
    RestartResponse,
    Revision,
    SetPartitionRequest,
    SetPartitionResponse,
    StatusRequest,
    StatusResponse,
    Target,
    UndoRequest,
    UndoResponse,
    WaitRequest,
    WaitResponse,
    WatchRequest,
    WatchResponse,
)
from statefleet.api.rollouts.v1.rollouts_pb2_grpc import RolloutsServicer
from statefleet.client.fleet import Fleet
from statefleet.errors import BadRequest, Conflict
from statefleet.objects.kinds import STATEFUL_SET, Kind, kind_of
from statefleet.objects.times import to_time
from statefleet.rollouts.changes import partitioned, restarted, restarted_at, rolled_back
from statefleet.rollouts.following import Observer, kind_named, namespace_of
from statefleet.rollouts.stateful import partition_of
from statefleet.rollouts.verdicts import RevisionedSet
from statefleet.rollouts.waiting import until_ended
from statefleet.rpc.identity import caller
from statefleet.runtime.clock import Clock

ATTEMPTS = 5
"""How often a change is tried while others write between its read and its write."""

PATIENCE_SECONDS = 10.0
"""How long a rollout may be stuck where its caller does not say."""

_MARGIN_SECONDS = 0.5
_MARGIN_FRACTION = 0.1


class _Changed(NamedTuple):
    """What a change found and what it made of it."""

    before: Any
    after: Any
    warnings: tuple[str, ...] = ()


class Rollouts(RolloutsServicer):
    """Serves the rollouts of a fleet's sets, in front of its services."""

    def __init__(self, fleet: Fleet, clock: Clock) -> None:
        self._fleet = fleet
        self._clock = clock
        self._observer = Observer(fleet, clock)

    # Observing.

    async def Status(self, request: StatusRequest, context: Any) -> StatusResponse:
        """Tell how far a rollout is."""
        return StatusResponse(progress=await self._observer.look(request.target))

    async def Watch(self, request: WatchRequest, context: Any) -> AsyncIterator[WatchResponse]:
        """Tell how far a rollout is, and again whenever that changes."""
        async with aclosing(self._observer.follow(request.target)) as steps:
            async for progress in steps:
                yield WatchResponse(progress=progress)

    async def Wait(self, request: WaitRequest, context: Any) -> WaitResponse:
        """Answer when a rollout is done or has failed, in time for the caller's deadline."""
        patience = (
            request.patience.ToTimedelta().total_seconds() if request.HasField("patience") else PATIENCE_SECONDS
        )
        steps = self._observer.follow(request.target)
        progress = await until_ended(steps, timeout=_timeout(request, context), patience=patience)
        return WaitResponse(progress=progress, ended_at=to_time(self._clock.now()))

    # Changing.

    async def Undo(self, request: UndoRequest, context: Any) -> UndoResponse:
        """Go back to an earlier revision of the template."""
        if request.to_revision < 0:
            raise BadRequest(f"to_revision: Invalid value: {request.to_revision}: must be greater than or equal to 0")
        kind, dry_run = kind_named(request.target), request.options.dry_run
        chosen: list[tuple[Revision, RevisionedSet]] = []

        async def undo(owner: RevisionedSet) -> RevisionedSet:
            if not dry_run:
                # The set's newest template may not be recorded yet, and "the one before" is the one before that.
                await self._fleet.record_revision(owner)
            meta = owner.metadata
            answer = await self._fleet.roll_back(
                kind, meta.name, meta.namespace, uid=meta.uid, to_revision=request.to_revision
            )
            asked = rolled_back(owner, answer.patch)
            chosen.append((_named(answer.revision), asked))
            return asked

        changed = await self._change(request.target, request.options, context, undo)
        after, (revision, asked) = changed.after, chosen[-1]
        # A request that was repeated is answered with what the first one led to.
        is_first = after.spec.template == asked.spec.template
        return UndoResponse(
            revision=revision if is_first else await self._revision_of(after),
            changed=changed.before.spec.template != after.spec.template,
            generation=after.metadata.generation,
            warnings=changed.warnings,
        )

    async def _revision_of(self, owner: RevisionedSet) -> Revision | None:
        """Return the revision that a set's template is, None where it has none."""
        meta, template = owner.metadata, owner.spec.template
        found = await self._fleet.list_revisions(kind_of(owner), meta.name, meta.namespace, uid=meta.uid)
        equal = (each for each in reversed(found) if rolled_back(owner, each.data.raw).spec.template == template)
        return next(map(_named, equal), None)

    async def Restart(self, request: RestartRequest, context: Any) -> RestartResponse:
        """Replace every pod by a new one of the same template."""

        async def restart(owner: RevisionedSet) -> RevisionedSet:
            return restarted(owner, self._clock.now())

        changed = await self._change(request.target, request.options, context, restart)
        return RestartResponse(
            restarted_at=restarted_at(changed.after),
            generation=changed.after.metadata.generation,
            warnings=changed.warnings,
        )

    async def SetPartition(self, request: SetPartitionRequest, context: Any) -> SetPartitionResponse:
        """Set where an update of a StatefulSet stops."""
        if kind_named(request.target) is not STATEFUL_SET:
            raise BadRequest("target.kind: Invalid value: only a StatefulSet's update has a partition")

        async def partition(owner: Any) -> RevisionedSet:
            return partitioned(owner, request.partition)

        changed = await self._change(request.target, request.options, context, partition)
        return SetPartitionResponse(
            previous_partition=partition_of(changed.before),
            generation=changed.after.metadata.generation,
            warnings=changed.warnings,
        )

    async def _change(
        self,
        target: Target,
        options: WriteOptions,
        context: Any,
        change: Callable[[Any], Awaitable[RevisionedSet]],
    ) -> _Changed:
        """Read the set, change it and write it at the version read; again where another wrote meanwhile.

        A repeated request gets the set that the first one made: the store knows it by the request's identifier.
        """
        kind: Kind[Any] = kind_named(target)
        for attempt in range(1, ATTEMPTS + 1):
            before = await self._fleet.get(kind, target.name, namespace_of(target))
            after = await change(before)
            if after == before:
                return _Changed(before, before)
            try:
                written = await self._fleet.update(
                    after,
                    dry_run=options.dry_run,
                    fence=options.fence if options.HasField("fence") else None,
                    field_manager=options.field_manager or caller(context).name,
                    request_id=options.request_id,
                )
            except Conflict:
                if attempt == ATTEMPTS:
                    raise
                continue
            return _Changed(before, written.object, written.warnings)
        raise AssertionError("the last attempt returns or raises")


def _named(revision: ControllerRevision) -> Revision:
    return Revision(name=revision.metadata.name, number=revision.revision)


def _timeout(request: WaitRequest, context: Any) -> float | None:
    """Return how long to wait: as long as asked for, and a little less than the call may last."""
    asked = request.timeout.ToTimedelta().total_seconds() if request.HasField("timeout") else None
    remaining: float | None = context.time_remaining()
    if remaining is None:
        return asked
    remaining = max(0.0, remaining - min(_MARGIN_SECONDS, remaining * _MARGIN_FRACTION))
    return remaining if asked is None else min(asked, remaining)
