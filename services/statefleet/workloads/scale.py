"""Show a set as a Scale, and take a Scale's replicas over into it. Pure."""

from __future__ import annotations

from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.autoscaling.v1.scale_pb2 import Scale
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.api.object.v1.object_pb2 import ObjectKey
from statefleet.errors import Cause, Invalid, NotFound
from statefleet.objects.kinds import STATEFUL_SET
from statefleet.objects.selectors import LabelSelector
from statefleet.objects.validation import invalid_named
from statefleet.store.draft import Draft
from statefleet.store.owners import UNRECORDED, Owners
from statefleet.store.strategy import Strategy
from statefleet.store.updates import settle, stored_for


def scale_of(stateful_set: StatefulSet) -> Scale:
    """Return how many replicas a set should have and has, with its selector as text."""
    meta, scale = stateful_set.metadata, Scale()
    for field in ("name", "namespace", "uid", "resource_version"):
        setattr(scale.metadata, field, getattr(meta, field))
    scale.metadata.creation_timestamp.CopyFrom(meta.creation_timestamp)
    scale.spec.replicas = stateful_set.spec.replicas
    scale.status.replicas = stateful_set.status.replicas
    scale.status.selector = str(LabelSelector.from_message(stateful_set.spec.selector))
    return scale


def admit_scalable(key: ObjectKey) -> None:
    """Refuse kinds that have no scale. Raises NotFound."""
    if key.kind != STATEFUL_SET.name:
        raise NotFound("the server could not find the requested resource")


def decide_scale(
    draft: Draft, strategy: Strategy[StatefulSet], key: ObjectKey, scale: Scale, owners: Owners = UNRECORDED
) -> StatefulSet:
    """Return the set with the replicas asked for, having put the change, if it is one, into the draft.

    The scale's uid and resource version, where set, must be the set's. Raises NotFound, Conflict and Invalid.
    """
    asked = ObjectMeta(
        namespace=key.namespace,
        name=key.name,
        uid=scale.metadata.uid,
        resource_version=scale.metadata.resource_version,
    )
    stored = stored_for(draft, STATEFUL_SET, asked)
    replicas = scale.spec.replicas
    if replicas < 0:
        raise _negative(key.name, replicas)
    scaled: StatefulSet = stored.copy()
    if scaled.spec.replicas != replicas:
        scaled.spec.replicas = replicas
        scaled.metadata.generation += 1
    owners.put(scaled, stored.message, scaled, draft.now)
    settle(draft, strategy, stored, scaled)
    return scaled


def _negative(name: str, replicas: int) -> Invalid:
    message = f"Invalid value: {replicas}: must be greater than or equal to 0"
    return invalid_named("Scale", "autoscaling", name, [Cause("FieldValueInvalid", message, "spec.replicas")])
