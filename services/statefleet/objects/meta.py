"""Small facts about ObjectMeta, and the label and annotation keys that the parts share. Pure: no I/O or clock."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta, OwnerReference
from statefleet.objects.kinds import kind_of
from statefleet.objects.times import seconds, to_time

__all__ = [
    "controller_of",
    "controller_reference",
    "full_name",
    "has_finalizer",
    "is_controlled_by",
    "is_deleting",
    "is_owned_by",
    "remove_finalizer",
    "same_object",
    "seconds",
    "to_time",
    "version_of",
]

REVISION_LABEL: Final = "controller-revision-hash"
"""On pods: the revision they were made from."""
REVISION_HASH_LABEL: Final = "controller.kubernetes.io/hash"
"""On ControllerRevisions of StatefulSets: the hash of their data."""
POD_NAME_LABEL: Final = "statefulset.kubernetes.io/pod-name"
POD_INDEX_LABEL: Final = "apps.kubernetes.io/pod-index"
TEMPLATE_GENERATION_LABEL: Final = "pod-template-generation"
TEMPLATE_GENERATION_ANNOTATION: Final = "deprecated.daemonset.template.generation"
HOSTNAME_LABEL: Final = "kubernetes.io/hostname"
SERVICE_NAME_LABEL: Final = "kubernetes.io/service-name"
"""On EndpointSlices: the service they belong to."""
MANAGED_BY_LABEL: Final = "endpointslice.kubernetes.io/managed-by"
HEADLESS_LABEL: Final = "service.kubernetes.io/headless"
NAMESPACE_NAME_LABEL: Final = "kubernetes.io/metadata.name"
"""On namespaces: their own name."""
FIRST_READY_ANNOTATION: Final = "statefleet.io/first-ready"
"""On pods: when they were first Ready, RFC 3339."""
RESTARTED_AT_ANNOTATION: Final = "kubectl.kubernetes.io/restartedAt"
CHANGE_CAUSE_ANNOTATION: Final = "kubernetes.io/change-cause"
LAST_APPLIED_ANNOTATION: Final = "kubectl.kubernetes.io/last-applied-configuration"
SELECTED_NODE_ANNOTATION: Final = "volume.kubernetes.io/selected-node"
DEFAULT_CLASS_ANNOTATION: Final = "storageclass.kubernetes.io/is-default-class"
INITIAL_EVENTS_END_ANNOTATION: Final = "k8s.io/initial-events-end"
LOCAL_PROVISIONER: Final = "statefleet.io/local"
"""On storage classes: their volumes are directories of the node that uses them."""
FOREGROUND_FINALIZER: Final = "foregroundDeletion"
ORPHAN_FINALIZER: Final = "orphan"
PVC_PROTECTION_FINALIZER: Final = "kubernetes.io/pvc-protection"
PV_PROTECTION_FINALIZER: Final = "kubernetes.io/pv-protection"


def is_deleting(meta: ObjectMeta) -> bool:
    """Return whether deletion was asked for and is not done."""
    return meta.HasField("deletion_timestamp")


def controller_of(meta: ObjectMeta) -> OwnerReference | None:
    """Return the owner that controls the object, if one does."""
    for reference in meta.owner_references:
        if reference.controller:
            return reference
    return None


def is_controlled_by(meta: ObjectMeta, uid: str) -> bool:
    """Return whether the owner of this uid controls the object."""
    reference = controller_of(meta)
    return reference is not None and reference.uid == uid


def is_owned_by(meta: ObjectMeta, uid: str) -> bool:
    """Return whether an owner of this uid is named, as controller or not."""
    return any(reference.uid == uid for reference in meta.owner_references)


def controller_reference(owner: Any) -> OwnerReference:
    """Return the reference by which an object of a kind controls what it made; it blocks the owner's deletion."""
    kind = kind_of(owner)
    return OwnerReference(
        api_version=kind.api_version,
        kind=kind.name,
        name=owner.metadata.name,
        uid=owner.metadata.uid,
        controller=True,
        block_owner_deletion=True,
    )


def has_finalizer(meta: ObjectMeta, name: str) -> bool:
    """Return whether a finalizer holds the object."""
    return name in meta.finalizers


def remove_finalizer(meta: ObjectMeta, name: str) -> bool:
    """Take a finalizer off, in place. Return whether it was there."""
    kept = [finalizer for finalizer in meta.finalizers if finalizer != name]
    removed = len(kept) < len(meta.finalizers)
    _replace(meta.finalizers, kept)
    return removed


def full_name(meta: ObjectMeta) -> str:
    """Return namespace/name, or the name alone where there is no namespace."""
    return f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name


def version_of(meta: ObjectMeta) -> int:
    """Return the resource version as the number it is in this fleet, 0 where none is set."""
    return int(meta.resource_version or 0)


def same_object(left: ObjectMeta, right: ObjectMeta) -> bool:
    """Return whether both are the same object, not only of the same name."""
    return left.uid == right.uid and left.name == right.name and left.namespace == right.namespace


def _replace(field: Any, values: Iterable[str]) -> None:
    del field[:]
    field.extend(values)
