"""What the statuses of claims and volumes say. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.objects.meta import LOCAL_PROVISIONER
from statefleet.volumes.matching import PROVISIONED_BY_ANNOTATION

BIND_COMPLETED_ANNOTATION = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER_ANNOTATION = "pv.kubernetes.io/bound-by-controller"


def bound(claim: PersistentVolumeClaim, volume: PersistentVolume) -> PersistentVolumeClaim:
    """Return a claim with the status of one that has this volume."""
    changed = PersistentVolumeClaim()
    changed.CopyFrom(claim)
    status = changed.status
    status.phase = "Bound"
    del status.access_modes[:]
    status.access_modes.extend(volume.spec.access_modes)
    status.capacity.clear()
    for resource, amount in volume.spec.capacity.items():
        status.capacity[resource].CopyFrom(amount)
    return changed


def lost(claim: PersistentVolumeClaim) -> PersistentVolumeClaim:
    """Return a claim with the status of one whose volume has gone, or gone to another."""
    changed = PersistentVolumeClaim()
    changed.CopyFrom(claim)
    changed.status.phase = "Lost"
    changed.status.ClearField("access_modes")
    changed.status.ClearField("capacity")
    return changed


def is_claimed(volume: PersistentVolume) -> bool:
    """Return whether a volume is or was a claim's; one only reserved for a name is still to be had by that name."""
    return volume.spec.HasField("claim_ref") and bool(volume.spec.claim_ref.uid)


def phase(volume: PersistentVolume, *, claim_exists: bool) -> str:
    """Return a volume's phase."""
    if not is_claimed(volume):
        return "Available"
    return "Bound" if claim_exists else "Released"


def is_given_up(volume: PersistentVolume) -> bool:
    """Return whether a volume that has been released is to be removed, and by us."""
    ours = volume.metadata.annotations.get(PROVISIONED_BY_ANNOTATION) == LOCAL_PROVISIONER
    return ours and volume.spec.persistent_volume_reclaim_policy == "Delete"
