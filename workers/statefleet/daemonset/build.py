"""Build the pods of a DaemonSet, and its status. Pure: no I/O, clock or randomness."""

from __future__ import annotations

import hashlib
from typing import Final

from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet, DaemonSetStatus
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.daemonset.placement import pin, tolerate_automatically
from statefleet.daemonset.views import Status
from statefleet.objects.meta import TEMPLATE_GENERATION_ANNOTATION, TEMPLATE_GENERATION_LABEL
from statefleet.reconcile.pods import pod_from_template

_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH: Final = 10
_LONGEST_STEM: Final = 63 - 1 - _SUFFIX_LENGTH
"""A pod's name is its host name too."""


def pod_pattern(owner: DaemonSet, revision: str) -> Pod:
    """Return what all pods of a set's template have in common, to be completed by `new_pod`."""
    pod = pod_from_template(owner, owner.spec.template, revision)
    generation = owner.metadata.annotations.get(TEMPLATE_GENERATION_ANNOTATION, "")
    if generation:
        pod.metadata.labels[TEMPLATE_GENERATION_LABEL] = generation
    tolerate_automatically(pod.spec)
    return pod


def new_pod(pattern: Pod, name: str, node: str) -> Pod:
    """Return the pod for one node, pinned to it: to bind it there is the scheduler's."""
    pod = Pod()
    pod.CopyFrom(pattern)
    pod.metadata.name = name
    pin(pod.spec, node)
    return pod


def pod_name(owner: DaemonSet, node_uid: str, revision: str, replaces: str) -> str:
    """Return the name of a node's pod: the same when it is made again because nobody knows whether it was made.

    `replaces` is the uid of the node's pod before it, so that one that takes another's place has a name of its own.
    """
    seed = f"{owner.metadata.uid}/{node_uid}/{revision}/{replaces}"
    number = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest(), "big")
    letters = []
    for _ in range(_SUFFIX_LENGTH):
        number, place = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[place])
    return f"{owner.metadata.name[:_LONGEST_STEM].rstrip('-.')}-{''.join(letters)}"


def with_status(owner: DaemonSet, status: Status) -> DaemonSet:
    """Return what a status write needs: the set's name and uid, and the status; conditions stay as they are."""
    meta = ObjectMeta(name=owner.metadata.name, namespace=owner.metadata.namespace, uid=owner.metadata.uid)
    return DaemonSet(
        metadata=meta,
        status=DaemonSetStatus(
            current_number_scheduled=status.current,
            number_misscheduled=status.misscheduled,
            desired_number_scheduled=status.desired,
            number_ready=status.ready,
            observed_generation=status.observed_generation,
            updated_number_scheduled=status.updated or None,
            number_available=status.available or None,
            number_unavailable=status.unavailable or None,
            collision_count=status.collision_count or None,
            conditions=owner.status.conditions,
        ),
    )
