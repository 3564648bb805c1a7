"""The rules of claims and volumes: a finalizer keeps them while they are in use. Pure."""

# ruff: noqa: ARG002 -- a hook has the parameters that some kind's needs

from __future__ import annotations

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.objects.kinds import STORAGE_CLASS
from statefleet.objects.meta import DEFAULT_CLASS_ANNOTATION, PV_PROTECTION_FINALIZER, PVC_PROTECTION_FINALIZER
from statefleet.store.draft import Draft
from statefleet.store.state import State
from statefleet.store.strategy import Strategy


class ClaimStrategy(Strategy[PersistentVolumeClaim]):
    """A claim that names no class gets the default one."""

    def prepare_create(self, message: PersistentVolumeClaim, draft: Draft) -> None:
        """Protect the claim, and choose its class."""
        _protect(message, PVC_PROTECTION_FINALIZER)
        if not message.spec.HasField("storage_class_name"):
            name = default_class(draft.state)
            if name:
                message.spec.storage_class_name = name


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


def _protect(message: PersistentVolumeClaim | PersistentVolume, finalizer: str) -> None:
    if finalizer not in message.metadata.finalizers:
        message.metadata.finalizers.append(finalizer)
