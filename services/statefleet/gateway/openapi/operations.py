"""List the operations that URLs take, and write them down in OpenAPI v2 and v3. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Schema = dict[str, Any]

JSON: Final = "application/json"
PATCHES: Final = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
_PARAMETERS: Final[dict[str, tuple[str, str]]] = {
    "allowWatchBookmarks": ("boolean", "Whether a watch may tell how far it has come when nothing changes."),
    "continue": ("string", "Token of the next page, from the metadata of the page before."),
    "dryRun": ("string", "`All` goes through every check and stores nothing."),
    "fieldManager": ("string", "Name of who changes the fields, for the record of who set which."),
    "fieldSelector": ("string", "Restricts a list by fields of the objects, such as `spec.nodeName=a`."),
    "fieldValidation": ("string", "What is done about unknown and repeated fields: `Strict`, `Warn` or `Ignore`."),
    "force": ("boolean", "Whether server-side apply takes over fields that somebody else manages."),
    "gracePeriodSeconds": ("integer", "Seconds that the object has to end in an orderly way."),
    "labelSelector": ("string", "Restricts a list by labels of the objects, such as `app=web`."),
    "limit": ("integer", "How many objects a page has at most."),
    "orphanDependents": ("boolean", "Deprecated: use propagationPolicy."),
    "propagationPolicy": ("string", "What becomes of what the object owns: `Orphan`, `Background` or `Foreground`."),
    "resourceVersion": ("string", "The version that the answer must not be older than, or must be of."),
    "resourceVersionMatch": ("string", "How resourceVersion is meant: `Exact` or `NotOlderThan`."),
    "sendInitialEvents": ("boolean", "Whether a watch begins with what there is already."),
    "timeoutSeconds": ("integer", "Seconds after which a watch ends."),
    "watch": ("boolean", "Whether changes are sent as they happen instead of a list."),
}
"""Query parameters: type and meaning."""

_LIST_QUERY: Final = (
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
)
_WRITE_QUERY: Final = ("dryRun", "fieldManager", "fieldValidation")
_DELETE_QUERY: Final = ("dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy")
_QUERIES: Final[dict[str, tuple[str, ...]]] = {
    "get": (),
    "list": _LIST_QUERY,
    "post": _WRITE_QUERY,
    "put": _WRITE_QUERY,
    "patch": (*_WRITE_QUERY, "force"),
    "delete": _DELETE_QUERY,
    "deletecollection": (*_DELETE_QUERY, *_LIST_QUERY[1:-1]),
}
_METHODS: Final = {"list": "get", "deletecollection": "delete"}
_ACTIONS: Final = {"create": "post", "update": "put"}
"""What Kubernetes' OpenAPI calls the verbs of discovery, where it is not the same."""


@dataclass(frozen=True, slots=True)
class Target:
    """What operations at one URL are about: references to the schemas, and how they are called."""

    kind: Mapping[str, str]
    """Group, version and kind of the body."""
    body: Schema
    listed: Schema
    """What list answers; the body itself where there is no list."""
    options: Schema
    """The body of a deletion."""
    patch: Schema
    status: Schema
    """What a deletion answers."""
    name: str
    """How operation ids end, such as AppsV1NamespacedStatefulSet."""
    tag: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method at one URL."""

    action: str
    target: Target

    @property
    def method(self) -> str:
        """The HTTP method, in lower case."""
        return _METHODS.get(self.action, self.action)

    @property
    def body(self) -> Schema | None:
        """A reference to the schema of the request's body."""
        if self.action.startswith("delete"):
            return self.target.options
        if self.action == "patch":
            return self.target.patch
        return self.target.body if self.action in {"post", "put"} else None

    @property
    def answer(self) -> Schema:
        """A reference to the schema of what is answered."""
        if self.action == "list":
            return self.target.listed
        return self.target.status if self.action.startswith("delete") else self.target.body

    @property
    def consumed(self) -> tuple[str, ...]:
        """Content types of the request's body."""
        return PATCHES if self.action == "patch" else (JSON, "application/yaml")

    def frame(self) -> dict[str, Any]:
        """Return what v2 and v3 have in common."""
        return {
            "tags": [self.target.tag],
            "description": f"{self.action} {self.target.kind['kind']}",
            "operationId": f"{self.action}{self.target.name}",
            "x-kubernetes-action": self.action,
            "x-kubernetes-group-version-kind": self.target.kind,
        }


def operations(verbs: tuple[str, ...], target: Target, *, on_items: bool) -> Iterator[Operation]:
    """Yield the operations at the URL of one item, or of the whole collection, for what discovery calls verbs."""
    wanted = ("get", "update", "delete", "patch") if on_items else ("list", "create", "deletecollection")
    for verb in wanted:
        if verb in verbs:
            yield Operation(_ACTIONS.get(verb, verb), target)


def as_v3(operation: Operation) -> dict[str, Any]:
    """Return an operation as OpenAPI v3 writes it."""
    found = operation.frame() | {
        "parameters": [
            {"name": name, "in": "query", "description": text, "schema": {"type": kind}}
            for name, (kind, text) in _query(operation)
        ],
        "responses": {"200": {"description": "OK", "content": {JSON: {"schema": operation.answer}}}},
    }
    if operation.body is not None:
        content = {media_type: {"schema": operation.body} for media_type in operation.consumed}
        found["requestBody"] = {"content": content, "required": not operation.action.startswith("delete")}
    return found


def as_v2(operation: Operation) -> dict[str, Any]:
    """Return an operation as OpenAPI v2 writes it."""
    parameters: list[Schema] = [
        {"name": name, "in": "query", "description": text, "type": kind} for name, (kind, text) in _query(operation)
    ]
    if operation.body is not None:
        is_required = not operation.action.startswith("delete")
        parameters.append({"name": "body", "in": "body", "required": is_required, "schema": operation.body})
    return operation.frame() | {
        "consumes": list(operation.consumed),
        "produces": [JSON],
        "parameters": parameters,
        "responses": {"200": {"description": "OK", "schema": operation.answer}},
    }


def path_parameter(name: str, *, is_v3: bool) -> Schema:
    """Return a part of the URL that varies."""
    shape: Schema = {"schema": {"type": "string"}} if is_v3 else {"type": "string"}
    return {"name": name, "in": "path", "required": True, "description": f"The {name} of the object.", **shape}


def _query(operation: Operation) -> list[tuple[str, tuple[str, str]]]:
    return [(name, _PARAMETERS[name]) for name in _QUERIES[operation.action]]
