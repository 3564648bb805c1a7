"""Decide what a registration makes of an agent's nodes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from google.protobuf.message import Message

from statefleet.api.core.v1.node_pb2 import Node
from statefleet.nodes.conditions import set_ready
from statefleet.nodes.strategy import SESSION_ANNOTATION, NodeStrategy
from statefleet.objects.kinds import NODE
from statefleet.objects.meta import HOSTNAME_LABEL
from statefleet.objects.validation import invalid
from statefleet.store.creation import decide_creation
from statefleet.store.draft import Draft
from statefleet.store.entries import Entry, Key
from statefleet.store.updates import settle

M = TypeVar("M", bound=Message)

_OS_LABEL = "kubernetes.io/os"
_ARCHITECTURE_LABEL = "kubernetes.io/arch"
_REPORTED = ("capacity", "allocatable", "addresses", "node_info", "daemon_endpoints", "images", "conditions")
"""What of a node's status its agent knows best."""
_ASSIGNED = ("pod_cidr", "pod_cidrs", "provider_id")
"""What of a node's spec an agent may say once."""


def decide_registration(draft: Draft, strategy: NodeStrategy, nodes: Sequence[Node], session: int) -> list[Node]:
    """Return the nodes, each added or taken up again for a session, having put the changes into the draft.

    Of a node that exists, labels are added to, and what an agent reports is replaced; taints, cordons and what others
    wrote stay. Raises Invalid.
    """
    registered = []
    for asked in nodes:
        stored = draft.state.get(Key(NODE.name, "", asked.metadata.name))
        if stored is None:
            registered.append(_add(draft, strategy, asked, session))
        else:
            registered.append(_take_up(draft, strategy, stored, asked, session))
    return registered


def _add(draft: Draft, strategy: NodeStrategy, asked: Node, session: int) -> Node:
    node = Node()
    node.CopyFrom(asked)
    for field in ("uid", "resource_version"):
        node.metadata.ClearField(field)
    _describe(node, session)
    set_ready(node, draft.now)
    decide_creation(draft, strategy, node)
    return node


def _take_up(draft: Draft, strategy: NodeStrategy, stored: Entry, asked: Node, session: int) -> Node:
    node: Node = stored.copy()
    node.metadata.labels.update(asked.metadata.labels)
    kept = _without(node.status, _REPORTED)
    node.status.CopyFrom(_only(asked.status, _REPORTED))
    node.status.MergeFrom(kept)
    unset = [field for field in _ASSIGNED if not getattr(node.spec, field)]
    node.spec.MergeFrom(_only(asked.spec, unset))
    _describe(node, session)
    set_ready(node, draft.now)
    strategy.default(node)
    causes = strategy.validate_status(node, stored.message)
    if causes:
        raise invalid(NODE, node.metadata.name, causes)
    settle(draft, strategy, stored, node)
    return node


def _only(message: M, fields: Iterable[str]) -> M:
    """Return a copy of some of a message's fields."""
    return _without(message, set(message.DESCRIPTOR.fields_by_name).difference(fields))


def _without(message: M, fields: Iterable[str]) -> M:
    """Return a copy of a message's other fields."""
    part = type(message)()
    part.CopyFrom(message)
    for field in fields:
        part.ClearField(field)
    return part


def _describe(node: Node, session: int) -> None:
    """Label a node with what its agent says it is, and note the session."""
    meta, info = node.metadata, node.status.node_info
    if HOSTNAME_LABEL not in meta.labels:
        meta.labels[HOSTNAME_LABEL] = meta.name
    meta.labels[_OS_LABEL] = info.operating_system or "linux"
    meta.labels[_ARCHITECTURE_LABEL] = info.architecture or "amd64"
    meta.annotations[SESSION_ANNOTATION] = str(session)
