"""Give each namespace its default service account; empty one that is being deleted, then let it go."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from statefleet.api.core.v1.namespace_pb2 import Namespace
from statefleet.api.core.v1.service_account_pb2 import ServiceAccount
from statefleet.errors import AlreadyExists, NotFound
from statefleet.objects.kinds import EVENT, KINDS, NAMESPACE, REVISIONS, SERVICE_ACCOUNT, WORKLOADS
from statefleet.objects.meta import is_deleting
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import Controller, Result, Watched, itself
from statefleet.reconcile.executor import Executor, slow_start
from statefleet.reconcile.keys import Key

EMPTYING_SECONDS = 0.5
"""How long to wait before another sweep of a namespace that is not empty yet."""
_CONTENT = tuple(kind for kind in KINDS.values() if kind.namespaced and kind is not EVENT)
"""What keeps a namespace. Events do not: they go with it, in the service, whose versions of them no cache follows."""


class Namespaces(Controller):
    """Follows namespaces. A key is a namespace."""

    name = "namespace"
    services = (WORKLOADS, REVISIONS)

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def watches(self) -> Sequence[Watched]:
        """Watch namespaces, and their service accounts."""
        return [
            itself(NAMESPACE),
            Watched(SERVICE_ACCOUNT, lambda before, after: [Key("", (before or after).metadata.namespace)]),
        ]

    async def reconcile(self, key: Key, act: Executor) -> Result:
        """Furnish a namespace, or sweep it."""
        namespace = self._cache.get(NAMESPACE, "", key.name)
        if namespace is None:
            return Result()
        if not is_deleting(namespace.metadata):
            await self._furnish(namespace, act)
            return Result()
        if await self._sweep(namespace.metadata.name, act):
            return Result(requeue_after=EMPTYING_SECONDS)
        await self._finalize(namespace, act)
        return Result()

    async def _furnish(self, namespace: Namespace, act: Executor) -> None:
        name = namespace.metadata.name
        if self._cache.get(SERVICE_ACCOUNT, name, "default") is None:
            account = ServiceAccount()
            account.metadata.name, account.metadata.namespace = "default", name
            try:
                await act.create(account)
            except AlreadyExists:
                return

    async def _sweep(self, namespace: str, act: Executor) -> int:
        """Ask for the deletion of everything in a namespace. Return how much there was, by the services' own word.

        The lists are linearizable and begin after the namespace was seen to be going, when nothing new is let in: a
        sweep that finds nothing has proved it empty.
        """
        found = 0
        for kind in _CONTENT:
            listing = await act.fleet.list(kind, namespace)
            found += len(listing.items)
            going = [message for message in listing.items if not is_deleting(message.metadata)]
            errors = await slow_start([partial(act.delete, message) for message in going])
            for error in errors:
                if not isinstance(error, NotFound):
                    raise error
        return found

    async def _finalize(self, namespace: Namespace, act: Executor) -> None:
        meta = namespace.metadata
        await act.perform(
            WORKLOADS,
            lambda fence: act.fleet.finalize_namespace(meta.name, meta.uid, fence=fence),
            lambda answer: int(answer.resource_version or 0),
        )
