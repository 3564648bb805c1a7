"""Keep each service's Endpoints and EndpointSlices true to its pods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.service_pb2 import Service
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.endpoints.addresses import (
    ENDPOINTS_MANAGED_BY_LABEL,
    ENDPOINTS_MANAGER,
    MANAGER,
    OVER_CAPACITY_ANNOTATION,
    endpoints_of,
    has_endpoints,
    selected,
    slices_of,
)
from statefleet.errors import AlreadyExists, NotFound
from statefleet.objects.kinds import ENDPOINT_SLICE, ENDPOINTS, POD, SERVICE, kind_of
from statefleet.objects.meta import MANAGED_BY_LABEL, SERVICE_NAME_LABEL, is_deleting
from statefleet.objects.pods import is_ready
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import Controller, Result, Watched, itself
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.keys import Key
from statefleet.runtime.clock import Clock

PAUSE_SECONDS = 0.1
"""The least time between two looks at one service: what pods do meanwhile is written as one."""


_OURS = ("labels", "owner_references")
"""Metadata of what is written here that is ours as a whole."""


class EndpointsController(Controller):
    """Follows the pods behind services. A key is a service."""

    name = "endpoints"

    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock
        self._looked: dict[Key, float] = {}

    def watches(self) -> Sequence[Watched]:
        """Watch services, pods that they select, and the endpoints themselves."""
        return [
            itself(SERVICE),
            Watched(POD, self._keys_of_pod),
            itself(ENDPOINTS),
            Watched(ENDPOINT_SLICE, _keys_of_slice),
        ]

    async def reconcile(self, key: Key, act: Executor) -> Result:
        """Write what stands behind a service; take it away when the service has gone."""
        service = self._cache.get(SERVICE, key.namespace, key.name)
        if service is None or is_deleting(service.metadata):
            self._looked.pop(key, None)
            await self._remove(key, act)
            return Result()
        if not has_endpoints(service):
            return Result()
        now = self._clock.monotonic()
        wait = self._looked.get(key, -PAUSE_SECONDS) + PAUSE_SECONDS - now
        if wait > 0:
            return Result(requeue_after=wait)
        self._looked[key] = now
        pods = selected(service, self._cache.list(POD, key.namespace))
        wanted = endpoints_of(service, pods)
        await self._put(wanted, self._cache.get(ENDPOINTS, key.namespace, key.name), act)
        await self._put_slices(key, service, pods, act)
        return Result()

    async def _put_slices(self, key: Key, service: Service, pods: Sequence[Pod], act: Executor) -> None:
        there = {found.metadata.name: found for found in self._slices(key)}
        for wanted in slices_of(service, pods):
            await self._put(wanted, there.pop(wanted.metadata.name, None), act)
        for left in there.values():
            await act.delete(left)

    async def _put(self, wanted: Any, there: Any, act: Executor) -> None:
        """Write an object unless it is there and equal in all that is ours."""
        if there is None:
            try:
                await act.create(wanted)
            except AlreadyExists:
                current = await act.fleet.get(kind_of(wanted), wanted.metadata.name, wanted.metadata.namespace)
                await self._put(wanted, current, act)
            return
        if _same(wanted, there):
            return
        changed = type(there)()
        changed.CopyFrom(wanted)
        changed.metadata.CopyFrom(there.metadata)
        for field in _OURS:
            changed.metadata.ClearField(field)
        changed.metadata.annotations.pop(OVER_CAPACITY_ANNOTATION, None)
        changed.metadata.MergeFrom(_ours(wanted.metadata))
        await act.update(changed)

    async def _remove(self, key: Key, act: Executor) -> None:
        """Take away what was written for a service; Endpoints that somebody made without one are theirs."""
        there = self._cache.get(ENDPOINTS, key.namespace, key.name)
        ours = there is not None and there.metadata.labels.get(ENDPOINTS_MANAGED_BY_LABEL) == ENDPOINTS_MANAGER
        for left in [*([there] if ours else []), *self._slices(key)]:
            try:
                await act.delete(left)
            except NotFound:
                continue

    def _slices(self, key: Key) -> list[Any]:
        return [
            found
            for found in self._cache.list(ENDPOINT_SLICE, key.namespace)
            if found.metadata.labels.get(SERVICE_NAME_LABEL) == key.name
            and found.metadata.labels.get(MANAGED_BY_LABEL) == MANAGER
        ]

    def _keys_of_pod(self, before: Pod | None, after: Pod | None) -> Iterable[Key]:
        pods = [pod for pod in (before, after) if pod is not None]
        if len(pods) == len((before, after)) and not _matters(pods[0], pods[1]):
            return
        for service in self._cache.list(SERVICE, pods[0].metadata.namespace):
            wanted = service.spec.selector
            if has_endpoints(service) and any(_has(pod, wanted.items()) for pod in pods):
                yield Key(service.metadata.namespace, service.metadata.name)


def _matters(before: Pod, after: Pod) -> bool:
    """Return whether a change of a pod may change endpoints."""
    return (
        before.status.pod_ip != after.status.pod_ip
        or is_ready(before) != is_ready(after)
        or is_deleting(before.metadata) != is_deleting(after.metadata)
        or before.status.phase != after.status.phase
        or before.metadata.labels != after.metadata.labels
    )


def _has(pod: Pod, wanted: Iterable[tuple[str, str]]) -> bool:
    labels = pod.metadata.labels
    return all(labels.get(key) == text for key, text in wanted)


def _keys_of_slice(before: Any, after: Any) -> Iterable[Key]:
    found = after if after is not None else before
    labels = found.metadata.labels
    if labels.get(MANAGED_BY_LABEL) == MANAGER:
        yield Key(found.metadata.namespace, labels.get(SERVICE_NAME_LABEL, ""))


def _same(wanted: Any, there: Any) -> bool:
    """Return whether what is there is what is wanted, in all that is ours."""
    if _ours(wanted.metadata) != _ours(there.metadata):
        return False
    bare = type(there)()
    bare.CopyFrom(there)
    bare.metadata.CopyFrom(wanted.metadata)
    return bool(bare == wanted)


def _ours(meta: ObjectMeta) -> ObjectMeta:
    """Return the part of an object's metadata that is ours."""
    ours = ObjectMeta(labels=meta.labels, owner_references=meta.owner_references)
    if OVER_CAPACITY_ANNOTATION in meta.annotations:
        ours.annotations[OVER_CAPACITY_ANNOTATION] = meta.annotations[OVER_CAPACITY_ANNOTATION]
    return ours
