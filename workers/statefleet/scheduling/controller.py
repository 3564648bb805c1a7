"""Bind pending pods to the nodes chosen for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolumeClaim
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.object.v1.verbs_pb2 import Binding, Slot
from statefleet.errors import Conflict, FleetError
from statefleet.objects.defaults import apply_defaults
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
from statefleet.objects.pods import claim_names, condition, is_terminal
from statefleet.objects.times import to_time
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import Controller, Result, Watched
from statefleet.reconcile.events import EventRecorder
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.keys import Key, key_of
from statefleet.runtime.clock import Clock
from statefleet.scheduling.choose import Chooser, Unschedulable
from statefleet.scheduling.claims import ClaimsView, VolumePlan, claims_view
from statefleet.scheduling.fleet_view import FleetView, node_changed
from statefleet.scheduling.placed_pod import PlacedPod
from statefleet.scheduling.storage import CachedStorage
from statefleet.scheduling.turns import Turns
from statefleet.volumes.matching import kept_for

SCHEDULER = "default-scheduler"
"""The scheduler that a pod names to be scheduled here."""


class Scheduling(Controller):
    """Gives pods nodes. A key is a pod without one."""

    name = "scheduling"

    def __init__(
        self, cache: Cache, recorder: EventRecorder, clock: Clock, is_scheduler: Callable[[], bool] = lambda: True
    ) -> None:
        self._cache = cache
        self._recorder = recorder
        self._clock = clock
        self._is_scheduler = is_scheduler
        self._fleet = FleetView()
        self._chooser = Chooser(self._fleet)
        self._turns = Turns()
        self._bound_at: defaultdict[str, int] = defaultdict(int)
        self._newest_binding = 0
        self._meant: set[str] = set()
        """Pods, by uid, that are counted on the node where their volumes are being made."""
        self._kept = False
        self._waiting: dict[Key, bool] = {}
        """Pods for which there was no node, and whether they must be near others, who may come."""
        cache.subscribe(NODE, self._node_changed)
        cache.subscribe(POD, self._pod_changed)
        cache.subscribe(NAMESPACE, self._namespace_changed)

    def watches(self) -> Sequence[Watched]:
        """Watch pods, and what may make room for those that wait."""
        return [
            Watched(POD, self._keys_of_pod),
            Watched(NODE, self._keys_of_node),
            Watched(PERSISTENT_VOLUME_CLAIM, self._keys_of_claim),
            Watched(PERSISTENT_VOLUME, self._all_waiting),
            Watched(STORAGE_CLASS, self._all_waiting),
            Watched(NAMESPACE, self._keys_of_namespace),
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
            self._see_again(key, placed)
            return Result(problem="something changed under the choice")
        except FleetError:
            self._see_again(key, placed)
            raise

    async def create(self, pod: Pod, act: Executor, *, slot: Slot | None = None) -> Pod:
        """Add a pod, with its node where that can be chosen at once; else it is bound later, as others' pods are."""
        if self._is_scheduler() and _is_ours(pod) and not self._waiting:
            self._keep_places()
            async with self._turns.together():
                node = self._place_new(pod)
                if node:
                    return await self._create_on(node, pod, act, slot)
        return await act.create(pod, slot=slot)

    def _place_new(self, pod: Pod) -> str:
        """Choose a node for a pod that is yet to be added, and count it there; empty: it is bound later.

        That is so where the choice rests on more than the node, or there is none.
        """
        whole = Pod()
        whole.CopyFrom(pod)
        apply_defaults(whole)
        whole.metadata.uid = _uid_until_shown(key_of(pod))
        placed = PlacedPod.of(whole)
        claims = self._claims(whole)
        if placed.affinity or placed.anti_affinity or not claims.are_settled:
            return ""
        choice = self._chooser.choose(placed, claims if claims.matters else None)
        if isinstance(choice, Unschedulable):
            return ""
        self._fleet.place(placed, choice.node)
        return choice.node

    async def _create_on(self, node: str, pod: Pod, act: Executor, slot: Slot | None) -> Pod:
        uid, observed = _uid_until_shown(key_of(pod)), self._cache.version(WORKLOADS)
        try:
            async with self._turns.on(node):
                binding = Binding(node=node, observed_version=str(max(observed, self._bound_at[node])))
                stored = await act.create(pod, slot=slot, binding=binding)
                if stored.spec.node_name:
                    self._bound(stored)
        except BaseException:
            self._fleet.remove_pod(uid)
            raise
        version = version_of(stored.metadata) if stored.spec.node_name else 0
        self._cache.when(WORKLOADS, version, lambda: self._fleet.remove_pod(uid))
        return stored

    def _bound(self, pod: Pod) -> None:
        """Note that a pod was given its node."""
        meta, node = pod.metadata, pod.spec.node_name
        version = version_of(meta)
        self._bound_at[node] = version
        self._newest_binding = max(self._newest_binding, version)
        self._recorder.normal(pod, "Scheduled", f"Successfully assigned {meta.namespace}/{meta.name} to {node}")

    async def _schedule(self, key: Key, placed: PlacedPod, act: Executor, *, any_node: bool) -> Result:
        self._see_again(key, placed)
        if self._is_bound(key, placed):
            return Result()
        claims = self._claims(placed.pod)
        if claims.waits:
            return Result()
        self._fleet.remove_pod(placed.uid)
        self._meant.discard(placed.uid)
        if claims.problem:
            return self._unschedulable(key, placed, self._chooser.explain_all(claims.problem), act)
        observed = self._cache.version(WORKLOADS)
        choice = self._chooser.choose(placed, claims if claims.matters else None)
        if isinstance(choice, Unschedulable):
            return self._unschedulable(key, placed, choice.message, act)
        plan = self._plan_volumes(claims, choice.node)
        self._fleet.place(placed, choice.node)
        if plan is not None:
            self._meant.add(placed.uid)
            await self._provide(plan, choice.node, act)
            return Result()
        async with self._turns.on(choice.node):
            observed = observed if any_node else max(observed, self._bound_at[choice.node])
            await self._bind(placed.pod, choice.node, observed, act, any_node=any_node)
        return Result()

    def _see_again(self, key: Key, placed: PlacedPod) -> None:
        """Count the pod as the cache shows it: on the node that it has, or on the one where its volumes are made."""
        current = self._cache.get(POD, key.namespace, key.name)
        if current is None or current.metadata.uid != placed.uid:
            self._fleet.remove_pod(placed.uid)
        elif current.spec.node_name or placed.uid not in self._meant:
            self._fleet.set_pod(current)

    def _is_bound(self, key: Key, placed: PlacedPod) -> bool:
        current = self._cache.get(POD, key.namespace, key.name)
        return current is None or current.metadata.uid != placed.uid or bool(current.spec.node_name)

    def _claims(self, pod: Pod) -> ClaimsView:
        return claims_view(pod, CachedStorage(self._cache, self._fleet, pod.metadata.namespace))

    def _keep_places(self) -> None:
        """Count pods on the nodes where their volumes are being made: an earlier scheduler chose them."""
        if self._kept:
            return
        self._kept = True
        for pod in self._cache.by_node(""):
            node = self._node_of_claims(pod)
            if node in self._fleet.nodes and _is_ours(pod):
                self._meant.add(pod.metadata.uid)
                self._fleet.place(PlacedPod.of(pod), node)

    def _node_of_claims(self, pod: Pod) -> str:
        for name in claim_names(pod):
            claim = self._cache.get(PERSISTENT_VOLUME_CLAIM, pod.metadata.namespace, name)
            if claim is not None and SELECTED_NODE_ANNOTATION in claim.metadata.annotations:
                return str(claim.metadata.annotations[SELECTED_NODE_ANNOTATION])
        return ""

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
        self._bound(bound.object)

    def _plan_volumes(self, claims: ClaimsView, node: str) -> VolumePlan | None:
        """Return how the claims get their volumes on a node that was chosen; None where all have theirs."""
        return claims.plan(node, self._fleet.nodes[node].labels) if claims.unbound else None

    async def _provide(self, plan: VolumePlan, node: str, act: Executor) -> None:
        """Have the claims' volumes kept for them or made on a node: the pod is bound once they are there."""
        for claim, volume in plan.bound:
            await act.update(kept_for(volume, claim))
        for claim in plan.made:
            if claim.metadata.annotations.get(SELECTED_NODE_ANNOTATION) != node:
                changed = PersistentVolumeClaim()
                changed.CopyFrom(claim)
                changed.metadata.annotations[SELECTED_NODE_ANNOTATION] = node
                await act.update(changed)

    def _unschedulable(self, key: Key, placed: PlacedPod, message: str, act: Executor) -> Result:
        self._waiting[key] = bool(placed.affinity)
        known = condition(placed.pod, "PodScheduled")
        if known is None or known.message != message:
            self._recorder.warning(placed.pod, "FailedScheduling", message)
            act.put_status(_with_reason(placed.pod, message, self._clock.now()))
        return Result()

    def _all_waiting(self, _before: Any = None, _after: Any = None) -> list[Key]:
        return list(self._waiting)

    def _keys_of_pod(self, before: Pod | None, after: Pod | None) -> Iterable[Key]:
        """Return a pod that needs a node, and those that wait for what has become of a pod that has one."""
        if after is not None and _is_ours(after):
            yield key_of(after)
        had = before is not None and before.spec.node_name and not is_terminal(before)
        has = after is not None and after.spec.node_name and not is_terminal(after)
        if had and (not has or (before and after and before.metadata.labels != after.metadata.labels)):
            yield from self._all_waiting()
        elif has and not had:
            yield from [key for key, for_company in self._waiting.items() if for_company]

    def _keys_of_node(self, before: Node | None, after: Node | None) -> Iterable[Key]:
        return self._all_waiting() if before is None or after is None or node_changed(before, after) else ()

    def _keys_of_namespace(self, before: Any, after: Any) -> Iterable[Key]:
        changed = before and after and before.metadata.labels != after.metadata.labels
        return self._all_waiting() if changed else ()

    def _keys_of_claim(
        self, before: PersistentVolumeClaim | None, after: PersistentVolumeClaim | None
    ) -> Iterable[Key]:
        claim: Any = after if after is not None else before
        for pod in self._cache.by_node(""):
            if pod.metadata.namespace == claim.metadata.namespace and claim.metadata.name in claim_names(pod):
                yield key_of(pod)

    def _node_changed(self, before: Node | None, after: Node | None) -> None:
        if after is not None:
            self._fleet.set_node(after)
        elif before is not None:
            self._fleet.remove_node(before.metadata.name)

    def _pod_changed(self, before: Pod | None, after: Pod | None) -> None:
        if before is None and after is not None:
            self._fleet.remove_pod(_uid_until_shown(key_of(after)))
        if after is None or after.spec.node_name or is_terminal(after):
            pod: Any = after if after is not None else before
            self._meant.discard(pod.metadata.uid)
            self._waiting.pop(key_of(pod), None)
        if after is None and before is not None:
            self._fleet.remove_pod(before.metadata.uid)
        elif after is not None and after.spec.node_name and self._moved(before, after):
            self._fleet.set_pod(after)

    def _moved(self, before: Pod | None, after: Pod) -> bool:
        """Return whether what a pod holds of its node may have changed."""
        if before is None or is_terminal(before) != is_terminal(after):
            return True
        if before.metadata.labels != after.metadata.labels:
            return True
        if before.spec.node_name != after.spec.node_name:
            # It was counted with the choice, unless that was another's.
            return self._fleet.node_of(after.metadata.uid) != after.spec.node_name
        return before.metadata.generation != after.metadata.generation and before.spec != after.spec

    def _namespace_changed(self, before: Any, after: Any) -> None:
        meta = (after if after is not None else before).metadata
        self._fleet.crowd.set_namespace(meta.name, dict(meta.labels) if after is not None else None)


def _uid_until_shown(key: Key) -> str:
    """Return under which uid a pod is counted on its node from before it is added until the cache shows it."""
    return f"of {key}"


def _is_ours(pod: Pod) -> bool:
    spec = pod.spec
    ours = spec.scheduler_name in ("", SCHEDULER) and not spec.node_name and not spec.scheduling_gates
    return ours and not is_deleting(pod.metadata) and not is_terminal(pod)


def _with_reason(pod: Pod, message: str, now: float) -> Pod:
    changed = Pod()
    changed.CopyFrom(pod)
    found = condition(changed, "PodScheduled")
    if found is None:
        found = changed.status.conditions.add(type="PodScheduled")
        found.last_transition_time.CopyFrom(to_time(now))
    found.status, found.reason, found.message = "False", "Unschedulable", message
    return changed
