"""What a pod's claims mean for the choice of its node. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.reference_pb2 import NodeSelector
from statefleet.api.storage.v1.storage_class_pb2 import StorageClass
from statefleet.objects.meta import SELECTED_NODE_ANNOTATION, is_deleting

WAITS_FOR_CONSUMER = "WaitForFirstConsumer"


@dataclass(slots=True)
class ClaimsView:
    """What a pod's claims mean for its node."""

    problem: str = ""
    """Why the pod cannot have a node yet; empty where nothing stands in the way."""
    node: str = ""
    """The node that was chosen for a volume of the pod's earlier on: the pod is to have it, if it still can."""
    waits: bool = False
    """Whether a volume is on its way, after which the pod needs another look."""
    affinities: list[NodeSelector] = field(default_factory=list)
    """Where the volumes are that are bound already."""
    unprovisioned: list[PersistentVolumeClaim] = field(default_factory=list)
    """Claims whose volume is made once the node is known."""


def claims_view(
    pod: Pod,
    claim: Callable[[str], PersistentVolumeClaim | None],
    volume: Callable[[str], PersistentVolume | None],
    storage_class: Callable[[str], StorageClass | None],
) -> ClaimsView:
    """Return what a pod's claims mean for its node; the three functions look objects up by name."""
    view = ClaimsView()
    for source in pod.spec.volumes:
        if not source.volume_source.HasField("persistent_volume_claim"):
            continue
        name = source.volume_source.persistent_volume_claim.claim_name
        found = claim(name)
        if found is not None:
            view.node = found.metadata.annotations.get(SELECTED_NODE_ANNOTATION, view.node)
        if found is None:
            view.problem = f'persistentvolumeclaim "{name}" not found'
        elif is_deleting(found.metadata):
            view.problem = f'persistentvolumeclaim "{name}" is being deleted'
        elif found.spec.volume_name:
            _add_bound(view, found, volume(found.spec.volume_name))
        else:
            _add_unbound(view, found, storage_class(found.spec.storage_class_name))
        if view.problem or view.waits:
            break
    return view


def _add_bound(view: ClaimsView, claim: PersistentVolumeClaim, volume: PersistentVolume | None) -> None:
    if volume is None:
        view.problem = f'persistentvolume "{claim.spec.volume_name}" not found'
    elif claim.status.phase != "Bound":
        view.waits = True
    elif volume.spec.node_affinity.HasField("required"):
        view.affinities.append(volume.spec.node_affinity.required)


def _add_unbound(view: ClaimsView, claim: PersistentVolumeClaim, found: StorageClass | None) -> None:
    if found is not None and found.volume_binding_mode == WAITS_FOR_CONSUMER:
        view.unprovisioned.append(claim)
    else:
        view.problem = "pod has unbound immediate PersistentVolumeClaims"
