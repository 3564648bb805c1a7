"""Decide what an object's owners mean for it. Pure: no I/O, clock or randomness.

The rules are those of Kubernetes' garbage collector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from statefleet.api.meta.v1.object_meta_pb2 import OwnerReference
from statefleet.garbage.graph import owner_kind
from statefleet.objects.meta import FOREGROUND_FINALIZER, ORPHAN_FINALIZER, has_finalizer, is_deleting


class Owner(Enum):
    """What is known of an owner."""

    THERE = auto()
    WAITING = auto()
    """It is being deleted and goes after its dependents."""
    GONE = auto()
    UNKNOWN = auto()
    """It is not shown, and only its service can say."""


@dataclass(frozen=True, slots=True)
class Keep:
    """The object stays, with these owners; None: as it is."""

    owners: tuple[OwnerReference, ...] | None = None


@dataclass(frozen=True, slots=True)
class Collect:
    """The object goes, its own dependents in this way."""

    propagation: str


def state_of(owner: Any, reference: OwnerReference) -> Owner:
    """Return what the object that is shown under an owner's name says of the owner; None: none is shown."""
    if owner is None or owner.metadata.uid != reference.uid:
        return Owner.UNKNOWN
    return Owner.WAITING if waits_for_dependents(owner) else Owner.THERE


def decide(message: Any, states: Sequence[Owner], *, has_dependents: bool) -> Keep | Collect:
    """Return what becomes of an object by the states of its owners, in their order.

    It goes when none of them is there any more; those that are gone are dropped where another stays.
    """
    references = message.metadata.owner_references
    kept = [reference for reference, state in zip(references, states, strict=True) if _holds(state)]
    if len(kept) == len(references):
        return Keep()
    if kept:
        return Keep(tuple(kept))
    meta = message.metadata
    if has_finalizer(meta, ORPHAN_FINALIZER):
        return Collect("Orphan")
    in_turn = has_dependents and Owner.WAITING in states
    return Collect("Foreground" if in_turn or has_finalizer(meta, FOREGROUND_FINALIZER) else "Background")


def waits_for_dependents(message: Any) -> bool:
    """Return whether an object is being deleted and goes after its dependents."""
    return is_deleting(message.metadata) and has_finalizer(message.metadata, FOREGROUND_FINALIZER)


def orphans_dependents(message: Any) -> bool:
    """Return whether an object is being deleted and leaves its dependents behind."""
    return is_deleting(message.metadata) and has_finalizer(message.metadata, ORPHAN_FINALIZER)


def blocks(message: Any, uid: str) -> bool:
    """Return whether an object keeps the owner of this uid from going before it."""
    return any(owner.uid == uid and owner.block_owner_deletion for owner in message.metadata.owner_references)


def is_collectable(message: Any, reference: OwnerReference) -> bool:
    """Return whether an owner is one that can be asked for: of a kind served here, and of the object's namespace.

    What lives in no namespace cannot be owned by what lives in one; such a reference means nothing.
    """
    kind = owner_kind(reference)
    return kind is not None and (not kind.namespaced or bool(message.metadata.namespace))


def _holds(state: Owner) -> bool:
    return state not in (Owner.GONE, Owner.WAITING)
