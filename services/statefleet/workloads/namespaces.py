"""The rules of namespaces: one that is deleted takes in nothing new and goes when all in it is gone. Pure."""

# ruff: noqa: ARG002 -- a hook has the parameters that some kind's needs

from __future__ import annotations

from statefleet.api.core.v1.namespace_pb2 import Namespace
from statefleet.api.core.v1.service_account_pb2 import ServiceAccount
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.api.storage.v1.storage_class_pb2 import StorageClass
from statefleet.objects.kinds import KINDS, NAMESPACE, WORKLOADS, kind_of
from statefleet.objects.meta import DEFAULT_CLASS_ANNOTATION, LOCAL_PROVISIONER, is_deleting
from statefleet.store.creation import namespace_mark
from statefleet.store.draft import Draft
from statefleet.store.entries import Key
from statefleet.store.rejections import conflict, forbidden, not_found, uid_conflict
from statefleet.store.strategy import Strategy
from statefleet.store.updates import settle

FINALIZER = "kubernetes"
"""Stands in spec.finalizers until the namespace is empty."""

_KEPT = frozenset({"default", "kube-system"})


class NamespaceStrategy(Strategy[Namespace]):
    """A namespace is Active until it is deleted, then Terminating until FinalizeNamespace removes it."""

    def prepare_create(self, message: Namespace, draft: Draft) -> None:
        """Hold the namespace until it is finalised."""
        if FINALIZER not in message.spec.finalizers:
            message.spec.finalizers.append(FINALIZER)

    def prepare_update(self, new: Namespace, old: Namespace, draft: Draft) -> None:
        """Leave the spec as it is: it says only what holds the namespace."""
        new.spec.CopyFrom(old.spec)

    def admit_delete(self, stored: Namespace, draft: Draft) -> None:
        """Refuse to delete the namespaces that the fleet needs."""
        if stored.metadata.name in _KEPT:
            raise forbidden(NAMESPACE, stored.metadata.name, "this namespace may not be deleted")

    def mark_deleted(self, message: Namespace, draft: Draft) -> None:
        """Become Terminating, and refuse creates that were decided before."""
        message.status.phase = "Terminating"
        message.metadata.ClearField("deletion_grace_period_seconds")
        draft.mark(namespace_mark(message.metadata.name))

    def is_held(self, message: Namespace) -> bool:
        """Return whether the namespace has not been finalised."""
        return bool(message.spec.finalizers)


def decide_finalization(draft: Draft, strategy: NamespaceStrategy, name: str, uid: str) -> Namespace:
    """Take the last finalizer off a namespace that is being deleted and empty here; return it as it then is.

    Raises NotFound, and Conflict where it is another one, not being deleted, or not empty.
    """
    stored = draft.state.get(Key(NAMESPACE.name, "", name))
    if stored is None:
        raise not_found(NAMESPACE, name)
    namespace: Namespace = stored.copy()
    if uid and uid != namespace.metadata.uid:
        raise uid_conflict(NAMESPACE, name, uid, namespace.metadata.uid)
    if not is_deleting(namespace.metadata):
        raise conflict(NAMESPACE, name, "the namespace is not being deleted")
    for kind in KINDS.values():
        if kind.service == WORKLOADS and kind.namespaced and draft.state.list(kind.name, name):
            raise conflict(NAMESPACE, name, f"the namespace still has {kind.resource}")
    namespace.spec.ClearField("finalizers")
    settle(draft, strategy, stored, namespace)
    return namespace


FirstObject = Namespace | ServiceAccount | StorageClass


def first_objects() -> list[tuple[str, FirstObject]]:
    """Return what every fleet has from the start, each with the identifier of the request that makes it.

    They are made in this order. The last one is never deleted: where it is, all have been made.
    """
    default, system = (Namespace(metadata=ObjectMeta(name=name)) for name in sorted(_KEPT))
    account = ServiceAccount(metadata=ObjectMeta(namespace="default", name="default"))
    storage = StorageClass(provisioner=LOCAL_PROVISIONER, volume_binding_mode="WaitForFirstConsumer")
    storage.metadata.name = "local"
    storage.metadata.annotations[DEFAULT_CLASS_ANNOTATION] = "true"
    objects: list[FirstObject] = [default, account, storage, system]
    return [(f"first/{kind_of(each).name}/{each.metadata.name}", each) for each in objects]
