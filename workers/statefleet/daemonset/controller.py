"""Reconcile DaemonSets: observe, plan, execute."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import structlog

from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.daemonset.actions import DeletePod
from statefleet.daemonset.build import with_status
from statefleet.daemonset.census import Census
from statefleet.daemonset.execute import Execution
from statefleet.daemonset.observe import SetFacts, read_set, revision_label, status_view
from statefleet.daemonset.patience import Patience
from statefleet.daemonset.placement import placement_changed, target_node
from statefleet.daemonset.plan import Observed, Plan, plan
from statefleet.daemonset.roster import Roster
from statefleet.daemonset.views import Status
from statefleet.objects.kinds import CONTROLLER_REVISION, DAEMON_SET, NODE, POD, REVISIONS, WORKLOADS, Kind
from statefleet.objects.meta import controller_of, is_deleting
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import (
    Controller,
    Result,
    Watched,
    delay_of_pod,
    delay_of_set,
    itself,
    owned,
)
from statefleet.reconcile.creating import PodCreator
from statefleet.reconcile.events import EventSink
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.keys import Key, key_of
from statefleet.reconcile.memo import Memo
from statefleet.reconcile.ownership import settle
from statefleet.reconcile.recording import Recordings
from statefleet.reconcile.revisions import Revisions
from statefleet.runtime.clock import Clock
from statefleet.runtime.logging import debugging

WATCHED_KINDS: tuple[Kind[Any], ...] = (DAEMON_SET, POD, NODE, CONTROLLER_REVISION)
"""What the cache has to follow for it."""

_log = structlog.get_logger(__name__)


class DaemonSetController(Controller):
    """Keeps the pods and revisions of every DaemonSet as the set declares them."""

    name: ClassVar[str] = "daemonset"
    shards: ClassVar[int] = 8
    services: ClassVar[tuple[int, ...]] = (WORKLOADS, REVISIONS)

    def __init__(self, cache: Cache, events: EventSink, pods: PodCreator, clock: Clock) -> None:
        self._cache = cache
        self._events = events.recorder("daemonset-controller")
        self._pods = pods
        self._clock = clock
        self._facts = Memo(cache, DAEMON_SET, read_set)
        self._revisions = Revisions(cache, revision_label)
        self._recordings = Recordings(cache)
        self._census = Census(cache)
        self._patience = Patience()
        cache.subscribe(DAEMON_SET, self._forget)

    def watches(self) -> Sequence[Watched]:
        """Return the kinds; a pod without a controller concerns the sets that select it, a node all of them."""
        return (
            itself(DAEMON_SET, delay_of_set),
            owned(POD, DAEMON_SET, delay_of_pod),
            Watched(POD, self._sets_of_orphan),
            owned(CONTROLLER_REVISION, DAEMON_SET),
            Watched(NODE, self._sets_of_node),
        )

    async def reconcile(self, key: Key, act: Executor) -> Result:
        """Take the next step with one set. One that is being deleted is left to garbage collection."""
        owner = self._cache.get(DAEMON_SET, *key)
        if owner is None or is_deleting(owner.metadata):
            return Result()
        facts = self._facts(owner)
        revisions = self._revisions.of(owner.metadata.uid)
        names = {revision.name for revision in revisions}
        recorded = await self._recordings.record(owner, facts.fingerprint, names, act)
        if self._cache.get(DAEMON_SET, *key) is not owner:
            return Result()  # It changed meanwhile, which has brought another look.
        roster, strangers = self._census.take(owner, facts)
        if await settle(owner, self._orphans(owner, facts), strangers, act):
            return Result()
        now = self._clock.now()
        roster.settle(facts.view, recorded.hash, now)
        observed = Observed(facts.view, roster, recorded.hash, now, recorded.collision_count, revisions)
        return await self._follow(owner, observed, plan(observed), act)

    def _orphans(self, owner: DaemonSet, facts: SetFacts) -> list[Pod]:
        """Return the pods without a controller that a set is to adopt."""
        return [
            pod
            for pod in self._cache.by_owner(POD, "")
            if pod.metadata.namespace == owner.metadata.namespace and _may_adopt(facts, pod)
        ]

    async def _follow(self, owner: DaemonSet, observed: Observed, step: Plan, act: Executor) -> Result:
        known = status_view((act.newest_status(owner) or owner).status)
        if known != step.status:
            act.put_status(with_status(owner, step.status), urgent=_tells(known, step.status))
        self._be_patient(owner, observed.roster, step, observed.now)
        pods_a_node = observed.set.pods_a_node
        execution = Execution(owner, observed.update, pods_a_node, self._cache, self._events, self._pods, act)
        failures = await execution.perform(step.actions)
        if debugging():
            _log.debug("set planned", set=owner.metadata.name, actions=len(step.actions))
        problem = failures[0].message if failures else ""
        return Result(requeue_after=step.look_again_in, problem=problem)

    def _be_patient(self, owner: DaemonSet, roster: Roster, step: Plan, now: float) -> None:
        """Leave the next failed pod of a node alone for longer than the one that goes now."""
        for action in step.actions:
            if isinstance(action, DeletePod) and action.reason == "failed":
                node = action.pod.node
                roster.set_patience(node, self._patience.note(owner.metadata.uid, node, now))

    def _sets_of_orphan(self, _before: Pod | None, after: Pod | None) -> Iterable[Key]:
        if after is None or controller_of(after.metadata) is not None:
            return ()
        sets = self._cache.list(DAEMON_SET, after.metadata.namespace)
        return [key_of(owner) for owner in sets if _may_adopt(self._facts(owner), after)]

    def _sets_of_node(self, before: Node | None, after: Node | None) -> Iterable[Key]:
        if not placement_changed(before, after):
            return ()
        return [key_of(owner) for owner in self._cache.list(DAEMON_SET)]

    def _forget(self, before: DaemonSet | None, after: DaemonSet | None) -> None:
        if before is not None and after is None:
            self._recordings.forget(before.metadata.uid)
            self._patience.forget(before.metadata.uid)


def _may_adopt(facts: SetFacts, pod: Pod) -> bool:
    return facts.selector.matches(pod.metadata.labels) and not is_deleting(pod.metadata) and bool(target_node(pod))


def _tells(known: Status, status: Status) -> bool:
    """Return whether a status says what people and programs wait for: a change was seen, an update is at its end."""
    arrived = status.desired == status.updated == status.available
    return arrived or known.observed_generation != status.observed_generation or known.desired != status.desired
