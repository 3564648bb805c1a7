"""Which API versions of which kinds are served, and the way between an old version and the current one.

Pure: no I/O, clock or randomness. The services know the current versions only; the gateway decodes an old one with
that version's defaults, converts, and converts back what it answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from statefleet.gateway import unserved
from statefleet.gateway.conversion import CONVERSIONS, Document
from statefleet.objects.kinds import KINDS, Kind

EVICTION_VERSIONS: Final = ("policy/v1", "policy/v1beta1")
"""The apiVersions in which an Eviction is accepted at pods/eviction."""


@dataclass(frozen=True, slots=True)
class ServedResource:
    """A kind in one API version."""

    kind: Kind[Any]
    group: str
    version: str
    subresources: tuple[str, ...]
    deprecation: str
    """The text of the Warning header that answers carry; empty where the version is not deprecated."""

    @property
    def api_version(self) -> str:
        """The apiVersion of its documents, such as apps/v1beta1 or v1."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def is_current(self) -> bool:
        """Whether it is the version that the services speak: nothing has to be converted."""
        return self.api_version == self.kind.api_version


@dataclass(frozen=True, slots=True)
class _Lifecycle:
    """The Kubernetes releases (minor numbers of 1.x) in which a version was deprecated and removed, and its heir."""

    deprecated: int
    removed: int | None = None
    heir: str = ""

    def warning(self, api_version: str, kind: str) -> str:
        """Return Kubernetes' words for it."""
        text = f"{api_version} {kind} is deprecated in v1.{self.deprecated}+"
        if self.removed is not None:
            text += f", unavailable in v1.{self.removed}+"
        return f"{text}; use {self.heir}"


_LIFECYCLES: Final[dict[tuple[str, str], _Lifecycle]] = {
    ("StatefulSet", "apps/v1beta1"): _Lifecycle(8, 16, "apps/v1 StatefulSet"),
    ("StatefulSet", "apps/v1beta2"): _Lifecycle(9, 16, "apps/v1 StatefulSet"),
    ("DaemonSet", "apps/v1beta2"): _Lifecycle(9, 16, "apps/v1 DaemonSet"),
    ("DaemonSet", "extensions/v1beta1"): _Lifecycle(8, 16, "apps/v1 DaemonSet"),
    ("ControllerRevision", "apps/v1beta1"): _Lifecycle(8, 16, "apps/v1 ControllerRevision"),
    ("ControllerRevision", "apps/v1beta2"): _Lifecycle(9, 16, "apps/v1 ControllerRevision"),
    ("PodDisruptionBudget", "policy/v1beta1"): _Lifecycle(21, 25, "policy/v1 PodDisruptionBudget"),
    ("Endpoints", "v1"): _Lifecycle(33, heir="discovery.k8s.io/v1 EndpointSlice"),
}


def split(api_version: str) -> tuple[str, str]:
    """Return the group and the version of an apiVersion; the core group is empty."""
    group, _, version = api_version.rpartition("/")
    return group, version


@cache
def _resources() -> dict[tuple[str, str, str], ServedResource]:
    found = {}
    for kind in KINDS.values():
        for api_version in all_versions(kind):
            group, version = split(api_version)
            lifecycle = _LIFECYCLES.get((kind.name, api_version))
            found[group, version, kind.plural] = ServedResource(
                kind=kind,
                group=group,
                version=version,
                subresources=tuple(
                    name for name in kind.subresources if (kind.plural, name) not in unserved.SUBRESOURCES
                ),
                deprecation=lifecycle.warning(api_version, kind.name) if lifecycle else "",
            )
    return found


def serves(group: str, version: str, plural: str) -> ServedResource | None:
    """Return the resource that a URL names, such as apps, v1beta2, daemonsets; None where there is none."""
    return _resources().get((group, version, plural))


def served() -> tuple[ServedResource, ...]:
    """Return every kind in every version, kinds in their own order and the current version of each first."""
    return tuple(_resources().values())


def all_versions(kind: Kind[Any]) -> tuple[str, ...]:
    """Return the apiVersions that a kind is served in, the current one first, then the newest of the old."""
    old = [api_version for name, api_version in CONVERSIONS if name == kind.name]
    return (kind.api_version, *sorted(old, reverse=True, key=lambda api_version: split(api_version)[1]))


def to_current(kind: Kind[Any] | str, api_version: str, document: Document) -> Document:
    """Return a document as one of its kind's current version.

    What the old version defaults, and the current one does not or does otherwise, is filled in first. `kind` may be
    a name, for Eviction. KeyError where the version is not served. The input is not changed; the result shares parts
    with it.
    """
    name, current = _identity(kind)
    if api_version == current:
        return document
    return {**CONVERSIONS[name, api_version].to_current(document), "apiVersion": current}


def from_current(kind: Kind[Any] | str, api_version: str, document: Document) -> Document:
    """Return a document of its kind's current version as one of another version, as to_current does the other way."""
    name, current = _identity(kind)
    if api_version == current:
        return document
    return {**CONVERSIONS[name, api_version].from_current(document), "apiVersion": api_version}


def _identity(kind: Kind[Any] | str) -> tuple[str, str]:
    """Return a kind's name and the apiVersion of its current version."""
    if isinstance(kind, Kind):
        return kind.name, kind.api_version
    return kind, EVICTION_VERSIONS[0] if kind == "Eviction" else KINDS[kind].api_version
