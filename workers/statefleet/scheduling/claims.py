"""What a pod's claims mean for the choice of its node. Pure: no I/O, clock or randomness.

The rules are those of the Kubernetes scheduler's volume binding: a bound volume says where it is; a claim that waits
for its first consumer must find, on the node, a volume that is there or one that can be made there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.storage.v1.storage_class_pb2 import StorageClass
from statefleet.objects.meta import SELECTED_NODE_ANNOTATION, is_deleting
from statefleet.objects.pods import claim_names
from statefleet.scheduling.node_affinity import NodeRule
from statefleet.volumes.matching import WAITS_FOR_CONSUMER, free_volumes, kept_volume

NO_PROVISIONER = "kubernetes.io/no-provisioner"
"""The provisioner of classes whose volumes are made by hand."""
_ELSEWHERE = "node(s) had volume node affinity conflict"
_IN_USE = "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
_NONE_TO_BIND = "node(s) didn't find available persistent volumes to bind"


class Storage(Protocol):
    """Finds what claims need, in one namespace."""

    def claim(self, name: str) -> PersistentVolumeClaim | None:
        """Return a claim of the namespace."""

    def volume(self, name: str) -> PersistentVolume | None:
        """Return a volume."""

    def volumes(self) -> Iterable[PersistentVolume]:
        """Return all volumes."""

    def storage_class(self, name: str) -> StorageClass | None:
        """Return a class."""

    def has_node(self, name: str) -> bool:
        """Return whether there is such a node."""

    def is_used(self, claim: str, besides: str) -> bool:
        """Return whether a pod that has its node uses a claim, besides the pod of a uid."""


@dataclass(slots=True)
class UnboundClaim:
    """A claim that gets its volume once the node is known."""

    claim: PersistentVolumeClaim
    volumes: list[tuple[PersistentVolume, NodeRule | None]]
    """Volumes that it can have, the best first, and where they are; None: anywhere."""
    topologies: tuple[Mapping[str, frozenset[str]], ...] | None
    """Where a new volume can be made: one of these labels' values must all be the node's; None: nowhere."""
    node: str = ""
    """The node that was chosen before, on which a volume is being made."""

    def can_be_made(self, name: str, labels: Mapping[str, str]) -> bool:
        """Return whether a volume for the claim can be made on a node."""
        if self.topologies is None or self.node not in ("", name):
            return False
        return not self.topologies or any(
            all(labels.get(key) in values for key, values in topology.items()) for topology in self.topologies
        )


@dataclass(slots=True)
class VolumePlan:
    """How the claims of a pod get their volumes on one node."""

    bound: list[tuple[PersistentVolumeClaim, PersistentVolume]] = field(default_factory=list)
    made: list[PersistentVolumeClaim] = field(default_factory=list)


@dataclass(slots=True)
class ClaimsView:
    """What a pod's claims mean for its node."""

    problem: str = ""
    """Why the pod cannot have a node yet; empty where nothing stands in the way."""
    waits: bool = False
    """Whether a volume is on its way, after which the pod needs another look."""
    for_one_pod: bool = False
    """Whether one of them is for one pod alone."""
    in_use: bool = False
    """Whether another pod has it."""
    places: list[NodeRule] = field(default_factory=list)
    """Where the volumes are that are bound already."""
    unbound: list[UnboundClaim] = field(default_factory=list)

    @property
    def are_settled(self) -> bool:
        """Whether all claims have their volumes, and the pod shares them with others or has none."""
        return not (self.problem or self.waits or self.for_one_pod or self.unbound)

    @property
    def matters(self) -> bool:
        """Whether claims may keep the pod off a node."""
        return self.in_use or bool(self.places or self.unbound)

    def refusal(self, name: str, labels: Mapping[str, str]) -> str:
        """Return why volumes keep the pod off a node, empty where they do not."""
        if self.in_use:
            return _IN_USE
        for place in self.places:
            if not place.matches(name, labels):
                return _ELSEWHERE
        return _NONE_TO_BIND if self.unbound and self.plan(name, labels) is None else ""

    def plan(self, name: str, labels: Mapping[str, str]) -> VolumePlan | None:
        """Return how the unbound claims get volumes on a node; None where they cannot."""
        plan, taken = VolumePlan(), set[str]()
        for each in self.unbound:
            found = next(
                (
                    volume
                    for volume, place in each.volumes
                    if volume.metadata.name not in taken and (place is None or place.matches(name, labels))
                ),
                None,
            )
            if found is not None and not each.node:
                taken.add(found.metadata.name)
                plan.bound.append((each.claim, found))
            elif each.can_be_made(name, labels):
                plan.made.append(each.claim)
            else:
                return None
        return plan


def claims_view(pod: Pod, storage: Storage) -> ClaimsView:
    """Return what a pod's claims mean for its node."""
    view = ClaimsView()
    for name in claim_names(pod):
        _add(view, name, pod.metadata.uid, storage)
        if view.problem or view.waits:
            break
    return view


def _add(view: ClaimsView, name: str, pod: str, storage: Storage) -> None:
    claim = storage.claim(name)
    if claim is not None and "ReadWriteOncePod" in claim.spec.access_modes:
        view.for_one_pod = True
        view.in_use = view.in_use or storage.is_used(name, besides=pod)
    if claim is None:
        view.problem = f'persistentvolumeclaim "{name}" not found'
    elif is_deleting(claim.metadata):
        view.problem = f'persistentvolumeclaim "{name}" is being deleted'
    elif claim.spec.volume_name:
        _add_bound(view, claim, storage.volume(claim.spec.volume_name))
    else:
        _add_unbound(view, claim, storage)


def _add_bound(view: ClaimsView, claim: PersistentVolumeClaim, volume: PersistentVolume | None) -> None:
    if volume is None:
        name = claim.metadata.name
        view.problem = f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume'
        view.problem += f' "{claim.spec.volume_name}"'
    elif claim.status.phase != "Bound":
        view.waits = True
    elif volume.spec.node_affinity.HasField("required"):
        view.places.append(NodeRule.of(volume.spec.node_affinity.required))


def _add_unbound(view: ClaimsView, claim: PersistentVolumeClaim, storage: Storage) -> None:
    found = storage.storage_class(claim.spec.storage_class_name)
    if found is None or found.volume_binding_mode != WAITS_FOR_CONSUMER:
        view.problem = "pod has unbound immediate PersistentVolumeClaims"
        return
    volumes = list(storage.volumes())
    if kept_volume(volumes, claim) is not None:
        view.waits = True
        return
    chosen = claim.metadata.annotations.get(SELECTED_NODE_ANNOTATION, "")
    free = [(volume, _place(volume)) for volume in free_volumes(volumes, claim)]
    view.unbound.append(
        UnboundClaim(claim, free, _topologies(claim, found), chosen if storage.has_node(chosen) else "")
    )


def _place(volume: PersistentVolume) -> NodeRule | None:
    affinity = volume.spec.node_affinity
    return NodeRule.of(affinity.required) if affinity.HasField("required") else None


def _topologies(
    claim: PersistentVolumeClaim, storage_class: StorageClass
) -> tuple[Mapping[str, frozenset[str]], ...] | None:
    # A selector asks for a volume that is there: none is made to its liking.
    if storage_class.provisioner == NO_PROVISIONER or claim.spec.HasField("selector"):
        return None
    return tuple(
        {each.key: frozenset(each.values) for each in term.match_label_expressions}
        for term in storage_class.allowed_topologies
    )
