"""The rules of claims and volumes: a finalizer keeps them while they are in use. Pure."""

# ruff: noqa: ARG002 -- a hook has the parameters that some kind's needs

from __future__ import annotations

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.objects.kinds import PERSISTENT_VOLUME_CLAIM, STORAGE_CLASS
from statefleet.objects.meta import DEFAULT_CLASS_ANNOTATION, PV_PROTECTION_FINALIZER, PVC_PROTECTION_FINALIZER
from statefleet.objects.quantity import Quantity
from statefleet.objects.validation.resources import parse_or_zero
from statefleet.store.draft import Draft
from statefleet.store.entries import Key
from statefleet.store.rejections import forbidden
from statefleet.store.state import State
from statefleet.store.strategy import Strategy

_FIXED = (
    "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
)


class ClaimStrategy(Strategy[PersistentVolumeClaim]):
    """A claim that names no class gets the default one. It grows where its class allows that."""

    def prepare_create(self, message: PersistentVolumeClaim, draft: Draft) -> None:
        """Protect the claim, and choose its class."""
        _protect(message, PVC_PROTECTION_FINALIZER)
        if not message.spec.HasField("storage_class_name"):
            name = default_class(draft.state)
            if name:
                message.spec.storage_class_name = name

    def prepare_update(self, new: PersistentVolumeClaim, old: PersistentVolumeClaim, draft: Draft) -> None:
        """Refuse to have a bound claim grow where Kubernetes' plugin PersistentVolumeClaimResize does."""
        if old.status.phase != "Bound" or _size(new) <= _size(old):
            return
        storage_class = draft.state.get(Key(STORAGE_CLASS.name, "", old.spec.storage_class_name))
        if storage_class is None or not storage_class.message.allow_volume_expansion:
            raise forbidden(PERSISTENT_VOLUME_CLAIM, old.metadata.name, _FIXED)
        draft.warnings.append("spec.resources.requests.storage: nothing acts on it: volumes keep their size")


class VolumeStrategy(Strategy[PersistentVolume]):
    """A volume is protected while a claim has it."""

    def prepare_create(self, message: PersistentVolume, draft: Draft) -> None:
        """Protect the volume."""
        _protect(message, PV_PROTECTION_FINALIZER)


def default_class(state: State) -> str:
    """Return the class marked as the default, the newest of several; empty where there is none."""
    marked = [
        (entry.message.metadata.creation_timestamp.seconds, entry.key.name)
        for entry in state.list(STORAGE_CLASS.name)
        if entry.message.metadata.annotations.get(DEFAULT_CLASS_ANNOTATION) == "true"
    ]
    # Of classes made in the same second the first by name counts.
    return min(marked, key=lambda found: (-found[0], found[1]))[1] if marked else ""


def _size(claim: PersistentVolumeClaim) -> Quantity:
    requests = claim.spec.resources.requests
    return parse_or_zero(requests["storage"]) if "storage" in requests else Quantity()


def _protect(message: PersistentVolumeClaim | PersistentVolume, finalizer: str) -> None:
    if finalizer not in message.metadata.finalizers:
        message.metadata.finalizers.append(finalizer)
