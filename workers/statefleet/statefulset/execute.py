"""Carry out a plan's actions, and tell about each in an event as Kubernetes does."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.errors import AlreadyExists, Conflict, FleetError, NotFound
from statefleet.objects.kinds import PERSISTENT_VOLUME_CLAIM, POD
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.creating import PodCreator
from statefleet.reconcile.events import EventRecorder
from statefleet.reconcile.executor import Executor, in_order, slow_start
from statefleet.reconcile.history import DeleteRevision
from statefleet.reconcile.revisions import delete_revision
from statefleet.statefulset.actions import (
    Action,
    CreatePod,
    DeletePod,
    FixPod,
    NewClaim,
    OwnClaim,
    TendClaims,
)
from statefleet.statefulset.build import fixed_pod, new_claim, new_pod, owned_claim
from statefleet.statefulset.plan import Plan
from statefleet.statefulset.templates import Templates


class Execution:
    """The execution of one plan of one set."""

    def __init__(
        self,
        owner: StatefulSet,
        update: str,
        cache: Cache,
        templates: Templates,
        events: EventRecorder,
        pods: PodCreator,
        act: Executor,
    ) -> None:
        self._owner = owner
        self._update = update
        self._namespace = owner.metadata.namespace
        self._cache = cache
        self._templates = templates
        self._events = events
        self._pods = pods
        self._act = act

    async def perform(self, plan: Plan) -> list[FleetError]:
        """Do a plan's actions and return what failed. Where they are in order, the first failure ends them."""
        jobs = [partial(self._perform, action) for action in plan.actions]
        return await (in_order(jobs) if plan.in_order else slow_start(jobs))

    async def _perform(self, action: Action) -> None:
        match action:
            case CreatePod():
                await self._create(action)
            case DeletePod():
                await self._delete(action)
            case FixPod():
                await self._fix(action)
            case TendClaims():
                await self._make_claims(action.pod.name, action.missing)
                await self._own_claims(action.owned)
            case DeleteRevision():
                await delete_revision(action.revision, self._namespace, self._cache, self._act)

    async def _create(self, action: CreatePod) -> None:
        template = self._templates.of(self._owner, action.revision, self._update)
        pod = new_pod(self._owner, template, action.ordinal, action.revision)
        name = pod.metadata.name
        try:
            await self._make_claims(name, action.claims)
            await self._pods.create(pod, self._act)
        except AlreadyExists:
            # Nothing new for the people who read events: our own reply was lost, or the name is another's.
            raise
        except FleetError as error:
            self._failed("create", name, error)
            raise
        self._succeeded("create", name)

    async def _delete(self, action: DeletePod) -> None:
        pod = self._cached_pod(action.pod.name, action.pod.uid)
        if pod is None:
            return
        try:
            await self._own_claims(action.claims)
            await self._act.delete(pod, unchanged=action.only_unchanged)
        except NotFound:
            return
        except Conflict:
            # It changed while it was being decided on: the next look decides again.
            raise
        except FleetError as error:
            self._failed("delete", action.pod.name, error)
            raise
        self._succeeded("delete", action.pod.name)

    async def _fix(self, action: FixPod) -> None:
        pod = self._cached_pod(action.pod.name, action.pod.uid)
        if pod is None:
            return
        try:
            await self._make_claims(action.pod.name, action.claims)
            await self._act.update(fixed_pod(self._owner, pod))
        except Conflict:
            raise
        except FleetError as error:
            self._failed("update", action.pod.name, error)
            raise
        self._succeeded("update", action.pod.name)

    async def _make_claims(self, pod: str, claims: tuple[NewClaim, ...]) -> None:
        set_name = self._owner.metadata.name
        for wanted in claims:
            try:
                await self._act.create(new_claim(self._owner, wanted))
            except AlreadyExists:
                continue
            except FleetError as error:
                message = f"create Claim {wanted.name} for Pod {pod} in StatefulSet {set_name} failed error: {error}"
                self._events.warning(self._owner, "FailedCreate", message)
                raise type(error)(f"failed to create PVC {wanted.name}: {error}", error.subject) from error
            message = f"create Claim {wanted.name} Pod {pod} in StatefulSet {set_name} success"
            self._events.normal(self._owner, "SuccessfulCreate", message)

    async def _own_claims(self, claims: tuple[OwnClaim, ...]) -> None:
        for wanted in claims:
            claim = self._cache.get(PERSISTENT_VOLUME_CLAIM, self._namespace, wanted.name)
            if claim is not None:
                with suppress(NotFound):
                    await self._act.update(owned_claim(claim, wanted.owners))

    def _cached_pod(self, name: str, uid: str) -> Pod | None:
        pod = self._cache.get(POD, self._namespace, name)
        return pod if pod is not None and pod.metadata.uid == uid else None

    def _succeeded(self, verb: str, pod: str) -> None:
        message = f"{verb} Pod {pod} in StatefulSet {self._owner.metadata.name} successful"
        self._events.normal(self._owner, f"Successful{verb.capitalize()}", message)

    def _failed(self, verb: str, pod: str, error: FleetError) -> None:
        message = f"{verb} Pod {pod} in StatefulSet {self._owner.metadata.name} failed error: {error.message}"
        self._events.warning(self._owner, f"Failed{verb.capitalize()}", message)
