"""Change a set as a rollout's commands do. Pure: no I/O, clock or randomness; each returns a new set."""

from __future__ import annotations

from typing import Any, TypeVar

import orjson

from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.errors import BadRequest
from statefleet.objects.codec import decode, encode
from statefleet.objects.defaults import apply_defaults
from statefleet.objects.meta import RESTARTED_AT_ANNOTATION
from statefleet.objects.patch import strategic_merge_patch
from statefleet.objects.times import format_micros, to_micro_time
from statefleet.rollouts.verdicts import RevisionedSet, updates_by_hand

S = TypeVar("S", bound=RevisionedSet)


def rolled_back(owner: S, patch: bytes) -> S:
    """Return the set with the template that a revision's data gives it; unchanged where it means the same."""
    document = strategic_merge_patch(type(owner), encode(owner), orjson.loads(patch))
    changed, _ = decode(type(owner), document)
    apply_defaults(changed)
    return changed


def restarted(owner: S, now: float) -> S:
    """Return the set with a template that differs by the time of the restart, in seconds since the Unix epoch."""
    changed = _copy(owner)
    moment = to_micro_time(now)
    # To the microsecond: a second restart within one second is one, too.
    changed.spec.template.metadata.annotations[RESTARTED_AT_ANNOTATION] = format_micros(moment.seconds, moment.nanos)
    return changed


def restarted_at(owner: RevisionedSet) -> str:
    """Return when the set was last restarted, empty where it never was."""
    return owner.spec.template.metadata.annotations.get(RESTARTED_AT_ANNOTATION, "")


def partitioned(owner: StatefulSet, partition: int) -> StatefulSet:
    """Return the set with another partition. BadRequest where it cannot have one."""
    if updates_by_hand(owner):
        raise BadRequest(
            f"StatefulSet {owner.metadata.name} has the update strategy OnDelete: a partition needs RollingUpdate"
        )
    changed = _copy(owner)
    changed.spec.update_strategy.rolling_update.partition = partition
    return changed


def _copy(owner: S) -> S:
    changed = type(owner)()
    message: Any = changed
    message.CopyFrom(owner)
    return changed
