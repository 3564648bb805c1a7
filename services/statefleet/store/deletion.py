"""Decide how an object is deleted: at once, or marked until its grace period and its finalizers are over. Pure."""

from __future__ import annotations

from typing import Any

from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions, Preconditions
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.errors import Cause, Invalid
from statefleet.objects.kinds import Kind
from statefleet.objects.meta import FOREGROUND_FINALIZER, ORPHAN_FINALIZER, is_deleting, to_time
from statefleet.objects.validation import invalid_named
from statefleet.store.draft import Draft
from statefleet.store.entries import Entry
from statefleet.store.rejections import conflict
from statefleet.store.strategy import Strategy
from statefleet.store.updates import is_released, settle

_POLICIES = ("Background", "Foreground", "Orphan")


def decide_deletion(
    draft: Draft, strategy: Strategy[Any], stored: Entry, options: DeleteOptions, changed: Any = None
) -> tuple[Any, bool]:
    """Return the object as the deletion leaves it, or as it last was, and whether it is gone.

    `changed`, which is consumed, is kept in place of the stored object where that is not gone at once, such as with a
    condition that says why. Raises Conflict where a precondition does not hold, Invalid for
    options that contradict each other, and what the kind's strategy raises.
    """
    old = stored.message
    _admit(strategy.kind, old.metadata, options)
    strategy.admit_delete(old, draft)
    new = stored.copy() if changed is None else changed
    _set_finalizers(new.metadata, options)
    _set_grace(draft, strategy, new, options)
    if is_released(strategy, new):
        strategy.removed(old, draft)
        draft.remove(stored)
        return old, True
    return settle(draft, strategy, stored, new), False


def _admit(kind: Kind[Any], meta: ObjectMeta, options: DeleteOptions) -> None:
    _admit_policy(options)
    _admit_preconditions(kind, meta, options.preconditions)


def _admit_policy(options: DeleteOptions) -> None:
    policy = options.propagation_policy
    if policy and options.HasField("orphan_dependents"):
        why = "orphanDependents and deletionPropagation cannot be both set"
        raise _invalid_options(Cause("FieldValueInvalid", f'Invalid value: "{policy}": {why}', "propagationPolicy"))
    if policy and policy not in _POLICIES:
        supported = ", ".join(f'"{known}"' for known in _POLICIES)
        why = f'Unsupported value: "{policy}": supported values: {supported}'
        raise _invalid_options(Cause("FieldValueNotSupported", why, "propagationPolicy"))


def _admit_preconditions(kind: Kind[Any], meta: ObjectMeta, wanted: Preconditions) -> None:
    if wanted.uid and wanted.uid != meta.uid:
        raise conflict(
            kind,
            meta.name,
            f"the UID in the precondition ({wanted.uid}) does not match the UID in record ({meta.uid}). "
            "The object might have been deleted and then recreated",
        )
    if wanted.resource_version and wanted.resource_version != meta.resource_version:
        raise conflict(
            kind,
            meta.name,
            f"the ResourceVersion in the precondition ({wanted.resource_version}) does not match the ResourceVersion "
            f"in record ({meta.resource_version}). The object might have been modified",
        )


def _invalid_options(cause: Cause) -> Invalid:
    return invalid_named("DeleteOptions", "meta.k8s.io", "", [cause])


def _set_finalizers(meta: ObjectMeta, options: DeleteOptions) -> None:
    """Say by finalizers what is to become of the dependents. An unset policy keeps what an earlier one said."""
    policy = options.propagation_policy
    if options.HasField("orphan_dependents"):
        policy = "Orphan" if options.orphan_dependents else "Background"
    if not policy:
        return
    wanted = {"Foreground": FOREGROUND_FINALIZER, "Orphan": ORPHAN_FINALIZER}.get(policy)
    kept = [name for name in meta.finalizers if name not in (FOREGROUND_FINALIZER, ORPHAN_FINALIZER)]
    del meta.finalizers[:]
    meta.finalizers.extend(kept if wanted is None else [*kept, wanted])


def _set_grace(draft: Draft, strategy: Strategy[Any], message: Any, options: DeleteOptions) -> None:
    """Mark the object deleted, or shorten the grace period of one that is."""
    meta = message.metadata
    asked = options.grace_period_seconds if options.HasField("grace_period_seconds") else None
    if is_deleting(meta):
        _shorten_grace(meta, asked)
        return
    grace = strategy.grace_seconds(message, asked) or 0
    meta.deletion_timestamp.CopyFrom(to_time(draft.now + grace))
    meta.deletion_grace_period_seconds = grace
    if meta.generation:
        meta.generation += 1
    strategy.mark_deleted(message, draft)


def _shorten_grace(meta: ObjectMeta, asked: int | None) -> None:
    granted = meta.deletion_grace_period_seconds
    if asked is None or asked >= granted:
        return
    shorter = max(asked, 0)
    meta.deletion_timestamp.seconds -= granted - shorter
    meta.deletion_grace_period_seconds = shorter
