"""Find what claims need in the cache."""

from __future__ import annotations

from collections.abc import Iterable

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.api.storage.v1.storage_class_pb2 import StorageClass
from statefleet.objects.kinds import PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM, POD, STORAGE_CLASS
from statefleet.objects.pods import claim_names, is_terminal
from statefleet.reconcile.cache import Cache
from statefleet.scheduling.fleet_view import FleetView


class CachedStorage:
    """What the cache shows of storage, for the claims of one namespace."""

    def __init__(self, cache: Cache, fleet: FleetView, namespace: str) -> None:
        self._cache = cache
        self._fleet = fleet
        self._namespace = namespace

    def claim(self, name: str) -> PersistentVolumeClaim | None:
        """Return a claim of the namespace."""
        return self._cache.get(PERSISTENT_VOLUME_CLAIM, self._namespace, name)

    def volume(self, name: str) -> PersistentVolume | None:
        """Return a volume."""
        return self._cache.get(PERSISTENT_VOLUME, "", name)

    def volumes(self) -> Iterable[PersistentVolume]:
        """Return all volumes."""
        return self._cache.list(PERSISTENT_VOLUME)

    def storage_class(self, name: str) -> StorageClass | None:
        """Return a class."""
        return self._cache.get(STORAGE_CLASS, "", name)

    def has_node(self, name: str) -> bool:
        """Return whether there is such a node."""
        return name in self._fleet.nodes

    def is_used(self, claim: str, besides: str) -> bool:
        """Return whether a pod that has its node uses a claim, besides the pod of a uid."""
        return any(
            pod.metadata.uid != besides
            and not is_terminal(pod)
            and (pod.spec.node_name or self._fleet.node_of(pod.metadata.uid))
            and claim in claim_names(pod)
            for pod in self._cache.list(POD, self._namespace)
        )
