"""Decide from somebody's groups whether a request is for them. Pure: no I/O, clock or randomness.

The decision is that of rules as Kubernetes has them, verbs on resources, a few for each group. An agent's rules hold
for its own nodes alone, and whether something is theirs is for `agents` to see.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from statefleet.authorization.attributes import Attributes
from statefleet.objects.kinds import (
    CONTROLLER_REVISION,
    ENDPOINT_SLICE,
    ENDPOINTS,
    EVENT,
    KINDS,
    NAMESPACE,
    NODE,
    PERSISTENT_VOLUME,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    SECRET,
    SERVICE_ACCOUNT,
    Kind,
)
from statefleet.rpc.identity import (
    AUTHENTICATED_GROUP,
    GATEWAYS_GROUP,
    MASTERS_GROUP,
    NODES_GROUP,
    SERVICES_GROUP,
    VIEWERS_GROUP,
    WORKERS_GROUP,
    Identity,
)

ALL = "*"
READ = ("get", "list", "watch")
SHARDS, OWN_GROUP = "shards", "statefleet.io"
"""The claims by which workers keep one another from writing."""
SESSIONS, HEARTBEATS = "sessions", "heartbeats"
"""What an agent opens and sends for its nodes: subresources of nodes."""
METRICS_GROUP = "metrics.k8s.io"
"""The API group of what nodes and pods use. Rules name these after it: nodes.metrics.k8s.io, pods.metrics.k8s.io."""


class Decision(Enum):
    """What becomes of a request."""

    DENIED = "denied"
    OWN = "own"
    """Allowed for what belongs to the nodes that the caller stands for."""
    ALLOWED = "allowed"


@dataclass(frozen=True, slots=True)
class Rule:
    """Verbs on resources (`pods`, `pods/status`), or on paths; a * stands for all, or ends a path that begins so."""

    verbs: tuple[str, ...]
    resources: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    decision: Decision = field(default=Decision.ALLOWED)

    def covers(self, verb: str, resource: str, path: str) -> bool:
        """Return whether a request is one of these."""
        if ALL not in self.verbs and verb not in self.verbs:
            return False
        if path:
            return any(path == known or (known.endswith(ALL) and path.startswith(known[:-1])) for known in self.paths)
        return ALL in self.resources or resource in self.resources


def _with_parts(*leave_out: str) -> tuple[str, ...]:
    """Return all resources and their subresources but some."""
    return tuple(
        name
        for kind in KINDS.values()
        if kind.plural not in leave_out
        for name in (kind.plural, *(f"{kind.plural}/{part}" for part in kind.subresources))
    )


def _plurals(*kinds: Kind[Any]) -> tuple[str, ...]:
    return tuple(kind.plural for kind in kinds)


_ANYTHING = Rule((ALL,), (ALL,), (ALL,))
_EVERYTHING = _with_parts()
_STATUSES = tuple(name for name in _EVERYTHING if name.endswith("/status"))
_MADE_BY_WORKERS = _plurals(
    POD,
    PERSISTENT_VOLUME_CLAIM,
    PERSISTENT_VOLUME,
    ENDPOINTS,
    ENDPOINT_SLICE,
    EVENT,
    CONTROLLER_REVISION,
    SERVICE_ACCOUNT,
)
_USAGES = tuple(f"{kind.plural}.{METRICS_GROUP}" for kind in (NODE, POD))
_MOUNTED = ("secrets", "configmaps", "persistentvolumeclaims", "persistentvolumes")

_DISCOVERY = ("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", "/version", "/version/")

RULES: dict[str, tuple[Rule, ...]] = {
    MASTERS_GROUP: (_ANYTHING,),
    # A service's replica holds all that there is, and passes on what others ask of it.
    SERVICES_GROUP: (_ANYTHING,),
    VIEWERS_GROUP: (
        Rule(READ, _with_parts(SECRET.plural)),
        Rule(("get", "list"), _USAGES),
        Rule(("get",), paths=("/metrics",)),
    ),
    # For itself; for users it asks in their names.
    GATEWAYS_GROUP: (Rule(("list",), _plurals(NAMESPACE, CONTROLLER_REVISION, NODE)),),
    WORKERS_GROUP: (
        Rule(READ, _EVERYTHING),
        Rule(("create",), (*_MADE_BY_WORKERS, "pods/binding")),
        # Garbage collection takes finalizers and owners off objects of every kind, and deletes them.
        Rule(("update", "delete"), tuple(kind.plural for kind in KINDS.values())),
        Rule(("update",), (*_STATUSES, "namespaces/finalize")),
        Rule(("create",), (SHARDS,)),
    ),
    NODES_GROUP: (
        Rule((*READ, "delete"), (POD.plural,), decision=Decision.OWN),
        Rule(READ, (NODE.plural, *_MOUNTED), decision=Decision.OWN),
        Rule(("update",), ("pods/status", "nodes/status", f"nodes/{HEARTBEATS}"), decision=Decision.OWN),
        Rule(("create",), (f"nodes/{SESSIONS}",), decision=Decision.OWN),
        Rule(("create", "update"), (EVENT.plural,), decision=Decision.OWN),
    ),
    AUTHENTICATED_GROUP: (
        Rule(("get",), paths=_DISCOVERY),
        Rule(("create",), ("selfsubjectreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews")),
    ),
}
"""What the members of each group may do."""


class Permissions:
    """What somebody may do: the rules of all their groups together."""

    def __init__(self, groups: Iterable[str]) -> None:
        self.rules = tuple(rule for group in groups for rule in RULES.get(group, ()))
        self.everything = any(rule == _ANYTHING for rule in self.rules)
        self._known: dict[tuple[str, str, str], Decision] = {}

    def decide(self, asked: Attributes) -> Decision:
        """Return what becomes of a request."""
        if self.everything:
            return Decision.ALLOWED
        if asked.path:
            return self._looked_up(asked, "")
        name = _NAMES.get((asked.group, asked.resource))
        if name is None:
            return Decision.DENIED
        key = (asked.verb, name, asked.subresource)
        decision = self._known.get(key)
        if decision is None:
            decision = self._looked_up(asked, name)
            if len(self._known) < _REMEMBERED:  # Callers may make up words.
                self._known[key] = decision
        return decision

    def _looked_up(self, asked: Attributes, name: str) -> Decision:
        resource = f"{name}/{asked.subresource}" if asked.subresource else name
        found = {rule.decision for rule in self.rules if rule.covers(asked.verb, resource, asked.path)}
        if Decision.ALLOWED in found:
            return Decision.ALLOWED
        return Decision.OWN if found else Decision.DENIED


_GROUPS = {kind.plural: kind.group for kind in KINDS.values()} | {
    **dict.fromkeys(_USAGES, METRICS_GROUP),
    SHARDS: OWN_GROUP,
    "selfsubjectreviews": "authentication.k8s.io",
    "selfsubjectaccessreviews": "authorization.k8s.io",
    "selfsubjectrulesreviews": "authorization.k8s.io",
    ALL: ALL,
}
"""The API group of each resource, by the name that rules have for it."""
_NAMES = {(group, name.removesuffix(f".{group}")): name for name, group in _GROUPS.items()}
"""The name that rules have for a resource, by its group and its plural."""
_REMEMBERED = 1000


def group_of(resource: str) -> str:
    """Return the API group of a rule's resource, such as pods/status; * for all."""
    return _GROUPS[resource.partition("/")[0]]


def plural_of(resource: str) -> str:
    """Return a rule's resource as its group knows it, such as pods/status, or pods for pods.metrics.k8s.io."""
    return resource.removesuffix(f".{group_of(resource)}")


@functools.lru_cache(maxsize=4096)
def permissions_of(identity: Identity) -> Permissions:
    """Return what somebody may do."""
    return Permissions(identity.groups)


def decide(identity: Identity, asked: Attributes) -> Decision:
    """Return what becomes of somebody's request."""
    return permissions_of(identity).decide(asked)
