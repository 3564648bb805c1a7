"""Decide what a new object becomes before it is proposed. Pure but for the identifiers that the draft hands out."""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.message import Message

from statefleet.api.object.v1.verbs_pb2 import Slot
from statefleet.errors import BadRequest
from statefleet.objects.kinds import NAMESPACE, Kind
from statefleet.objects.managed import write_entries
from statefleet.objects.meta import controller_of, is_controlled_by, is_deleting, to_time
from statefleet.objects.validation import invalid
from statefleet.store.draft import Draft
from statefleet.store.entries import Key
from statefleet.store.owners import UNRECORDED, Owners
from statefleet.store.rejections import already_exists, conflict, namespace_missing, namespace_terminating
from statefleet.store.state import State
from statefleet.store.strategy import Strategy

M = TypeVar("M", bound=Message)

_SUFFIX_LENGTH = 5
_GENERATED_BASE_LENGTH = 63 - _SUFFIX_LENGTH
_NAME_ATTEMPTS = 8


def decide_creation(
    draft: Draft, strategy: Strategy[Any], message: Any, slot: Slot | None = None, owners: Owners = UNRECORDED
) -> None:
    """Complete a new object in place and put it into the draft. `owners` says who owns its fields.

    Raises BadRequest, Invalid, AlreadyExists, Conflict where the slot is full, and what the kind's strategy raises.
    """
    kind = strategy.kind
    _stamp(draft, kind, message)
    entries = write_entries(owners.of_new(message, strategy.default, draft.now))
    message.metadata.ClearField("managed_fields")
    if strategy.has_generation:
        message.metadata.generation = 1
    if strategy.has_status and not strategy.keeps_status_on_create:
        message.ClearField("status")
    strategy.prepare_create(message, draft)
    strategy.default(message)
    causes = strategy.validate_create(message)
    if causes:
        raise invalid(kind, message.metadata.name, causes)
    strategy.allocate(message, None, draft)
    if slot is not None:
        slot = _admit_slot(draft, kind, message.metadata, slot)
    message.metadata.managed_fields.extend(entries)
    draft.create(kind, message, slot)


def admit_namespace(draft: Draft, namespaces: State, kind: Kind[Any], message: Any) -> None:
    """Refuse a new object whose namespace, in the state that holds those, is missing or being deleted.

    Where that is the draft's own state, a deletion of the namespace at the same time refuses the create at apply.
    """
    namespace = message.metadata.namespace
    if not kind.namespaced:
        return
    if not namespace:
        raise BadRequest("an empty namespace may not be set during creation")
    entry = namespaces.get(Key(NAMESPACE.name, "", namespace))
    if entry is None:
        raise namespace_missing(namespace)
    if is_deleting(entry.message.metadata):
        raise namespace_terminating(kind, message.metadata.name, namespace)
    if namespaces is draft.state:
        draft.check(namespace_mark(namespace))


def namespace_mark(namespace: str) -> str:
    """Return the mark that the deletion of a namespace sets."""
    return f"namespace/{namespace}"


def _stamp(draft: Draft, kind: Kind[Any], message: Any) -> None:
    meta = message.metadata
    if meta.resource_version:
        raise BadRequest("resourceVersion should not be set on objects to be created")
    for field in ("deletion_timestamp", "deletion_grace_period_seconds", "self_link", "generation"):
        meta.ClearField(field)
    meta.uid = draft.rand.uuid()
    meta.creation_timestamp.CopyFrom(to_time(draft.now))
    _name(draft, kind, meta)


def _name(draft: Draft, kind: Kind[Any], meta: Any) -> None:
    """Give the object a free name. One without name and generateName is left to validation."""
    if meta.name:
        if draft.state.get(Key(kind.name, meta.namespace, meta.name)) is not None:
            raise already_exists(kind, meta.name)
        return
    if not meta.generate_name:
        return
    base = meta.generate_name[:_GENERATED_BASE_LENGTH]
    for _ in range(_NAME_ATTEMPTS):
        meta.name = base + draft.rand.suffix(_SUFFIX_LENGTH)
        if draft.state.get(Key(kind.name, meta.namespace, meta.name)) is None:
            return
    raise already_exists(kind, meta.name, generated=True)


def _admit_slot(draft: Draft, kind: Kind[Any], meta: Any, slot: Slot) -> Slot:
    """Return the slot as it is to be taken: objects in it that its controller has let go of take up no room."""
    held = draft.state.slots.get(slot.name, 0)
    if held < slot.limit:
        return slot
    controller = controller_of(meta)
    let_go = 0 if controller is None else _count_let_go(draft, kind, meta.namespace, slot.name, controller.uid)
    if held - let_go >= slot.limit:
        raise conflict(kind, meta.name, f'the slot "{slot.name}" is full')
    return Slot(name=slot.name, limit=slot.limit + let_go)


def _count_let_go(draft: Draft, kind: Kind[Any], namespace: str, slot: str, controller: str) -> int:
    entries = draft.state.list(kind.name, namespace)
    return sum(it.slot == slot and not is_controlled_by(it.message.metadata, controller) for it in entries)
