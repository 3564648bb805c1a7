"""Defaults of claims, volumes and storage classes (v1, storage.k8s.io/v1). Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from statefleet.api.core.v1.persistent_volume_pb2 import (
    AzureDiskVolumeSource,
    HostPathVolumeSource,
    ISCSIPersistentVolumeSource,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    RBDPersistentVolumeSource,
    ScaleIOPersistentVolumeSource,
)
from statefleet.api.core.v1.volume_pb2 import ISCSIVolumeSource, RBDVolumeSource, ScaleIOVolumeSource
from statefleet.api.storage.v1.storage_class_pb2 import StorageClass
from statefleet.objects.defaults.resources import normalise


def default_claim(claim: PersistentVolumeClaim) -> None:
    """Fill in a claim, or a StatefulSet's template of one."""
    default_claim_spec(claim.spec)
    if not claim.status.phase:
        claim.status.phase = "Pending"


def default_claim_spec(spec: PersistentVolumeClaimSpec) -> None:
    """Fill in a claim's spec."""
    if not spec.HasField("volume_mode"):
        spec.volume_mode = "Filesystem"
    if spec.HasField("resources"):
        normalise(spec.resources.limits)
        normalise(spec.resources.requests)


def default_volume(volume: PersistentVolume) -> None:
    """Fill in a persistent volume."""
    spec = volume.spec
    if not volume.status.phase:
        volume.status.phase = "Pending"
    if not spec.persistent_volume_reclaim_policy:
        spec.persistent_volume_reclaim_policy = "Retain"
    if not spec.HasField("volume_mode"):
        spec.volume_mode = "Filesystem"
    normalise(spec.capacity)
    if spec.HasField("persistent_volume_source"):
        for field, source in spec.persistent_volume_source.ListFields():
            default = _SOURCES.get(field.name)
            if default is not None:
                default(source)


def default_storage_class(storage_class: StorageClass) -> None:
    """Fill in a storage class."""
    if not storage_class.HasField("reclaim_policy"):
        storage_class.reclaim_policy = "Delete"
    if not storage_class.HasField("volume_binding_mode"):
        storage_class.volume_binding_mode = "Immediate"


def default_host_path(source: HostPathVolumeSource) -> None:
    """Fill in a path of the host: its type is empty, which checks nothing."""
    if not source.HasField("type"):
        source.type = ""


def default_iscsi(source: ISCSIVolumeSource | ISCSIPersistentVolumeSource) -> None:
    """Fill in an iSCSI disk."""
    if not source.iscsi_interface:
        source.iscsi_interface = "default"


def default_rbd(source: RBDVolumeSource | RBDPersistentVolumeSource) -> None:
    """Fill in a Ceph block device."""
    if not source.pool:
        source.pool = "rbd"
    if not source.user:
        source.user = "admin"
    if not source.keyring:
        source.keyring = "/etc/ceph/keyring"


def default_azure_disk(source: AzureDiskVolumeSource) -> None:
    """Fill in an Azure disk."""
    if not source.HasField("caching_mode"):
        source.caching_mode = "ReadWrite"
    if not source.HasField("kind"):
        source.kind = "Shared"
    if not source.HasField("fs_type"):
        source.fs_type = "ext4"
    if not source.HasField("read_only"):
        source.read_only = False


def default_scale_io(source: ScaleIOVolumeSource | ScaleIOPersistentVolumeSource) -> None:
    """Fill in a ScaleIO volume."""
    if not source.storage_mode:
        source.storage_mode = "ThinProvisioned"
    if not source.fs_type:
        source.fs_type = "xfs"


_SOURCES: dict[str, Callable[[Any], None]] = {
    "host_path": default_host_path,
    "iscsi": default_iscsi,
    "rbd": default_rbd,
    "azure_disk": default_azure_disk,
    "scale_io": default_scale_io,
}
