"""Taint nodes by their conditions, and see to the pods of nodes that are lost, tainted or gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.scheduling_pb2 import Taint
from statefleet.errors import Conflict, NotFound
from statefleet.node_lifecycle.consequences import (
    bereft,
    dated,
    evict_at,
    evicted,
    is_failed,
    is_out_of_service,
    needs_attention,
    not_ready,
    readiness,
    wanted_taints,
)
from statefleet.objects.kinds import NODE, NODES, POD, WORKLOADS
from statefleet.objects.meta import full_name, is_deleting
from statefleet.objects.pods import is_ready, is_terminal
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import Controller, Result, Watched, itself
from statefleet.reconcile.events import EventRecorder
from statefleet.reconcile.executor import Executor, slow_start
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
        self._dated: dict[str, list[Taint]] = {}
        """The taints of nodes that need attention, those that bear no time dated by when they were first seen."""

    def watches(self) -> Sequence[Watched]:
        """Watch nodes, and the pods of those that are not well."""
        return [itself(NODE), Watched(POD, self._keys_of_pod)]

    async def reconcile(self, key: Key, act: Executor) -> Result:
        """Bring a node's taints and its pods to what its conditions mean."""
        node = self._cache.get(NODE, "", key.name)
        if node is None:
            self._dated.pop(key.name, None)
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
            await self._end(pods, bereft, act, grace_period_seconds=0)

    async def _see_to_pods(self, node: Node, now: float, act: Executor) -> float | None:
        """Act on the pods of a node. Return in how many seconds to look again, None for not."""
        name = node.metadata.name
        before = self._dated.pop(name, ())
        if not needs_attention(node):
            return None
        taints = self._dated[name] = dated(node.spec.taints, before, now)
        pods = self._cache.by_node(name)
        if is_failed(node):
            self._mark_not_ready(node, pods, now, act)
        if is_out_of_service(node):
            leaving = [pod for pod in pods if is_deleting(pod.metadata)]
            await _each(partial(act.delete, grace_period_seconds=0), leaving)
        staying = [pod for pod in pods if not is_deleting(pod.metadata) and not is_terminal(pod)]
        times = [(pod, evict_at(pod, taints, now)) for pod in staying]
        await self._evict([pod for pod, due in times if due is not None and due <= now], act)
        later = [due - now for _, due in times if due is not None and due > now]
        return min(later, default=None)

    def _mark_not_ready(self, node: Node, pods: Iterable[Pod], now: float, act: Executor) -> None:
        ready = [pod for pod in pods if is_ready(act.newest_status(pod) or pod) and not is_terminal(pod)]
        for pod in ready:
            act.put_status(not_ready(pod, now))
            self._recorder.warning(pod, "NodeNotReady", "Node is not ready")
        if ready:
            name = node.metadata.name
            self._recorder.normal(node, "NodeNotReady", f"Node {name} status is now: Ready={readiness(node)}")

    async def _evict(self, pods: Sequence[Pod], act: Executor) -> None:
        for pod in pods:
            self._recorder.normal(pod, "TaintManagerEviction", f"Marking for deletion Pod {full_name(pod.metadata)}")
        await self._end(pods, evicted, act)

    async def _end(
        self,
        pods: Iterable[Pod],
        told: Callable[[Pod, float], Pod],
        act: Executor,
        grace_period_seconds: int | None = None,
    ) -> None:
        """Delete pods, each of which says before why it ends."""

        async def end(pod: Pod) -> None:
            explained = told(pod, self._clock.now())
            if explained.status != pod.status:
                await act.update_status(explained)
            await act.delete(pod, grace_period_seconds=grace_period_seconds)

        await _each(end, pods)

    def _keys_of_pod(self, _before: Pod | None, after: Pod | None) -> Iterable[Key]:
        """Return the node of a pod, unless it is well and there is nothing to decide: so it is for nearly all."""
        name = after.spec.node_name if after is not None else ""
        if name:
            node = self._cache.get(NODE, "", name)
            if node is None or needs_attention(node):
                yield Key("", name)


async def _each(end: Callable[[Pod], Awaitable[object]], pods: Iterable[Pod]) -> None:
    """Have each pod ended. One that has changed or gone meanwhile is left to the next look."""
    for error in await slow_start([partial(end, pod) for pod in pods]):
        if not isinstance(error, (NotFound, Conflict)):
            raise error
