"""Know who belongs to whom. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from statefleet.api.meta.v1.object_meta_pb2 import OwnerReference
from statefleet.objects.kinds import KINDS, Kind, kind_of


class Node(NamedTuple):
    """What names an object among all kinds."""

    kind: str
    namespace: str
    name: str


def node_of(message: Any) -> Node:
    """Return the node of an object of any kind."""
    meta = message.metadata
    return Node(kind_of(message).name, meta.namespace, meta.name)


def owner_kind(reference: OwnerReference) -> Kind[Any] | None:
    """Return the kind that an owner reference names, None where it is not served here."""
    kind = KINDS.get(reference.kind)
    group = reference.api_version.rpartition("/")[0]
    return kind if kind is not None and kind.group == group else None


class Graph:
    """The dependents of each owner, by the owner's uid."""

    def __init__(self) -> None:
        self._dependents: defaultdict[str, dict[Node, None]] = defaultdict(dict)

    def change(self, before: Any, after: Any) -> None:
        """Take a change of an object: None before it was, None after it has gone."""
        if before is not None and after is not None and _owners(before) == _owners(after):
            return
        for message, add in ((before, False), (after, True)):
            if message is None or not message.metadata.owner_references:
                continue
            node = node_of(message)
            for uid in _owners(message):
                if add:
                    self._dependents[uid][node] = None
                else:
                    self._drop(uid, node)

    def dependents(self, uid: str) -> Iterable[Node]:
        """Return the objects that name an owner of this uid."""
        return list(self._dependents.get(uid, ()))

    def _drop(self, uid: str, node: Node) -> None:
        held = self._dependents[uid]
        held.pop(node, None)
        if not held:
            del self._dependents[uid]


def _owners(message: Any) -> list[str]:
    return [reference.uid for reference in message.metadata.owner_references]
