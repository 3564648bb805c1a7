"""Decide whether a pod may be bound to a node. Pure."""

from __future__ import annotations

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.workloads.v1.workload_store_pb2 import BindRequest
from statefleet.errors import BadRequest
from statefleet.objects.kinds import POD
from statefleet.objects.meta import is_deleting
from statefleet.store.draft import Draft
from statefleet.store.entries import Key
from statefleet.store.reading import parse_version
from statefleet.store.rejections import conflict, not_found, uid_conflict
from statefleet.workloads.pods import NODES_MARK, node_mark, note_bound, still_holds


def decide_binding(draft: Draft, request: BindRequest) -> Pod:
    """Return the pod with its node, having put the change into the draft.

    Raises NotFound, and Conflict where the pod has a node, is being deleted or another one, or where a pod was bound
    to the node, or with `any_node` to any, after the version that the choice rests on.
    """
    if not request.node:
        raise BadRequest("node: Required value")
    stored = draft.state.get(Key(POD.name, request.namespace, request.name))
    if stored is None:
        raise not_found(POD, request.name)
    _admit(stored.message, request)
    _check_choice(draft, request)
    pod: Pod = stored.copy()
    pod.spec.node_name = request.node
    note_bound(draft, pod)
    draft.replace(POD, pod, stored)
    return pod


def _admit(pod: Pod, request: BindRequest) -> None:
    name = request.name
    if request.uid and request.uid != pod.metadata.uid:
        raise uid_conflict(POD, name, request.uid, pod.metadata.uid)
    if is_deleting(pod.metadata):
        why = f"pod {name} is being deleted, cannot be assigned to a host"
        raise conflict(POD, name, why, subresource="binding")
    if pod.spec.node_name:
        why = f'pod {name} is already assigned to node "{pod.spec.node_name}"'
        raise conflict(POD, name, why, subresource="binding")
    if pod.spec.scheduling_gates:
        raise conflict(POD, name, f"pod {name} has non-empty .spec.schedulingGates", subresource="binding")


def _check_choice(draft: Draft, request: BindRequest) -> None:
    if not request.observed_version:
        return
    observed = parse_version(request.observed_version, "observedVersion")
    mark = NODES_MARK if request.any_node else node_mark(request.node)
    if not still_holds(draft, mark, observed):
        where = "a node" if request.any_node else f'node "{request.node}"'
        why = f"a pod was bound to {where} after version {observed}, which the choice was made from"
        raise conflict(POD, request.name, why, subresource="binding")
