"""Match claims with volumes, and describe the volume that a claim asks for. Pure: no I/O, clock or randomness.

The rules are those of Kubernetes' volume controller.
"""

from __future__ import annotations

from collections.abc import Iterable

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.api.core.v1.reference_pb2 import ObjectReference
from statefleet.api.storage.v1.storage_class_pb2 import StorageClass
from statefleet.objects.meta import DEFAULT_CLASS_ANNOTATION, HOSTNAME_LABEL, PV_PROTECTION_FINALIZER, is_deleting
from statefleet.objects.quantity import value
from statefleet.objects.selectors import EVERYTHING, LabelSelector

PROVISIONED_BY_ANNOTATION = "pv.kubernetes.io/provisioned-by"
WAITS_FOR_CONSUMER = "WaitForFirstConsumer"
"""The binding mode of classes whose claims get a volume once a pod that uses them has its node."""
VOLUMES_DIRECTORY = "/var/lib/statefleet/volumes"
"""Where a node keeps its volumes."""


def default_class(classes: Iterable[StorageClass]) -> StorageClass | None:
    """Return the class of claims that name none: the newest of those marked default, the first of these by name."""
    marked = [each for each in classes if each.metadata.annotations.get(DEFAULT_CLASS_ANNOTATION) == "true"]
    return min(marked, key=lambda each: (-each.metadata.creation_timestamp.seconds, each.metadata.name), default=None)


def is_for(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """Return whether a volume is kept for this very claim, or for one of its name whose uid is left open."""
    reference = volume.spec.claim_ref
    same_name = (reference.namespace, reference.name) == (claim.metadata.namespace, claim.metadata.name)
    return volume.spec.HasField("claim_ref") and same_name and reference.uid in ("", claim.metadata.uid)


def kept_volume(volumes: Iterable[PersistentVolume], claim: PersistentVolumeClaim) -> PersistentVolume | None:
    """Return the volume that is kept for a claim and suits it, the smallest of several."""
    kept = (volume for volume in volumes if is_for(volume, claim) and not is_deleting(volume.metadata))
    return min((volume for volume in kept if _suffices(volume, claim)), key=_order, default=None)


def free_volumes(volumes: Iterable[PersistentVolume], claim: PersistentVolumeClaim) -> list[PersistentVolume]:
    """Return the volumes that a claim can have and nobody else does, the smallest first."""
    spec = claim.spec
    selector = LabelSelector.from_message(spec.selector) if spec.HasField("selector") else EVERYTHING
    modes = set(spec.access_modes)
    found = [
        volume
        for volume in volumes
        if not volume.spec.HasField("claim_ref")
        and volume.status.phase in ("", "Pending", "Available")
        and volume.spec.storage_class_name == spec.storage_class_name
        and modes.issubset(volume.spec.access_modes)
        and selector.matches(volume.metadata.labels)
        and not is_deleting(volume.metadata)
        and _suffices(volume, claim)
    ]
    return sorted(found, key=_order)


def can_have(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """Return whether a claim that names a volume can have it: it is large enough, of its class, and not another's."""
    return (
        not is_deleting(volume.metadata)
        and (is_for(volume, claim) or not volume.spec.HasField("claim_ref"))
        and volume.spec.storage_class_name == claim.spec.storage_class_name
        and set(claim.spec.access_modes).issubset(volume.spec.access_modes)
        and _suffices(volume, claim)
    )


def _suffices(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    same_mode = (volume.spec.volume_mode or "Filesystem") == (claim.spec.volume_mode or "Filesystem")
    return same_mode and _size(volume) >= value(_asked(claim))


def _order(volume: PersistentVolume) -> tuple[int, str]:
    return _size(volume), volume.metadata.name


def _size(volume: PersistentVolume) -> int:
    return value(volume.spec.capacity["storage"].string) if "storage" in volume.spec.capacity else 0


def _asked(claim: PersistentVolumeClaim) -> str:
    requests = claim.spec.resources.requests
    return str(requests["storage"].string) if "storage" in requests else "0"


def new_volume(claim: PersistentVolumeClaim, storage_class: StorageClass, node: str) -> PersistentVolume:
    """Return the volume to be made for a claim, on a node or, where that is empty, on whichever mounts it.

    `node` is the value of the node's hostname label.
    """
    volume = PersistentVolume()
    meta, spec = volume.metadata, volume.spec
    meta.name = f"pvc-{claim.metadata.uid}"
    meta.annotations[PROVISIONED_BY_ANNOTATION] = storage_class.provisioner
    meta.finalizers.append(PV_PROTECTION_FINALIZER)
    spec.capacity["storage"].string = _asked(claim)
    spec.access_modes.extend(claim.spec.access_modes)
    spec.volume_mode = claim.spec.volume_mode or "Filesystem"
    spec.persistent_volume_reclaim_policy = storage_class.reclaim_policy or "Delete"
    spec.storage_class_name = storage_class.metadata.name
    spec.mount_options.extend(storage_class.mount_options)
    spec.claim_ref.CopyFrom(reference_to(claim))
    path = f"{VOLUMES_DIRECTORY}/{meta.name}"
    if node:
        spec.persistent_volume_source.local.path = path
        term = spec.node_affinity.required.node_selector_terms.add()
        term.match_expressions.add(key=HOSTNAME_LABEL, operator="In", values=[node])
    else:
        spec.persistent_volume_source.host_path.path = path
        spec.persistent_volume_source.host_path.type = "DirectoryOrCreate"
    return volume


def reference_to(claim: PersistentVolumeClaim) -> ObjectReference:
    """Return the reference with which a volume names its claim."""
    return ObjectReference(
        kind="PersistentVolumeClaim",
        api_version="v1",
        namespace=claim.metadata.namespace,
        name=claim.metadata.name,
        uid=claim.metadata.uid,
        resource_version=claim.metadata.resource_version,
    )


def kept_for(volume: PersistentVolume, claim: PersistentVolumeClaim) -> PersistentVolume:
    """Return a volume as it is once it is kept for a claim."""
    kept = PersistentVolume()
    kept.CopyFrom(volume)
    kept.spec.claim_ref.CopyFrom(reference_to(claim))
    return kept
