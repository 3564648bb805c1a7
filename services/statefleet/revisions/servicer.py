"""The revision history's gRPC service: the generic verbs, and the calls that are its alone."""

# ruff: noqa: N802, ARG002 -- the names and the context are those of the generated servicer

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.object.v1.verbs_pb2 import WriteOptions
from statefleet.api.revisions.v1.revision_history_pb2 import (
    DiffRequest,
    DiffResponse,
    ListRevisionsRequest,
    ListRevisionsResponse,
    Owner,
    RecordRequest,
    RecordResponse,
    RollBackRequest,
    RollBackResponse,
)
from statefleet.api.revisions.v1.revision_history_pb2_grpc import RevisionHistoryServicer
from statefleet.errors import BadRequest, NotFound
from statefleet.objects.kinds import CONTROLLER_REVISION, DAEMON_SET, STATEFUL_SET
from statefleet.revisions.authorship import summary_of
from statefleet.revisions.difference import differences
from statefleet.revisions.recording import RevisionedSet, decide_record, owned_by
from statefleet.store.verbs import Home, ObjectServicer


class RevisionHistory(ObjectServicer, RevisionHistoryServicer):
    """Serves the revisions of StatefulSets and DaemonSets."""

    def __init__(self, homes: Iterable[Home]) -> None:
        super().__init__(homes)
        self._revisions = self.home(CONTROLLER_REVISION.name)
        self.replica = self._revisions.replica

    async def Record(self, request: RecordRequest, context: Any) -> RecordResponse:
        """Find the revision that equals a set's template and make it the newest, or add it, in one decision."""
        owner = _owner(request)
        home = self._revisions
        # Repeating it gives the same answer by itself, so the request's identifier is not needed.
        options = WriteOptions()
        options.CopyFrom(request.options)
        options.ClearField("request_id")
        written = await home.writer.write(options, lambda draft: decide_record(draft, home.strategy, owner))
        decided = written.decided
        assert decided is not None
        changed = written.changed(CONTROLLER_REVISION.name, owner.metadata.namespace, decided.revision.metadata.name)
        revision = decided.revision if changed is None else changed.last.message
        return RecordResponse(revision=revision, collision_count=decided.collision_count)

    async def ListRevisions(self, request: ListRevisionsRequest, context: Any) -> ListRevisionsResponse:
        """List a set's revisions, oldest first."""
        revisions = await self._by_number(request.owner)
        return ListRevisionsResponse(revisions=revisions, summaries=map(summary_of, revisions))

    async def Diff(self, request: DiffRequest, context: Any) -> DiffResponse:
        """Tell what differs between two revisions of a set."""
        revisions = await self._by_number(request.owner)
        last = len(revisions) - 1
        after = _find(revisions, request.to_revision, last, "the set has no revisions")
        one_before = revisions.index(after) - 1
        before = _find(revisions, request.from_revision, one_before, "no revision before it to compare with")
        return DiffResponse(
            to=summary_of(after),
            changes=differences(before.data.raw, after.data.raw),
            **{"from": summary_of(before)},
        )

    async def RollBack(self, request: RollBackRequest, context: Any) -> RollBackResponse:
        """Answer the template of an earlier revision, ready to be written into the set."""
        revisions = await self._by_number(request.owner)
        found = _find(revisions, request.to_revision, len(revisions) - 2, "no last revision to roll back to")
        return RollBackResponse(revision=found, patch=found.data.raw)

    async def _by_number(self, owner: Owner) -> list[ControllerRevision]:
        if not (owner.uid or (owner.kind and owner.name)):
            raise BadRequest("owner: Required value: its uid, or its kind and name")
        await self.replica.read_barrier()
        found = [entry.message for entry in owned_by(self.replica.state, owner)]
        return sorted(found, key=lambda revision: (revision.revision, revision.metadata.name))


def _find(revisions: Sequence[ControllerRevision], number: int, otherwise: int, complaint: str) -> ControllerRevision:
    """Return the revision of a number, or for 0 the one at the index `otherwise`. NotFound where there is none."""
    if number:
        found = next((revision for revision in revisions if revision.revision == number), None)
        if found is None:
            raise NotFound(f"unable to find specified revision {number} in history")
        return found
    if otherwise < 0:
        raise NotFound(complaint)
    return revisions[otherwise]


def _owner(request: RecordRequest) -> RevisionedSet:
    held = request.set.WhichOneof("kind")
    if held not in (STATEFUL_SET.oneof, DAEMON_SET.oneof):
        raise BadRequest("set: Invalid value: it is neither a StatefulSet nor a DaemonSet")
    owner: RevisionedSet = getattr(request.set, held)
    if not (owner.metadata.uid and owner.metadata.name and owner.metadata.namespace):
        raise BadRequest("set: Invalid value: it has no name, namespace or uid: it is not a stored one")
    return owner
