"""Put schemas and operations together into OpenAPI documents, as bytes. Pure but for reading the descriptors."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final, NamedTuple

import orjson
from google.protobuf.descriptor import Descriptor

from statefleet.api.authentication.v1.authentication_pb2 import SelfSubjectReview, TokenRequest
from statefleet.api.authorization.v1.authorization_pb2 import SelfSubjectAccessReview, SelfSubjectRulesReview
from statefleet.api.autoscaling.v1.scale_pb2 import Scale
from statefleet.api.core.v1.pod_pb2 import Binding
from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions
from statefleet.api.meta.v1.object_meta_pb2 import ListMeta
from statefleet.api.meta.v1.status_pb2 import Status
from statefleet.api.metrics.v1beta1.metrics_pb2 import NodeMetrics, PodMetrics
from statefleet.api.policy.v1.policy_pb2 import Eviction
from statefleet.gateway import discovery, openapi
from statefleet.gateway.discovery import Computed
from statefleet.gateway.openapi.comments import read_comments
from statefleet.gateway.openapi.facts import OLD_SPECS
from statefleet.gateway.openapi.operations import Operation, Target, as_v2, as_v3, operations, path_parameter
from statefleet.gateway.openapi.schemas import Schema, Schemas, schema_name
from statefleet.gateway.versions import ServedResource

_MESSAGES: Final[dict[str, Descriptor]] = {
    message.DESCRIPTOR.name: message.DESCRIPTOR
    for message in (
        Binding,
        Eviction,
        NodeMetrics,
        PodMetrics,
        Scale,
        SelfSubjectAccessReview,
        SelfSubjectReview,
        SelfSubjectRulesReview,
        TokenRequest,
    )
}
"""What is sent or answered besides the kinds."""

_PATCH: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch"
_INFO: Final = {"title": "Statefleet", "version": importlib.metadata.version("statefleet")}


@cache
def _comments() -> dict[str, str]:
    return read_comments(openapi.descriptors())


def v3(group: str, version: str) -> bytes:
    """Return the OpenAPI v3 document of a group version that is served."""
    page = _Page(is_v3=True)
    page.add(group, version)
    return orjson.dumps(
        {
            "openapi": "3.0.0",
            "info": _INFO,
            "paths": dict(sorted(page.paths.items())),
            "components": {"schemas": page.schemas.definitions()},
        }
    )


def v2() -> bytes:
    """Return the OpenAPI v2 document of everything that is served."""
    page = _Page(is_v3=False)
    for group, version in discovery.group_versions().values():
        page.add(group, version)
    return orjson.dumps(
        {
            "swagger": "2.0",
            "info": _INFO,
            "paths": dict(sorted(page.paths.items())),
            "definitions": page.schemas.definitions(),
        }
    )


def _identity(group: str, version: str, kind: str) -> dict[str, str]:
    return {"group": group, "version": version, "kind": kind}


class _Calls(NamedTuple):
    """How operations at one URL are called."""

    group: str
    version: str
    what: str
    """Such as NamespacedStatefulSetScale."""

    @property
    def _short(self) -> str:
        return self.group.partition(".")[0] or "core"

    @property
    def operation(self) -> str:
        """How operation ids end: AppsV1NamespacedStatefulSetScale."""
        return self._short.capitalize() + self.version.capitalize() + self.what

    @property
    def tag(self) -> str:
        """The section that generators put the operations in: apps_v1."""
        return f"{self._short}_{self.version}"


class _Page:
    """One document that grows: paths, and the schemas that they need."""

    def __init__(self, *, is_v3: bool) -> None:
        self.paths: dict[str, dict[str, Any]] = {}
        self.schemas = Schemas(_comments(), is_v3=is_v3)
        self._is_v3 = is_v3

    def add(self, group: str, version: str) -> None:
        """Add everything of one group version."""
        prefix = f"/apis/{group}/{version}" if group else f"/api/{version}"
        for resource in discovery.served_in(group, version):
            if isinstance(resource, Computed):
                self._add_computed(prefix, resource)
            else:
                self._add_resource(prefix, resource)

    def _add_computed(self, prefix: str, resource: Computed) -> None:
        group, version, kind = resource.group, resource.version, resource.kind
        identity = _identity(group, version, kind)
        is_listed = "list" in resource.verbs

        def target(called: str) -> Target:
            return self._standing(identity, _Calls(group, version, called), is_listed=is_listed)

        self._add_paths(prefix, resource.plural, kind, resource.verbs, target, namespaced=resource.namespaced)

    def _add_resource(self, prefix: str, resource: ServedResource) -> None:
        kind, verbs = resource.kind, tuple(discovery.verbs(resource))
        collection = self._add_paths(
            prefix,
            kind.plural,
            kind.name,
            verbs,
            lambda called: self._kind(resource, called),
            namespaced=kind.namespaced,
        )
        scope = "Namespaced" if kind.namespaced else ""
        for name, spoken in discovery.targets(resource):
            self._add_subresource(f"{collection}/{{name}}/{name}", resource, scope, name, spoken)

    def _add_paths(
        self,
        prefix: str,
        plural: str,
        kind: str,
        verbs: tuple[str, ...],
        target: Callable[[str], Target],
        *,
        namespaced: bool,
    ) -> str:
        """Add the collections of a resource and its items. Return where the collection of items is."""
        collection = f"{prefix}/namespaces/{{namespace}}/{plural}" if namespaced else f"{prefix}/{plural}"
        about = target(f"Namespaced{kind}" if namespaced else kind)
        self._put(collection, operations(verbs, about, on_items=False))
        self._put(f"{collection}/{{name}}", operations(verbs, about, on_items=True))
        if namespaced:
            everywhere = target(f"{kind}ForAllNamespaces")
            self._put(f"{prefix}/{plural}", operations(("list",), everywhere, on_items=False))
        return collection

    def _add_subresource(
        self, url: str, resource: ServedResource, scope: str, name: str, spoken: discovery.Target
    ) -> None:
        called = scope + resource.kind.name + name.capitalize()
        if spoken.kind == resource.kind.name:
            target = self._kind(resource, called)
        else:
            identity = _identity(spoken.group, spoken.version, spoken.kind)
            target = self._standing(identity, _Calls(resource.group, resource.version, called))
        created = ("create",) if "create" in spoken.verbs else ()
        self._put(
            url, [*operations(spoken.verbs, target, on_items=True), *operations(created, target, on_items=False)]
        )

    def _put(self, url: str, found: Iterable[Operation]) -> None:
        write = as_v3 if self._is_v3 else as_v2
        written = {operation.method: write(operation) for operation in found}
        if written:
            names = [name for name in ("namespace", "name") if f"{{{name}}}" in url]
            parameters = [path_parameter(name, is_v3=self._is_v3) for name in names]
            self.paths[url] = self.paths.get(url, {}) | written | {"parameters": parameters}

    def _kind(self, resource: ServedResource, called: str) -> Target:
        """Return what operations on a kind are about; in an old version it has a schema of its own at the top."""
        kind = resource.kind
        name = schema_name(kind.message.DESCRIPTOR)
        if not resource.is_current:
            name = f"io.k8s.api.{resource.group.partition('.')[0]}.{resource.version}.{kind.name}"
        identity = _identity(resource.group, resource.version, kind.name)
        body = self.schemas.add_object(name, kind.message.DESCRIPTOR, [identity])
        old_spec = OLD_SPECS.get((kind.name, resource.api_version))
        if old_spec is not None:
            self.schemas.vary_spec(name, kind.message.DESCRIPTOR.fields_by_name["spec"], old_spec)
        list_kind = _identity(resource.group, resource.version, f"{kind.name}List")
        listed = self.schemas.add_list(f"{name}List", body, ListMeta.DESCRIPTOR, list_kind)
        return self._target(identity, body, listed, _Calls(resource.group, resource.version, called))

    def _standing(self, identity: dict[str, str], calls: _Calls, *, is_listed: bool = False) -> Target:
        """Return what operations on something that is never stored are about."""
        descriptor = _MESSAGES.get(identity["kind"])
        body: Schema = {"type": "object"}
        listed = body
        if descriptor is not None:
            name = schema_name(descriptor)
            listed = body = self.schemas.add_object(name, descriptor, [identity])
            if is_listed:
                list_kind = {**identity, "kind": f"{identity['kind']}List"}
                listed = self.schemas.add_list(f"{name}List", body, ListMeta.DESCRIPTOR, list_kind)
        return self._target(identity, body, listed, calls)

    def _target(self, identity: dict[str, str], body: Schema, listed: Schema, calls: _Calls) -> Target:
        return Target(
            kind=identity,
            body=body,
            listed=listed,
            options=self._named("DeleteOptions", DeleteOptions.DESCRIPTOR),
            patch=self.schemas.add_opaque(_PATCH, "A change to an object, in the form that its content type says."),
            status=self._named("Status", Status.DESCRIPTOR),
            name=calls.operation,
            tag=calls.tag,
        )

    def _named(self, kind: str, descriptor: Descriptor) -> Schema:
        return self.schemas.add_object(schema_name(descriptor), descriptor, [_identity("", "v1", kind)])
