"""Answer what is not about objects: health, version, discovery and the OpenAPI documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from statefleet.gateway import discovery, media, openapi
from statefleet.gateway.answers import JSON, Answer

_ROOTS = ("/healthz", "/livez", "/readyz")
HEALTH = frozenset(f"{root}{part}" for root in _ROOTS for part in ("", "/", "/ping"))
"""Paths that need no credential."""

VERSION: Mapping[str, str] = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.0+statefleet",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "",
}
"""The Kubernetes version whose API is followed: clients judge by it what they can ask for."""

EXTENSIONS: Mapping[str, Mapping[str, Any]] = {
    f"/apis/apiextensions.k8s.io/{version}/customresourcedefinitions": {
        "kind": "CustomResourceDefinitionList",
        "apiVersion": f"apiextensions.k8s.io/{version}",
        "metadata": {"resourceVersion": "1"},
        "items": [],
    }
    for version in ("v1", "v1beta1")
}
"""Lists of what extends the API, which nothing does. No discovery document has them: kubectl asks unbidden, to judge
a kind that it does not know, and only after an answer does it say that there is no such kind."""

OPENAPI_PROTOBUF = frozenset(
    {
        "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
        "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
    }
)
"""The names of OpenAPI v2 in protobuf: kubectl asks for it to judge lists, and kinds that it does not know."""


_TEXT = "text/plain; charset=utf-8"


def health(is_ready: bool, path: str, *, verbose: bool = False) -> Answer:
    """Return the answer of a health check; only /readyz asks whether the services can be reached.

    `verbose` lists the checks one by one, as Kubernetes lists its own.
    """
    name = path.strip("/")
    checks = {"ping": True} | ({"services": is_ready} if name == "readyz" else {})
    good = all(checks.values())
    text = "ok" if good else "not ready"
    if verbose:
        lines = [f"[+]{check} ok" if passed else f"[-]{check} failed" for check, passed in checks.items()]
        text = "\n".join([*lines, f"{name} check {'passed' if good else 'failed'}", ""])
    return Answer(text.encode(), 200 if good else 503, _TEXT)


def index() -> dict[str, list[str]]:
    """Return what stands at the root: the paths that there are to begin from."""
    versions = discovery.group_versions()
    groups = {f"/apis/{group}" for group, _ in versions.values() if group}
    documents = {f"/openapi/v3/{path}" for path in versions}
    found = {"/api", "/apis", *groups, *(f"/{path}" for path in versions), "/openapi/v2", "/openapi/v3", *documents}
    return {"paths": sorted(found | {*_ROOTS, *(f"{root}/ping" for root in _ROOTS), "/metrics", "/version"})}


def page(path: str, accept: str) -> Answer | None:
    """Return the page at a path, None where there is none."""
    path = path.rstrip("/")
    if not path:
        return _json(index())
    if path in {"/api", "/apis"}:
        return _root(path, accept)
    if path == "/version":
        return _json(VERSION)
    if path in EXTENSIONS:
        return _json(EXTENSIONS[path])
    if path.startswith("/openapi/"):
        return _openapi(path, accept)
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) == 2:
        return _json(discovery.resources("", parts[1]))
    if parts[0] == "apis" and len(parts) == 2:
        return _json(discovery.group(parts[1]))
    if parts[0] == "apis" and len(parts) == 3:
        return _json(discovery.resources(parts[1], parts[2]))
    return None


def _root(path: str, accept: str) -> Answer:
    version = _aggregated_version(accept)
    if version is not None:
        body = orjson.dumps(discovery.aggregated(core=path == "/api", version=version))
        content_type = f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
        return Answer(body, content_type=content_type, headers={"Vary": "Accept"})
    document = discovery.core_versions() if path == "/api" else discovery.groups()
    return Answer(orjson.dumps(document), headers={"Vary": "Accept"})


def _aggregated_version(accept: str) -> str | None:
    """Return the version in which a client wants discovery in one document; None where it wants it in many."""
    for clause in accept.split(","):
        media_type, parameters = media.parse(clause)
        if media_type in {JSON, "*/*"} and "as" not in parameters:
            return None
        if media_type == JSON and parameters.get("as") == "APIGroupDiscoveryList":
            version = parameters.get("v", "")
            if version in discovery.AGGREGATED_VERSIONS:
                return version
    return None


def _openapi(path: str, accept: str) -> Answer | None:
    if path == "/openapi/v2":
        if {media.parse(clause)[0] for clause in accept.split(",")} <= OPENAPI_PROTOBUF:
            return Answer(openapi.v2_protobuf(), content_type=min(OPENAPI_PROTOBUF))
        return Answer(openapi.v2_json())
    if path == "/openapi/v3":
        return _json(openapi.v3_index())
    document = openapi.v3(path.removeprefix("/openapi/v3/"))
    return None if document is None else Answer(document)


def _json(document: Any) -> Answer | None:
    return None if document is None else Answer(orjson.dumps(document))
