"""Tell from the stored pods what is a node's: what its agent may see and change."""

from __future__ import annotations

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.reference_pb2 import ObjectReference
from statefleet.authorization.agents import Place
from statefleet.authorization.nodes import NodeScope
from statefleet.objects.kinds import EVENT, PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM, POD
from statefleet.objects.mounts import mounts
from statefleet.store.entries import Key
from statefleet.store.replica import Replica


class StoredPlacements:
    """Where the pods of a replica are. Finding what mounts an object looks through the pods of its namespace."""

    def __init__(self, pods: Replica, events: Replica) -> None:
        self._pods = pods
        self._events = events

    def place(self, namespace: str, name: str) -> Place | None:
        """Return where a pod is; None where there is none of this name."""
        entry = self._pods.state.get(Key(POD.name, namespace, name))
        if entry is None:
            return None
        pod: Pod = entry.message
        return Place(pod.spec.node_name, pod.metadata.uid)

    def is_mounted(self, scope: NodeScope, kind: str, namespace: str, name: str) -> bool:
        """Return whether a pod on one of the nodes mounts an object, or is given values of it."""
        state = self._pods.state
        if kind == PERSISTENT_VOLUME.name:
            volume = state.get(Key(kind, "", name))
            claim = None if volume is None else state.get(_claim_of(volume.message))
            if claim is None or claim.message.spec.volume_name != name:
                return False
            kind, namespace, name = claim.key
        pods = (entry.message for entry in state.list(POD.name, namespace)) if namespace else ()
        return any(scope.includes(pod.spec.node_name) and mounts(pod, kind, name) for pod in pods)

    def told_of(self, namespace: str, name: str) -> ObjectReference | None:
        """Return what a stored event is about; None where there is none of this name."""
        entry = self._events.state.get(Key(EVENT.name, namespace, name))
        return None if entry is None else entry.message.involved_object

    async def catch_up(self) -> None:
        """Return when all is known that was acknowledged before the call. Unavailable."""
        await self._pods.read_barrier()


def _claim_of(volume: PersistentVolume) -> Key:
    claim = volume.spec.claim_ref
    return Key(PERSISTENT_VOLUME_CLAIM.name, claim.namespace, claim.name)
