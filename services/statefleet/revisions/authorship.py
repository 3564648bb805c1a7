"""Who made a revision, when and why. Pure."""

from __future__ import annotations

from typing import Any

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.meta.v1.object_meta_pb2 import ManagedFieldsEntry
from statefleet.api.revisions.v1.revision_history_pb2 import RevisionSummary
from statefleet.objects.authors import DATA, NUMBER, TEMPLATE, author, author_of, set_authors
from statefleet.objects.meta import CHANGE_CAUSE_ANNOTATION, seconds
from statefleet.store.draft import Draft


def sign(revision: ControllerRevision, owner: StatefulSet | DaemonSet, draft: Draft) -> None:
    """Note in a revision that gets its number now who gave the set its template, and who records it."""
    entries = [author(draft.manager, draft.now, NUMBER)]
    changed = author_of(owner.metadata, TEMPLATE)
    if changed is not None:
        entries.insert(0, author(changed.manager, seconds(changed.time), DATA))
    set_authors(revision.metadata, entries)


def summary_of(revision: ControllerRevision) -> RevisionSummary:
    """Return who made a revision, when and why, as far as that is known."""
    meta = revision.metadata
    changed: Any = author_of(meta, DATA) or ManagedFieldsEntry()
    recorded = author_of(meta, NUMBER)
    return RevisionSummary(
        name=meta.name,
        revision=revision.revision,
        created_at=meta.creation_timestamp,
        recorded_at=meta.creation_timestamp if recorded is None else recorded.time,
        changed_by=changed.manager,
        changed_at=changed.time if changed.HasField("time") else None,
        change_cause=meta.annotations.get(CHANGE_CAUSE_ANNOTATION, ""),
    )
