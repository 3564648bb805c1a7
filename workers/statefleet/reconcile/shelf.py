"""Hold the objects of one kind and find them by key, namespace, controller and node. Pure: no I/O or clock."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from statefleet.objects.kinds import POD, Kind
from statefleet.objects.meta import controller_of
from statefleet.reconcile.keys import Key, key_of

M = TypeVar("M", bound=Message)

_Index = dict[str, dict[Key, Any]]


class Shelf(Generic[M]):
    """Objects of one kind, as a service last told them. They are shared: nobody may change them."""

    def __init__(self, kind: Kind[M]) -> None:
        self.kind = kind
        self.objects: dict[Key, M] = {}
        self._by_namespace: _Index = {}
        self._by_controller: _Index = {}
        self._by_node: _Index = {}

    def put(self, message: M) -> M | None:
        """Hold an object. Return the one that it replaces."""
        key = key_of(message)
        before = self.objects.get(key)
        if before is not None:
            self._unlink(key, before)
        self.objects[key] = message
        self._link(key, message)
        return before

    def take(self, key: Key) -> M | None:
        """Let go of an object and return it, where it is held."""
        before = self.objects.pop(key, None)
        if before is not None:
            self._unlink(key, before)
        return before

    def of_namespace(self, namespace: str) -> list[M]:
        """Return the objects of a namespace, in the order they came."""
        return list(self._by_namespace.get(namespace, {}).values())

    def of_controller(self, uid: str) -> list[M]:
        """Return the objects whose controller has this uid; the empty uid stands for no controller."""
        return list(self._by_controller.get(uid, {}).values())

    def of_node(self, node: str) -> list[M]:
        """Return the pods bound to a node; the empty name stands for pods that are bound to none."""
        return list(self._by_node.get(node, {}).values())

    def _link(self, key: Key, message: M) -> None:
        for index, value in self._places(message):
            index.setdefault(value, {})[key] = message

    def _unlink(self, key: Key, message: M) -> None:
        for index, value in self._places(message):
            place = index[value]
            del place[key]
            if not place:
                del index[value]

    def _places(self, message: Any) -> list[tuple[_Index, str]]:
        meta = message.metadata
        controller = controller_of(meta)
        places = [
            (self._by_namespace, meta.namespace),
            (self._by_controller, controller.uid if controller is not None else ""),
        ]
        if self.kind is POD:
            places.append((self._by_node, message.spec.node_name))
        return places
