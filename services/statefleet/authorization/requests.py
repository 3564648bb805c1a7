"""Tell of a gRPC request what it does to what. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from statefleet.authorization.attributes import Attributes
from statefleet.authorization.roles import HEARTBEATS, METRICS_GROUP, OWN_GROUP, SESSIONS, SHARDS
from statefleet.objects.kinds import CONTROLLER_REVISION, EVENT, KINDS, NAMESPACE, NODE, POD, Kind, held_kind

Asked = Sequence[Attributes]
Reading = Callable[[Any], Asked]


def _about(verb: str, kind: str, namespace: str, name: str, part: str = "") -> Asked:
    known = KINDS.get(kind)
    if known is None:  # The service says so.
        return (Attributes(verb, kind.lower(), "", namespace, name, part),)
    return (Attributes(verb, known.plural, known.group, namespace, name, part),)


def _key(verb: str, part: str = "") -> Reading:
    def read(request: Any) -> Asked:
        key = request.key
        return _about(verb, key.kind, key.namespace, key.name, part)

    return read


def _held(verb: str, part: str = "") -> Reading:
    def read(request: Any) -> Asked:
        try:
            kind = held_kind(request.object)
        except ValueError:  # The service says so.
            return ()
        meta = kind.unwrap(request.object).metadata
        return (Attributes(verb, kind.plural, kind.group, meta.namespace, meta.name, part),)

    return read


def _named(verb: str, kind: Kind[Any], part: str = "") -> Reading:
    def read(request: Any) -> Asked:
        namespace = request.namespace if kind.namespaced else ""
        return (Attributes(verb, kind.plural, kind.group, namespace, request.name, part),)

    return read


def _applied(request: Any) -> Asked:
    key = request.key
    return _about("patch", key.kind, key.namespace, key.name, request.subresource)


def _listed(request: Any) -> Asked:
    return _about("list", request.kind, request.namespace, "")


def _watched(request: Any) -> Asked:
    return [asked for kind in request.kinds for asked in _about("watch", kind, request.namespace, "")]


def _claimed(request: Any) -> Asked:
    return (Attributes("create", SHARDS, OWN_GROUP, name=request.shard),)


def _recorded(request: Any) -> Asked:
    try:
        kind = held_kind(request.set)
    except ValueError:
        return ()
    namespace = kind.unwrap(request.set).metadata.namespace
    return (Attributes("create", CONTROLLER_REVISION.plural, CONTROLLER_REVISION.group, namespace),)


def _told(request: Any) -> Asked:
    namespaces = dict.fromkeys(event.metadata.namespace for event in request.events)
    return [Attributes(verb, EVENT.plural, namespace=each) for each in namespaces for verb in ("create", "update")]


def _history(verb: str) -> Reading:
    def read(request: Any) -> Asked:
        return (Attributes(verb, CONTROLLER_REVISION.plural, CONTROLLER_REVISION.group, request.owner.namespace),)

    return read


def _registered(request: Any) -> Asked:
    names = (node.metadata.name for node in request.nodes)
    return [Attributes("create", NODE.plural, name=name, subresource=SESSIONS) for name in names]


def _beating(request: Any) -> Asked:
    # One of them stands for all: whose they are is looked at one by one.
    return (Attributes("update", NODE.plural, name=next(iter(request.nodes), ""), subresource=HEARTBEATS),)


def _node_usage(request: Any) -> Asked:
    return (Attributes("get" if request.node else "list", NODE.plural, METRICS_GROUP, name=request.node),)


def _pod_usage(request: Any) -> Asked:
    return (Attributes("list", POD.plural, METRICS_GROUP, request.namespace),)


def _target(verb: str) -> Reading:
    def read(request: Any) -> Asked:
        target = request.target
        return _about(verb, target.kind, target.namespace or "default", target.name)

    return read


_GENERIC: dict[str, Reading] = {
    "Get": _key("get"),
    "List": _listed,
    "Create": _held("create"),
    "Update": _held("update"),
    "UpdateStatus": _held("update", "status"),
    "Apply": _applied,
    "Delete": _key("delete"),
    "Watch": _watched,
    "ClaimShard": _claimed,
}

_METHODS: dict[str, dict[str, Reading]] = {
    "statefleet.api.workloads.v1.WorkloadStore": {
        **_GENERIC,
        "Bind": _named("create", POD, "binding"),
        "Evict": _named("create", POD, "eviction"),
        "RecordEvents": _told,
        "GetScale": _key("get", "scale"),
        "UpdateScale": _key("update", "scale"),
        "FinalizeNamespace": _named("update", NAMESPACE, "finalize"),
    },
    "statefleet.api.revisions.v1.RevisionHistory": {
        **_GENERIC,
        "Record": _recorded,
        "ListRevisions": _history("list"),
        "Diff": _history("get"),
        "RollBack": _history("get"),
    },
    "statefleet.api.nodes.v1.NodeRegistry": {
        **_GENERIC,
        "Register": _registered,
        "Heartbeat": _beating,
        "ListNodeUsage": _node_usage,
        "ListPodUsage": _pod_usage,
        "Cordon": _named("patch", NODE),
    },
    "statefleet.api.rollouts.v1.Rollouts": {
        "Status": _target("get"),
        "Watch": _target("watch"),
        "Wait": _target("watch"),
        "Undo": _target("patch"),
        "Restart": _target("patch"),
        "SetPartition": _target("patch"),
    },
}

_FOR_ALL = frozenset(
    {
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    }
)
"""Services that tell nothing of a fleet."""


def reading_of(method: str) -> Reading | None:
    """Return how requests of a method, such as /package.Service/Method, are read; None: anybody may call it.

    KeyError where the method is not known.
    """
    _, service, name = method.split("/", 2)
    return None if service in _FOR_ALL else _METHODS[service][name]
