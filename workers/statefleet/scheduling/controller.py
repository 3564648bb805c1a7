"""Bind pending pods to the nodes chosen for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolumeClaim
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.errors import Conflict
from statefleet.objects.kinds import (
    NAMESPACE,
    NODE,
    PERSISTENT_VOLUME,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    STORAGE_CLASS,
    WORKLOADS,
)
from statefleet.objects.meta import SELECTED_NODE_ANNOTATION, is_deleting, version_of
from statefleet.objects.pods import condition, is_terminal
from statefleet.objects.times import to_time
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import Controller, Result, Watched
from statefleet.reconcile.events import EventRecorder
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.keys import Key, key_of
from statefleet.runtime.clock import Clock
from statefleet.scheduling.choose import Chooser, Chosen, Unschedulable
from statefleet.scheduling.claims import ClaimsView, claims_view
from statefleet.scheduling.fleet_view import FleetView, PlacedPod
from statefleet.scheduling.node_affinity import named
from statefleet.scheduling.turns import Turns

SCHEDULER = "default-scheduler"
"""The scheduler that a pod names to be scheduled here."""


class Scheduling(Controller):
    """Gives pods nodes. A key is a pod without one."""

    name = "scheduling"

    def __init__(self, cache: Cache, recorder: EventRecorder, clock: Clock) -> None:
        self._cache = cache
        self._recorder = recorder
        self._clock = clock
        self._fleet = FleetView()
        self._chooser = Chooser(self._fleet)
        self._turns = Turns()
        self._bound_at: defaultdict[str, int] = defaultdict(int)
        self._newest_binding = 0
        self._kept = False
        self._waiting: dict[Key, None] = {}
        """Pods for which there was no node."""
        cache.subscribe(NODE, self._node_changed)
        cache.subscribe(POD, self._pod_changed)
        cache.subscribe(NAMESPACE, self._namespace_changed)

    def watches(self) -> Sequence[Watched]:
        """Watch pods, and what may make room for those that wait."""
        return [
            Watched(POD, self._keys_of_pod),
            Watched(NODE, lambda _before, _after: list(self._waiting)),
            Watched(PERSISTENT_VOLUME_CLAIM, self._keys_of_claim),
            Watched(PERSISTENT_VOLUME, lambda _before, _after: list(self._waiting)),
            Watched(STORAGE_CLASS, lambda _before, _after: list(self._waiting)),
        ]

    async def reconcile(self, key: Key, act: Executor) -> Result:
        """Choose a node for a pod and bind it."""
        self._waiting.pop(key, None)
        pod = self._cache.get(POD, key.namespace, key.name)
        if pod is None or not _is_ours(pod):
            return Result()
        self._keep_places()
        placed = PlacedPod.of(pod)
        try:
            if placed.affinity or placed.anti_affinity:
                async with self._turns.alone():
                    await self._cache.wait(WORKLOADS, self._newest_binding)
                    return await self._schedule(key, placed, act, any_node=True)
            async with self._turns.together():
                return await self._schedule(key, placed, act, any_node=False)
        except Conflict:
            return Result(problem="something changed under the choice")

    async def _schedule(self, key: Key, placed: PlacedPod, act: Executor, *, any_node: bool) -> Result:
        claims = self._claims(placed.pod)
        if claims.waits:
            return Result()
        self._fleet.remove_pod(placed.uid)
        if claims.problem:
            return self._unschedulable(key, placed.pod, claims.problem, act)
        observed = self._cache.version(WORKLOADS)
        choice = self._choose(placed, claims)
        if isinstance(choice, Unschedulable):
            return self._unschedulable(key, placed.pod, choice.message, act)
        self._fleet.place(placed, choice.node)
        if claims.unprovisioned:
            await self._select_node(claims.unprovisioned, choice.node, act)
            return Result()
        async with self._turns.on(choice.node):
            observed = observed if any_node else max(observed, self._bound_at[choice.node])
            await self._bind(placed.pod, choice.node, observed, act, any_node=any_node)
        return Result()

    def _choose(self, placed: PlacedPod, claims: ClaimsView) -> Chosen | Unschedulable:
        if claims.node:
            again = self._chooser.choose(placed, [*claims.affinities, named(claims.node)])
            if isinstance(again, Chosen):
                return again
        return self._chooser.choose(placed, claims.affinities)

    def _keep_places(self) -> None:
        """Keep for pods the nodes on which their volumes are being made: an earlier scheduler chose them."""
        if self._kept:
            return
        self._kept = True
        for pod in self._cache.by_node(""):
            node = self._claims(pod).node
            if node and _is_ours(pod):
                self._fleet.place(PlacedPod.of(pod), node)

    async def _bind(self, pod: Pod, node: str, observed: int, act: Executor, *, any_node: bool) -> None:
        meta = pod.metadata
        bound = await act.perform(
            WORKLOADS,
            lambda fence: act.fleet.bind(
                meta.name,
                meta.namespace,
                node,
                uid=meta.uid,
                observed_version=str(observed),
                any_node=any_node,
                fence=fence,
            ),
            lambda answer: version_of(answer.object.metadata),
        )
        version = version_of(bound.object.metadata)
        self._bound_at[node] = version
        self._newest_binding = max(self._newest_binding, version)
        self._recorder.normal(pod, "Scheduled", f"Successfully assigned {meta.namespace}/{meta.name} to {node}")

    async def _select_node(self, claims: Iterable[PersistentVolumeClaim], node: str, act: Executor) -> None:
        """Have the volumes of claims made on a node: the pod is bound once they are there."""
        for claim in claims:
            if claim.metadata.annotations.get(SELECTED_NODE_ANNOTATION) != node:
                changed = PersistentVolumeClaim()
                changed.CopyFrom(claim)
                changed.metadata.annotations[SELECTED_NODE_ANNOTATION] = node
                await act.update(changed)

    def _unschedulable(self, key: Key, pod: Pod, message: str, act: Executor) -> Result:
        self._waiting[key] = None
        known = condition(pod, "PodScheduled")
        if known is None or known.message != message:
            self._recorder.warning(pod, "FailedScheduling", message)
            act.put_status(_with_reason(pod, message, self._clock.now()))
        return Result()

    def _claims(self, pod: Pod) -> ClaimsView:
        namespace = pod.metadata.namespace
        return claims_view(
            pod,
            lambda name: self._cache.get(PERSISTENT_VOLUME_CLAIM, namespace, name),
            lambda name: self._cache.get(PERSISTENT_VOLUME, "", name),
            lambda name: self._cache.get(STORAGE_CLASS, "", name),
        )

    def _keys_of_pod(self, before: Pod | None, after: Pod | None) -> Iterable[Key]:
        if after is not None and _is_ours(after):
            yield key_of(after)
        freed = before is not None and before.spec.node_name and (after is None or is_terminal(after))
        arrived = after is not None and after.spec.node_name and (before is None or not before.spec.node_name)
        if freed or arrived:
            yield from list(self._waiting)

    def _keys_of_claim(
        self, before: PersistentVolumeClaim | None, after: PersistentVolumeClaim | None
    ) -> Iterable[Key]:
        claim: Any = after if after is not None else before
        for pod in self._cache.by_node(""):
            names = (source.volume_source.persistent_volume_claim.claim_name for source in pod.spec.volumes)
            if pod.metadata.namespace == claim.metadata.namespace and claim.metadata.name in names:
                yield key_of(pod)

    def _node_changed(self, before: Node | None, after: Node | None) -> None:
        if after is not None:
            self._fleet.set_node(after)
        elif before is not None:
            self._fleet.remove_node(before.metadata.name)

    def _pod_changed(self, before: Pod | None, after: Pod | None) -> None:
        if after is None and before is not None:
            self._fleet.remove_pod(before.metadata.uid)
        elif after is not None and after.spec.node_name and self._moved(before, after):
            self._fleet.set_pod(after)

    @staticmethod
    def _moved(before: Pod | None, after: Pod) -> bool:
        """Return whether what a pod holds of its node may have changed."""
        return (
            before is None
            or before.spec.node_name != after.spec.node_name
            or before.metadata.generation != after.metadata.generation
            or before.metadata.labels != after.metadata.labels
            or is_terminal(before) != is_terminal(after)
        )

    def _namespace_changed(self, before: Any, after: Any) -> None:
        if after is not None:
            self._fleet.namespaces[after.metadata.name] = dict(after.metadata.labels)
        elif before is not None:
            self._fleet.namespaces.pop(before.metadata.name, None)


def _is_ours(pod: Pod) -> bool:
    spec = pod.spec
    ours = spec.scheduler_name in ("", SCHEDULER) and not spec.node_name and not spec.scheduling_gates
    return ours and not is_deleting(pod.metadata) and not is_terminal(pod)


def _with_reason(pod: Pod, message: str, now: float) -> Pod:
    changed = Pod()
    changed.CopyFrom(pod)
    found = condition(changed, "PodScheduled")
    if found is None:
        found = changed.status.conditions.add(type="PodScheduled", status="False")
        found.last_transition_time.CopyFrom(to_time(now))
    found.reason, found.message = "Unschedulable", message
    return changed
