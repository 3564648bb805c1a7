"""Decide what an update makes of a stored object. Pure."""

from __future__ import annotations

from typing import Any

from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.objects.kinds import Kind
from statefleet.objects.meta import is_deleting
from statefleet.objects.validation import invalid
from statefleet.store.draft import Draft
from statefleet.store.entries import Entry, Key
from statefleet.store.owners import UNRECORDED, Owners
from statefleet.store.rejections import conflict, not_found, uid_conflict
from statefleet.store.strategy import Strategy

_CARRIED_FIELDS = (
    "generate_name",
    "self_link",
    "uid",
    "resource_version",
    "generation",
    "creation_timestamp",
    "deletion_timestamp",
    "deletion_grace_period_seconds",
)
"""Metadata that only the server writes."""


def decide_update(draft: Draft, strategy: Strategy[Any], asked: Any, owners: Owners = UNRECORDED) -> Any:
    """Return the object that an update leads to, having put the change, if it is one, into the draft.

    The status is left as it is. An object that is being deleted is removed with its last finalizer. `owners` says who
    owns the fields then.
    Raises NotFound, Conflict and Invalid.
    """
    stored = stored_for(draft, strategy.kind, asked.metadata)
    old = stored.message
    new = type(asked)()
    new.CopyFrom(asked)
    _carry_metadata(new.metadata, old.metadata)
    if strategy.has_status:
        _carry_field(new, old, "status")
    strategy.prepare_update(new, old, draft)
    strategy.default(new)
    _refuse(strategy.kind, new, strategy.validate_update(new, old))
    strategy.allocate(new, old, draft)
    if strategy.has_generation and strategy.is_spec_changed(new, old):
        new.metadata.generation = old.metadata.generation + 1
    owners.put(new, old, asked, draft.now)
    return settle(draft, strategy, stored, new)


def decide_status(draft: Draft, strategy: Strategy[Any], asked: Any, owners: Owners = UNRECORDED) -> Any:
    """Return the object with the status asked for, having put the change, if it is one, into the draft."""
    stored = stored_for(draft, strategy.kind, asked.metadata)
    old = stored.message
    strategy.admit_status(asked, old, draft)
    new = stored.copy()
    _carry_field(new, asked, "status")
    strategy.prepare_status(new, old, draft)
    if strategy.defaults_status:
        strategy.default(new)
    _refuse(strategy.kind, new, strategy.validate_status(new, old))
    if owners is not UNRECORDED:
        owners.put(new, old, asked, draft.now)
    return settle(draft, strategy, stored, new)


def settle(draft: Draft, strategy: Strategy[Any], stored: Entry, new: Any) -> Any:
    """Put `new` in the place of a stored object: nothing where it is equal, its removal where nothing holds it."""
    if new == stored.message:
        return new
    if is_released(strategy, new):
        strategy.removed(new, draft)
        draft.remove(stored)
    else:
        draft.replace(strategy.kind, new, stored)
    return new


def is_released(strategy: Strategy[Any], message: Any) -> bool:
    """Return whether an object is being deleted and nothing holds it any more."""
    meta = message.metadata
    return (
        is_deleting(meta)
        and not meta.finalizers
        and not meta.deletion_grace_period_seconds
        and not strategy.is_held(message)
    )


def stored_for(draft: Draft, kind: Kind[Any], asked: ObjectMeta) -> Entry:
    """Return the stored object that `asked` names, with the uid and at the version that it names, if any.

    Raises NotFound and Conflict.
    """
    entry = draft.state.get(Key(kind.name, asked.namespace, asked.name))
    if entry is None:
        raise not_found(kind, asked.name)
    meta = entry.message.metadata
    if asked.uid and asked.uid != meta.uid:
        raise uid_conflict(kind, asked.name, asked.uid, meta.uid)
    if asked.resource_version and asked.resource_version != meta.resource_version:
        raise conflict(kind, asked.name)
    return entry


def _carry_metadata(new: ObjectMeta, old: ObjectMeta) -> None:
    for field in _CARRIED_FIELDS:
        _carry_field(new, old, field)
    new.ClearField("managed_fields")


def _carry_field(new: Any, old: Any, field: str) -> None:
    new.ClearField(field)
    if not old.HasField(field):
        return
    value = getattr(old, field)
    if isinstance(value, (str, int)):
        setattr(new, field, value)
    else:
        getattr(new, field).CopyFrom(value)


def _refuse(kind: Kind[Any], message: Any, causes: Any) -> None:
    if causes:
        raise invalid(kind, message.metadata.name, causes)
