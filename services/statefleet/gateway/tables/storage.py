"""Print volumes, claims and storage classes. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.api.meta.v1.primitives_pb2 import Quantity
from statefleet.api.storage.v1.storage_class_pb2 import StorageClass
from statefleet.gateway.tables.columns import AGE, NAME, UNSET, WIDE, Cell, Column, Printer
from statefleet.gateway.tables.durations import age
from statefleet.objects.meta import DEFAULT_CLASS_ANNOTATION

_BETA_CLASS_ANNOTATION: Final = "volume.beta.kubernetes.io/storage-class"
_DEFAULT_ANNOTATIONS: Final = (DEFAULT_CLASS_ANNOTATION, "storageclass.beta.kubernetes.io/is-default-class")
_MODES: Final = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _modes(modes: Iterable[str]) -> str:
    """Return access modes by their abbreviations, each once and in the order of the table above."""
    asked = set(modes)
    return ",".join(short for mode, short in _MODES.items() if mode in asked)


def _storage(amounts: Mapping[str, Quantity]) -> str:
    return amounts["storage"].string if "storage" in amounts else "0"


def _class(found: PersistentVolume | PersistentVolumeClaim) -> str:
    """Return the storage class, an annotation of old before the field."""
    annotations = found.metadata.annotations
    return annotations.get(_BETA_CLASS_ANNOTATION, found.spec.storage_class_name)


def _phase(found: PersistentVolume | PersistentVolumeClaim) -> str:
    return "Terminating" if found.metadata.HasField("deletion_timestamp") else found.status.phase


def _optional(spec: Any, field: str) -> str:
    value: str = getattr(spec, field) if spec.HasField(field) else UNSET
    return value


def _claim(found: PersistentVolumeClaim, now: float) -> list[Cell]:
    is_bound = bool(found.spec.volume_name)
    return [
        found.metadata.name,
        _phase(found),
        found.spec.volume_name,
        _storage(found.status.capacity) if is_bound else "",
        _modes(found.status.access_modes) if is_bound else "",
        _class(found),
        _optional(found.spec, "volume_attributes_class_name"),
        age(found.metadata.creation_timestamp, now),
        _optional(found.spec, "volume_mode"),
    ]


def _volume(found: PersistentVolume, now: float) -> list[Cell]:
    spec = found.spec
    claim = f"{spec.claim_ref.namespace}/{spec.claim_ref.name}" if spec.HasField("claim_ref") else ""
    return [
        found.metadata.name,
        _storage(spec.capacity),
        _modes(spec.access_modes),
        spec.persistent_volume_reclaim_policy,
        _phase(found),
        claim,
        _class(found),
        _optional(spec, "volume_attributes_class_name"),
        found.status.reason,
        age(found.metadata.creation_timestamp, now),
        _optional(spec, "volume_mode"),
    ]


def _storage_class(found: StorageClass, now: float) -> list[Cell]:
    is_default = any(found.metadata.annotations.get(key) == "true" for key in _DEFAULT_ANNOTATIONS)
    return [
        found.metadata.name + (" (default)" if is_default else ""),
        found.provisioner,
        found.reclaim_policy or "Delete",
        found.volume_binding_mode or "Immediate",
        found.allow_volume_expansion,
        age(found.metadata.creation_timestamp, now),
    ]


_STORAGE_CLASS: Final = Column("StorageClass", "Class that the storage is of.")
_ATTRIBUTES_CLASS: Final = Column("VolumeAttributesClass", "Class of the attributes that can be changed later.")
_MODE: Final = Column("VolumeMode", "Whether a file system or a raw block device is used.", priority=WIDE)

CLAIMS: Final = Printer(
    columns=(
        NAME,
        Column("Status", "Whether the claim is bound to a volume."),
        Column("Volume", "Volume that the claim is bound to."),
        Column("Capacity", "Size of that volume."),
        Column("Access Modes", "How that volume can be mounted."),
        _STORAGE_CLASS,
        _ATTRIBUTES_CLASS,
        AGE,
        _MODE,
    ),
    cells=_claim,
)
VOLUMES: Final = Printer(
    columns=(
        NAME,
        Column("Capacity", "Size of the volume."),
        Column("Access Modes", "How the volume can be mounted."),
        Column("Reclaim Policy", "What becomes of the volume when its claim is gone."),
        Column("Status", "Whether the volume is free, bound or released."),
        Column("Claim", "Claim that the volume is bound to."),
        _STORAGE_CLASS,
        _ATTRIBUTES_CLASS,
        Column("Reason", "Why the volume is in a failed state, in one word."),
        AGE,
        _MODE,
    ),
    cells=_volume,
)
STORAGE_CLASSES: Final = Printer(
    columns=(
        NAME,
        Column("Provisioner", "What makes the volumes."),
        Column("ReclaimPolicy", "What becomes of a volume when its claim is gone."),
        Column("VolumeBindingMode", "Whether volumes are bound at once or when a pod needs them."),
        Column("AllowVolumeExpansion", "Whether claims can be made larger."),
        AGE,
    ),
    cells=_storage_class,
)
