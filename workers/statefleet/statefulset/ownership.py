"""Find what a set should have and nobody controls: left by a set of the name, or made by hand."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import Message

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.objects.kinds import CONTROLLER_REVISION, POD
from statefleet.objects.meta import is_deleting
from statefleet.reconcile.cache import Cache
from statefleet.statefulset.observe import SetFacts, is_member, pod_view

M = TypeVar("M", bound=Message)


def orphaned_pods(cache: Cache, owner: StatefulSet, facts: SetFacts) -> list[Pod]:
    """Return the pods without a controller that a set's selector matches and that bear its name and an ordinal."""
    namespace = owner.metadata.namespace
    return [
        pod
        for pod in cache.by_owner(POD, "")
        if pod.metadata.namespace == namespace
        and not is_deleting(pod.metadata)
        and is_member(facts.view, pod_view(pod))
        and facts.selector.matches(pod.metadata.labels)
    ]


def orphaned_revisions(cache: Cache, owner: StatefulSet, facts: SetFacts) -> list[ControllerRevision]:
    """Return the revisions without a controller that a set should have; none for a set that is being deleted."""
    if facts.view.deleting:
        return []
    namespace = owner.metadata.namespace
    return [
        revision
        for revision in cache.by_owner(CONTROLLER_REVISION, "")
        if revision.metadata.namespace == namespace and facts.selector.matches(revision.metadata.labels)
    ]
