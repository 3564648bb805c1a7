"""Metrics of claims, volumes and namespaces, as kube-state-metrics names them. Pure: no I/O or clock."""

from __future__ import annotations

from statefleet.api.core.v1.namespace_pb2 import Namespace
from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.state_metrics.families import NONE, Family, Samples, Table, amount, choice, created, labels, one

_CLAIM_PHASES = ("Lost", "Bound", "Pending")
_VOLUME_PHASES = ("Pending", "Available", "Bound", "Released", "Failed")
_NAMESPACE_PHASES = ("Active", "Terminating")
_STORAGE = "storage"


def _claim_info(claim: PersistentVolumeClaim) -> Samples:
    spec = claim.spec
    own = labels(storageclass=spec.storage_class_name, volumename=spec.volume_name, volumemode=spec.volume_mode)
    return ((own, 1),)


def _requested(claim: PersistentVolumeClaim) -> Samples:
    requests = claim.spec.resources.requests
    return one(amount(requests[_STORAGE].string)) if _STORAGE in requests else NONE


def _capacity(volume: PersistentVolume) -> Samples:
    held = volume.spec.capacity
    return one(amount(held[_STORAGE].string)) if _STORAGE in held else NONE


CLAIMS: Table[PersistentVolumeClaim] = Table(
    lambda claim: labels(namespace=claim.metadata.namespace, persistentvolumeclaim=claim.metadata.name),
    (
        Family("kube_persistentvolumeclaim_info", "The claim's class and volume.", _claim_info),
        Family(
            "kube_persistentvolumeclaim_status_phase",
            "The claim's phase.",
            lambda claim: choice("phase", _CLAIM_PHASES, claim.status.phase) if claim.status.phase else NONE,
        ),
        Family(
            "kube_persistentvolumeclaim_resource_requests_storage_bytes",
            "The storage that the claim asks for.",
            _requested,
        ),
    ),
)

VOLUMES: Table[PersistentVolume] = Table(
    lambda volume: labels(persistentvolume=volume.metadata.name),
    (
        Family(
            "kube_persistentvolume_status_phase",
            "The volume's phase.",
            lambda volume: choice("phase", _VOLUME_PHASES, volume.status.phase) if volume.status.phase else NONE,
        ),
        Family("kube_persistentvolume_capacity_bytes", "The volume's size.", _capacity),
    ),
)

NAMESPACES: Table[Namespace] = Table(
    lambda namespace: labels(namespace=namespace.metadata.name),
    (
        Family("kube_namespace_created", "When the namespace was made.", lambda found: created(found.metadata)),
        Family(
            "kube_namespace_status_phase",
            "The namespace's phase.",
            lambda found: choice("phase", _NAMESPACE_PHASES, found.status.phase) if found.status.phase else NONE,
        ),
    ),
)
