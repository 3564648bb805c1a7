"""The discovery documents: what clients such as kubectl learn the served kinds, verbs and subresources from.

Pure: no I/O, clock or randomness. All of it follows from the kinds and their versions. The documents are built once;
treat them as read-only.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, NamedTuple

from statefleet.authorization.roles import METRICS_GROUP
from statefleet.gateway.versions import ServedResource, served
from statefleet.objects.kinds import NAMESPACE

Document = dict[str, Any]

AGGREGATED_VERSIONS: Final = ("v2", "v2beta1")
"""Versions of apidiscovery.k8s.io in which the aggregated documents exist; they differ in nothing else."""

_READ_WRITE: Final = ("get", "patch", "update")
VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
"""The verbs of a kind."""


class Target(NamedTuple):
    """What a subresource takes or answers with."""

    group: str
    version: str
    kind: str
    verbs: tuple[str, ...]


class Computed(NamedTuple):
    """A resource that nobody stores: it is worked out when it is asked for."""

    group: str
    version: str
    plural: str
    kind: str
    singular: str
    verbs: tuple[str, ...] = ("create",)
    namespaced: bool = False


_SUBRESOURCES: Final = {
    "scale": Target("autoscaling", "v1", "Scale", _READ_WRITE),
    "binding": Target("", "v1", "Binding", ("create",)),
    "eviction": Target("policy", "v1", "Eviction", ("create",)),
    "token": Target("authentication.k8s.io", "v1", "TokenRequest", ("create",)),
    "log": Target("", "v1", "Pod", ("get",)),
    "exec": Target("", "v1", "PodExecOptions", ("create", "get")),
    "attach": Target("", "v1", "PodAttachOptions", ("create", "get")),
    "portforward": Target("", "v1", "PodPortForwardOptions", ("create", "get")),
}
"""Subresources whose shape is not that of the kind itself."""

_OWN_VERBS: Final = {"status": _READ_WRITE, "finalize": ("update",)}
"""Verbs of the subresources that have the kind's own shape."""

REVIEWS: Final = tuple(
    Computed(group, "v1", f"{kind.lower()}s", kind, kind.lower())
    for group, kind in (
        ("authentication.k8s.io", "SelfSubjectReview"),
        ("authorization.k8s.io", "SelfSubjectAccessReview"),
        ("authorization.k8s.io", "SelfSubjectRulesReview"),
    )
)
"""The questions a client may ask about itself: only ever created, and the answer comes back in them."""

USAGES: Final = (
    Computed(METRICS_GROUP, "v1beta1", "nodes", "NodeMetrics", "node", ("get", "list")),
    Computed(METRICS_GROUP, "v1beta1", "pods", "PodMetrics", "", ("get", "list"), namespaced=True),
)
"""What nodes and pods use. No singular of its own for pods, as in Kubernetes' metrics server."""


@cache
def core_versions(server_address: str = "") -> Document:
    """Return the APIVersions at /api. `server_address` is host:port, for clients that look for the nearest server."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": server_address}],
    }


@cache
def groups() -> Document:
    """Return the APIGroupList at /apis."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group_entry(name) for name in _groups() if name]}


@cache
def group(name: str) -> Document | None:
    """Return the APIGroup at /apis/NAME; None where there is no such group."""
    if not name or name not in _groups():
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group_entry(name)}


@cache
def resources(group: str, version: str) -> Document | None:
    """Return the APIResourceList at /apis/GROUP/VERSION, or at /api/v1 for the empty group; None where not served."""
    if version not in _groups().get(group, {}):
        return None
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": _group_version(group, version),
        "resources": [entry for resource in _groups()[group][version] for entry in _plain(resource)],
    }


@cache
def aggregated(*, core: bool, version: str = AGGREGATED_VERSIONS[0]) -> Document:
    """Return the APIGroupDiscoveryList at /api (core) or /apis, in one of AGGREGATED_VERSIONS."""
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": [_aggregated_group(name) for name in _groups() if core == (not name)],
    }


@cache
def group_versions() -> dict[str, tuple[str, str]]:
    """Return group and version by their path, such as apis/apps/v1 or api/v1."""
    return {
        f"apis/{name}/{version}" if name else f"api/{version}": (name, version)
        for name, versions in _groups().items()
        for version in versions
    }


def served_in(group: str, version: str) -> tuple[ServedResource | Computed, ...]:
    """Return the resources of a group version, none where it is not served."""
    return tuple(_groups().get(group, {}).get(version, ()))


@cache
def _groups() -> dict[str, dict[str, list[ServedResource | Computed]]]:
    """Return what is served, by group and version. Current groups come first, and so do current versions.

    Within a version resources stand in the order of their names, which is the order of `kubectl get all`.

    Clients that find a resource in two groups take the first: nobody is to meet an old version who did not ask for
    it.
    """
    found: dict[str, dict[str, list[ServedResource | Computed]]] = {}
    current = [resource for resource in served() if resource.is_current]
    old = [resource for resource in served() if not resource.is_current]
    old.sort(key=lambda resource: resource.version, reverse=True)
    everything: list[ServedResource | Computed] = [*current, *REVIEWS, *USAGES, *old]
    for resource in everything:
        found.setdefault(resource.group, {}).setdefault(resource.version, []).append(resource)
    for versions in found.values():
        for resources in versions.values():
            resources.sort(key=plural)
    return found


def plural(resource: ServedResource | Computed) -> str:
    """Return the name that URLs have for a resource."""
    return resource.plural if isinstance(resource, Computed) else resource.kind.plural


def _group_version(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version


def _group_entry(name: str) -> Document:
    versions = [{"groupVersion": _group_version(name, version), "version": version} for version in _groups()[name]]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def verbs(resource: ServedResource) -> list[str]:
    """Return a kind's verbs. Namespaces are deleted one by one: each has its content to lose."""
    return [verb for verb in VERBS if resource.kind is not NAMESPACE or verb != "deletecollection"]


def targets(resource: ServedResource) -> list[tuple[str, Target]]:
    """Return the subresources of a kind in name order, each with the shape it speaks."""
    found = []
    for name in sorted(resource.subresources):
        own = Target(resource.group, resource.version, resource.kind.name, _OWN_VERBS.get(name, ()))
        found.append((name, _SUBRESOURCES.get(name, own)))
    return found


def _names(resource: ServedResource) -> Document:
    """Return short names and categories, of current versions only.

    A category in an old version would show objects twice in `get all`, and a short name that two groups have makes
    clients warn.
    """
    names: Document = {}
    if resource.is_current and resource.kind.short_names:
        names["shortNames"] = list(resource.kind.short_names)
    if resource.is_current and resource.kind.categories:
        names["categories"] = list(resource.kind.categories)
    return names


def _plain(resource: ServedResource | Computed) -> list[Document]:
    """Return the entries of one resource in an APIResourceList."""
    if isinstance(resource, Computed):
        named = {"name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced}
        return [{**named, "kind": resource.kind, "verbs": list(resource.verbs)}]
    kind = resource.kind
    main = {"name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.name}
    entries: list[Document] = [{**main, "verbs": verbs(resource), **_names(resource)}]
    for name, target in targets(resource):
        entry: Document = {"name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced}
        if (target.group, target.version) != (resource.group, resource.version):
            entry |= {"group": target.group, "version": target.version}
        entries.append({**entry, "kind": target.kind, "verbs": list(target.verbs)})
    return entries


def _aggregated_group(name: str) -> Document:
    versions = [
        {"version": version, "resources": [_aggregated(resource) for resource in resources], "freshness": "Current"}
        for version, resources in _groups()[name].items()
    ]
    return {"metadata": {"name": name} if name else {}, "versions": versions}


def _response_kind(group: str, version: str, kind: str) -> Document:
    return {"group": group, "version": version, "kind": kind}


def _aggregated(resource: ServedResource | Computed) -> Document:
    """Return one resource's entry in an aggregated document, its subresources nested."""
    if isinstance(resource, Computed):
        return {
            "resource": resource.plural,
            "responseKind": _response_kind(resource.group, resource.version, resource.kind),
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "singularResource": resource.singular,
            "verbs": list(resource.verbs),
        }
    entry: Document = {
        "resource": resource.kind.plural,
        "responseKind": _response_kind(resource.group, resource.version, resource.kind.name),
        "scope": "Namespaced" if resource.kind.namespaced else "Cluster",
        "singularResource": resource.kind.singular,
        "verbs": verbs(resource),
        **_names(resource),
    }
    subresources = [
        {
            "subresource": name,
            "responseKind": _response_kind(target.group, target.version, target.kind),
            "verbs": list(target.verbs),
        }
        for name, target in targets(resource)
    ]
    if subresources:
        entry["subresources"] = subresources
    return entry
