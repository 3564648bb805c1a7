"""A cache that shows what a test puts into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from statefleet.objects.kinds import POD, kind_of
from statefleet.reconcile.keys import Key, key_of


class Shown:
    def __init__(self) -> None:
        self.objects: dict[tuple[Any, Key], Any] = {}
        self.handlers: dict[Any, list[Callable[[Any, Any], None]]] = {}

    def put(self, message: Any) -> None:
        kind, key = kind_of(message), key_of(message)
        before, self.objects[kind, key] = self.objects.get((kind, key)), message
        for handler in self.handlers.get(kind, ()):
            handler(before, message)

    def take_away(self, message: Any) -> None:
        kind = kind_of(message)
        del self.objects[kind, key_of(message)]
        for handler in self.handlers.get(kind, ()):
            handler(message, None)

    def get(self, kind: Any, namespace: str, name: str) -> Any:
        return self.objects.get((kind, Key(namespace, name)))

    def list(self, kind: Any, namespace: str = "") -> Sequence[Any]:
        return [each for (of, key), each in self.objects.items() if of is kind and namespace in ("", key.namespace)]

    def by_node(self, node: str) -> Sequence[Any]:
        return [pod for pod in self.list(POD) if pod.spec.node_name == node]

    def subscribe(self, kind: Any, handler: Callable[[Any, Any], None]) -> None:
        self.handlers.setdefault(kind, []).append(handler)
