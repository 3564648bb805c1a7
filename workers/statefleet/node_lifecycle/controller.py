"""Taint nodes by their condition, and see to the pods of nodes that are lost, tainted or gone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.errors import Conflict, NotFound
from statefleet.node_lifecycle.consequences import evict_at, is_out_of_service, readiness, wanted_taints
from statefleet.objects.kinds import NODE, NODES, POD, WORKLOADS
from statefleet.objects.meta import is_deleting
from statefleet.objects.pods import condition, is_ready, is_terminal
from statefleet.objects.times import to_time
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import Controller, Result, Watched, itself
from statefleet.reconcile.events import EventRecorder
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.keys import Key
from statefleet.runtime.clock import Clock


class NodeLifecycle(Controller):
    """Follows nodes. A key is a node, or the name of one that pods are still bound to."""

    name = "nodelifecycle"
    services = (WORKLOADS, NODES)

    def __init__(self, cache: Cache, recorder: EventRecorder, clock: Clock) -> None:
        self._cache = cache
        self._recorder = recorder
        self._clock = clock

    def watches(self) -> Sequence[Watched]:
        """Watch nodes, and pods as they are bound."""
        return [itself(NODE), Watched(POD, self._keys_of_pod)]

    async def reconcile(self, key: Key, act: Executor) -> Result:
        """Bring a node's taints and its pods to what its condition means."""
        node = self._cache.get(NODE, "", key.name)
        if node is None:
            await self._forget(key.name, act)
            return Result()
        now = self._clock.now()
        taints = wanted_taints(node, now)
        if taints != list(node.spec.taints):
            changed = Node()
            changed.CopyFrom(node)
            del changed.spec.taints[:]
            changed.spec.taints.extend(taints)
            node = await act.update(changed)
        return Result(requeue_after=await self._see_to_pods(node, now, act))

    async def _forget(self, name: str, act: Executor) -> None:
        """Remove the pods of a node that is gone, by the registry's own word."""
        pods = self._cache.by_node(name) if name else []
        if not pods:
            return
        try:
            await act.fleet.get(NODE, name)
        except NotFound:
            for pod in pods:
                await self._remove(pod, act)

    async def _see_to_pods(self, node: Node, now: float, act: Executor) -> float | None:
        """Act on the pods of a node. Return in how many seconds to look again, None for not."""
        lost = readiness(node) == "Unknown"
        out_of_service = is_out_of_service(node.spec.taints)
        next_look: float | None = None
        for pod in self._cache.by_node(node.metadata.name):
            if is_terminal(pod):
                continue
            if lost and is_ready(pod):
                act.put_status(_not_ready(pod, now))
            if is_deleting(pod.metadata):
                if out_of_service:
                    await self._remove(pod, act)
                continue
            due = evict_at(pod, node.spec.taints, now)
            if due is not None and due <= now:
                self._recorder.normal(
                    pod,
                    "TaintManagerEviction",
                    f"Marking for deletion Pod {pod.metadata.namespace}/{pod.metadata.name}",
                )
                await self._delete(pod, act)
            elif due is not None:
                next_look = min(due - now, next_look if next_look is not None else due - now)
        return next_look

    @staticmethod
    async def _delete(pod: Pod, act: Executor) -> None:
        try:
            await act.delete(pod)
        except (NotFound, Conflict):
            return

    @staticmethod
    async def _remove(pod: Pod, act: Executor) -> None:
        try:
            await act.delete(pod, grace_period_seconds=0)
        except (NotFound, Conflict):
            return

    @staticmethod
    def _keys_of_pod(before: Pod | None, after: Pod | None) -> Iterable[Key]:
        """Return the node of a pod that came to it or began to leave it: other changes mean nothing here."""
        if after is None or not after.spec.node_name:
            return
        arrived = before is None or before.spec.node_name != after.spec.node_name
        leaves = is_deleting(after.metadata) and (before is None or not is_deleting(before.metadata))
        if arrived or leaves:
            yield Key("", after.spec.node_name)


def _not_ready(pod: Pod, now: float) -> Pod:
    changed = Pod()
    changed.CopyFrom(pod)
    for kind in ("Ready", "ContainersReady"):
        found = condition(changed, kind)
        if found is not None and found.status == "True":
            found.status, found.reason = "False", "NodeNotReady"
            found.last_transition_time.CopyFrom(to_time(now))
    return changed
