"""Carry out a plan's actions, and tell about each in an event as Kubernetes does."""

from __future__ import annotations

from functools import partial

from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.object.v1.verbs_pb2 import Slot
from statefleet.daemonset.actions import Action, CreatePod, DeletePod
from statefleet.daemonset.build import new_pod, pod_name, pod_pattern
from statefleet.daemonset.plan import BURST
from statefleet.errors import AlreadyExists, Conflict, FleetError, NotFound
from statefleet.objects.kinds import NODE, POD
from statefleet.objects.meta import full_name, is_controlled_by
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.creating import PodCreator
from statefleet.reconcile.events import EventRecorder
from statefleet.reconcile.executor import Executor, slow_start
from statefleet.reconcile.history import DeleteRevision
from statefleet.reconcile.revisions import delete_revision


class Execution:
    """The execution of one plan of one set."""

    def __init__(
        self,
        owner: DaemonSet,
        update: str,
        pods_a_node: int,
        cache: Cache,
        events: EventRecorder,
        pods: PodCreator,
        act: Executor,
    ) -> None:
        self._owner = owner
        self._update = update
        self._pods_a_node = pods_a_node
        self._cache = cache
        self._events = events
        self._pods = pods
        self._act = act
        self._pattern: Pod | None = None

    async def perform(self, actions: tuple[Action, ...]) -> list[FleetError]:
        """Do a plan's actions and return what failed: one that cannot succeed does not hold up the others."""
        return await slow_start([partial(self._perform, action) for action in actions], BURST)

    async def _perform(self, action: Action) -> None:
        match action:
            case CreatePod():
                await self._create(action)
            case DeletePod():
                await self._delete(action)
            case DeleteRevision():
                await delete_revision(action.revision, self._owner.metadata.namespace, self._cache, self._act)

    async def _create(self, action: CreatePod) -> None:
        node = self._cache.get(NODE, "", action.node)
        if node is None:
            return
        if self._pattern is None:
            self._pattern = pod_pattern(self._owner, self._update)
        name = self._free_name(node.metadata.uid, action.replaces)
        slot = Slot(name=f"{self._owner.metadata.uid}/{action.node}", limit=self._pods_a_node)
        try:
            await self._pods.create(new_pod(self._pattern, name, action.node), self._act, slot=slot)
        except (AlreadyExists, Conflict):
            # Nothing new for the people who read events: our own reply was lost, or another's pod is still there.
            raise
        except FleetError as error:
            self._events.warning(self._owner, "FailedCreate", f"Error creating: {error.message}")
            raise
        self._events.normal(self._owner, "SuccessfulCreate", f"Created pod: {name}")

    def _free_name(self, node_uid: str, replaces: str) -> str:
        """Return the name of a node's next pod: not one that a pod has which is not, or no longer, the set's."""
        meta = self._owner.metadata
        while True:
            name = pod_name(self._owner, node_uid, self._update, replaces)
            taken = self._cache.get(POD, meta.namespace, name)
            if taken is None or is_controlled_by(taken.metadata, meta.uid):
                return name
            replaces = taken.metadata.uid

    async def _delete(self, action: DeletePod) -> None:
        pod = self._cache.get(POD, self._owner.metadata.namespace, action.pod.name)
        if pod is None or pod.metadata.uid != action.pod.uid:
            return
        self._explain(pod, action)
        try:
            await self._act.delete(pod, unchanged=action.only_unchanged)
        except NotFound:
            return
        except Conflict:
            # It changed while it was being decided on: the next look decides again.
            raise
        except FleetError as error:
            self._events.warning(self._owner, "FailedDelete", f"Error deleting: {error.message}")
            raise
        self._events.normal(self._owner, "SuccessfulDelete", f"Deleted pod: {action.pod.name}")

    def _explain(self, pod: Pod, action: DeletePod) -> None:
        """Say of a pod that has ended that it is going to be deleted."""
        where = f"daemon pod {full_name(pod.metadata)} on node {action.pod.node}"
        if action.reason == "failed":
            self._events.warning(self._owner, "FailedDaemonPod", f"Found failed {where}, will try to kill it")
        elif action.reason == "succeeded":
            message = f"Found succeeded {where}, will try to delete it"
            self._events.normal(self._owner, "SucceededDaemonPod", message)
