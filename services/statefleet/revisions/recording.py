"""Decide which revision a set's template is: an earlier one, taken up again, or a new one. Pure."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple, TypeAlias

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.revisions.v1.revision_history_pb2 import Owner
from statefleet.objects.defaults import apply_defaults
from statefleet.objects.kinds import CONTROLLER_REVISION
from statefleet.objects.meta import (
    CHANGE_CAUSE_ANNOTATION,
    REVISION_HASH_LABEL,
    REVISION_LABEL,
    controller_of,
    controller_reference,
    is_deleting,
)
from statefleet.objects.selectors import LabelSelector
from statefleet.revisions.authorship import sign
from statefleet.revisions.data import means, revision_data, revision_hash
from statefleet.store.creation import decide_creation
from statefleet.store.draft import Draft
from statefleet.store.entries import Entry, Key
from statefleet.store.state import State
from statefleet.store.strategy import Strategy

RevisionedSet: TypeAlias = StatefulSet | DaemonSet
"""What has revisions."""


class Recorded(NamedTuple):
    """A set's newest revision, and its collision count from now on."""

    revision: ControllerRevision
    collision_count: int


def decide_record(draft: Draft, strategy: Strategy[ControllerRevision], owner: RevisionedSet) -> Recorded:
    """Return the revision that equals the set's template, with the set's highest number.

    One that means the same is renumbered where it is not the newest, and takes over the set's change cause, unless
    that is what another revision was made for: a set that is rolled back still bears the cause of what it leaves.
    Orphans that the set selects are adopted. Two decisions at once about one set exclude each other at apply.
    """
    normal = _defaulted(owner)
    named = Owner(namespace=owner.metadata.namespace, uid=owner.metadata.uid)
    known = [*owned_by(draft.state, named), *_orphans(draft.state, normal)]
    newest = max((entry.message.revision for entry in known), default=0)
    data = revision_data(normal.spec.template)
    equal = [entry for entry in known if means(entry.message.data.raw, data)]
    chosen = max(equal, key=lambda entry: (entry.message.revision, entry.key.name), default=None)
    for entry in known:
        if entry is not chosen:
            _replace(draft, entry, _adopted(entry, normal))
    mark = f"revisions/{owner.metadata.uid}"
    draft.check(mark)
    draft.mark(mark)
    if chosen is None:
        return _add(draft, strategy, normal, data, newest + 1)
    is_newest = chosen.message.revision == newest and _is_single(known, newest)
    revision = _adopted(chosen, normal)
    if not is_newest:
        revision.revision = newest + 1
        sign(revision, owner, draft)
    cause = _cause(owner)
    if cause and cause not in [_cause(entry.message) for entry in known]:
        revision.metadata.annotations[CHANGE_CAUSE_ANNOTATION] = cause
    _replace(draft, chosen, revision)
    return Recorded(revision, owner.status.collision_count)


def _defaulted(owner: RevisionedSet) -> RevisionedSet:
    normal: RevisionedSet = copy.deepcopy(owner)
    apply_defaults(normal)
    return normal


def owned_by(state: State, owner: Owner) -> list[Entry]:
    """Return the revisions that a set controls, by name; of any set of its kind and name where no uid is given."""
    found = []
    for entry in state.list(CONTROLLER_REVISION.name, owner.namespace):
        reference = controller_of(entry.message.metadata)
        if reference is None:
            continue
        if reference.uid == owner.uid if owner.uid else (reference.kind, reference.name) == (owner.kind, owner.name):
            found.append(entry)
    return found


def _orphans(state: State, owner: RevisionedSet) -> list[Entry]:
    """Return the revisions without a controller that the set selects: they outlived a set that was deleted."""
    if is_deleting(owner.metadata) or not owner.spec.HasField("selector"):
        return []
    selector = LabelSelector.from_message(owner.spec.selector)
    return [
        entry
        for entry in state.list(CONTROLLER_REVISION.name, owner.metadata.namespace)
        if controller_of(entry.message.metadata) is None
        and not is_deleting(entry.message.metadata)
        and selector.matches(entry.message.metadata.labels)
    ]


def _cause(message: RevisionedSet | ControllerRevision) -> str:
    return message.metadata.annotations.get(CHANGE_CAUSE_ANNOTATION, "")


def _is_single(known: list[Entry], number: int) -> bool:
    return [entry.message.revision for entry in known].count(number) == 1


def _adopted(entry: Entry, owner: RevisionedSet) -> ControllerRevision:
    """Return a copy of a revision that the set controls."""
    revision: ControllerRevision = entry.copy()
    if controller_of(revision.metadata) is None:
        revision.metadata.owner_references.append(controller_reference(owner))
    return revision


def _replace(draft: Draft, entry: Entry, revision: ControllerRevision) -> None:
    if revision != entry.message:
        draft.replace(CONTROLLER_REVISION, revision, entry)


def _add(
    draft: Draft, strategy: Strategy[ControllerRevision], owner: RevisionedSet, data: bytes, number: int
) -> Recorded:
    """Make a new revision under the first name that other data has not taken."""
    meta, collisions = owner.metadata, owner.status.collision_count
    while True:
        fingerprint = revision_hash(data, collisions)
        name = f"{meta.name}-{fingerprint}"
        if draft.state.get(Key(CONTROLLER_REVISION.name, meta.namespace, name)) is None:
            break
        collisions += 1
    revision = _new(owner, name, fingerprint)
    revision.data.raw = data
    revision.revision = number
    decide_creation(draft, strategy, revision)
    sign(revision, owner, draft)
    draft.create(CONTROLLER_REVISION, revision)
    return Recorded(revision, collisions)


def _new(owner: RevisionedSet, name: str, fingerprint: str) -> ControllerRevision:
    revision = ControllerRevision()
    meta: Any = revision.metadata
    meta.name, meta.namespace = name, owner.metadata.namespace
    # Clients find a set's revisions by its selector, which its template's labels match.
    meta.labels.update(owner.spec.template.metadata.labels)
    meta.labels[REVISION_HASH_LABEL if isinstance(owner, StatefulSet) else REVISION_LABEL] = fingerprint
    meta.annotations.update(owner.metadata.annotations)
    meta.owner_references.append(controller_reference(owner))
    return revision
