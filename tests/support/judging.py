"""Judge documents as a service does: decoded, put into a namespace, defaulted, validated."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from statefleet.errors import Cause
from statefleet.objects import codec
from statefleet.objects.defaults import apply_defaults
from statefleet.objects.kinds import KINDS
from statefleet.objects.validation import validate_create, validate_status_update, validate_update

Json = dict[str, Any]


def ready(document: Json) -> Any:
    """Return the message of a document, in a namespace and defaulted."""
    kind = KINDS[document["kind"]]
    message, complaints = codec.decode(kind.message, document)
    assert complaints == []
    if kind.namespaced and not message.metadata.namespace:
        message.metadata.namespace = "default"
    apply_defaults(message)
    return message


def causes(document: Json) -> list[Cause]:
    """Return what is wrong with a new object."""
    return validate_create(ready(document))


def judged(document: Json) -> list[str]:
    """Return what is wrong with a new object: field, colon, message."""
    return _texts(causes(document))


def judged_update(new: Json, old: Json) -> list[str]:
    """Return what is wrong with a changed object."""
    return _texts(validate_update(ready(new), ready(old)))


def judged_status(new: Json, old: Json) -> list[str]:
    """Return what is wrong with a changed status."""
    return _texts(validate_status_update(ready(new), ready(old)))


def _texts(found: list[Cause]) -> list[str]:
    return [f"{cause.field}: {cause.message}" for cause in found]


def changed(document: Json, path: str, value: Any) -> Json:
    """Return a copy with one field set, its path written with dots, numbers for list items; None takes it out."""
    document = deepcopy(document)
    parts: list[Any] = [int(part) if part.isdigit() else part for part in path.split(".")]
    *parents, last = parts
    target: Any = document
    for parent in parents:
        target = target[parent] if isinstance(target, list) else target.setdefault(parent, {})
    if value is None:
        del target[last]
    else:
        target[last] = value
    return document


def a_document(kind: str, **fields: Any) -> Json:
    return {"kind": kind, "metadata": {"name": "x"}, **fields}


def pod_document(**spec: Any) -> Json:
    return a_document("Pod", spec={"containers": [{"name": "c", "image": "a:1"}], **spec})


def container_document(**fields: Any) -> Json:
    return pod_document(containers=[{"name": "c", "image": "a:1", **fields}])


def set_document(kind: str = "StatefulSet", **spec: Any) -> Json:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "a:1"}]}}
    return a_document(kind, spec={"selector": {"matchLabels": {"app": "x"}}, "template": template, **spec})
