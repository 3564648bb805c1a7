"""Tell from a URL's path which resource it names. Pure: no I/O, clock or randomness.

Kubernetes' paths: /api/v1/… for the core group and /apis/GROUP/VERSION/… for the others, below them
[namespaces/NAMESPACE/]PLURAL[/NAME[/SUBRESOURCE]].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from statefleet.gateway import unserved, versions
from statefleet.gateway.versions import ServedResource
from statefleet.objects.kinds import NAMESPACE, Kind

MAIN = ""
"""The subresource of a path that names none."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names: objects of one resource, one object, or a part of one."""

    served: ServedResource
    namespace: str
    name: str
    subresource: str

    @property
    def kind(self) -> Kind[Any]:
        """The kind of the objects."""
        return self.served.kind

    @property
    def scope(self) -> str:
        """The scope by which metrics count a request: cluster, namespace or resource."""
        if self.name:
            return "resource"
        return "namespace" if self.namespace else "cluster"


def split(path: str) -> tuple[str, str, list[str]] | None:
    """Split a path into group, version and what follows; None where it lies below neither /api/V nor /apis/G/V."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) >= 2:
        return "", parts[1], parts[2:]
    if parts[0] == "apis" and len(parts) >= 3:
        return parts[1], parts[2], parts[3:]
    return None


def resolve(path: str) -> Target | None:
    """Return what a path names, or None where nothing is served there."""
    found = parts(path)
    return None if found is None else _target(*found)


def refusal(path: str) -> str | None:
    """Return why a path is not served that Kubernetes would serve below an object; None for any other path."""
    found = parts(path)
    if found is None:
        return None
    group, version, _, rest = found
    if len(rest) < 3 or versions.serves(group, version, rest[0]) is None:
        return None
    return unserved.complaint(rest[0], rest[2])


def parts(path: str) -> tuple[str, str, str, list[str]] | None:
    """Return group, version and namespace of a path, and what follows them; None where nothing does."""
    located = split(path)
    if located is None:
        return None
    group, version, rest = located
    if not rest or not all(rest):
        return None
    if rest[0] == NAMESPACE.plural and len(rest) >= 3 and rest[2] not in NAMESPACE.subresources:
        return group, version, rest[1], rest[2:]
    return group, version, "", rest


def _target(group: str, version: str, namespace: str, rest: list[str]) -> Target | None:
    served = versions.serves(group, version, rest[0])
    if served is None or len(rest) > 3:
        return None
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else MAIN
    if served.kind.namespaced:
        if name and not namespace:
            return None
    elif namespace:
        return None
    if subresource and subresource not in served.subresources:
        return None
    return Target(served, namespace, name, subresource)
