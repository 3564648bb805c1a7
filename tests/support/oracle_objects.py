"""Requests and answers recorded from Kubernetes 1.20, brought up to what the current version answers.

Every difference between then and now is stated once, in NEWER. What a server adds to a new object beside its defaults
(names of its own, admission, a first status) is taken out by `without_additions`, for it is tested where it is made.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).parents[1] / "golden"
NAMESPACE = "oracle"
"""The namespace of every namespaced object in the recordings."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Recording:
    """A request and what was answered; with a note, the answer of today is another on purpose."""

    name: str
    body: Any
    response: Json
    note: str

    @property
    def code(self) -> int:
        """The HTTP code of a failure, 0 for success."""
        return int(self.response.get("code", 0))

    @property
    def causes(self) -> list[tuple[str, str, str]]:
        """Reason, message and field of each cause."""
        causes = self.response["details"]["causes"]
        return [(cause["reason"], cause["message"], cause["field"]) for cause in causes]


def recordings(folder: str) -> dict[str, Recording]:
    """Return the recordings of a folder of tests/golden by name."""
    found = {}
    for path in sorted((RECORDINGS / folder).glob("*.json")):
        case = json.loads(path.read_bytes())
        body, note = case["request"]["body"], case.get("note", "")
        found[path.stem] = Recording(path.stem, body, case["response"], note)
    return found


def defaulted(recording: Recording) -> Json:
    """Return the object that the request's body becomes by the defaults of today, and by nothing else."""
    document = deepcopy(recording.response)
    bring_up(document)
    return without_additions(document)


def bring_up(document: Json) -> None:
    """Give an object, in place, what the current version defaults beyond 1.20."""
    for add in NEWER.get(document["kind"], ()):
        add(document)


def _add_retention(document: Json) -> None:
    """Claims are kept unless a set says otherwise."""
    document["spec"]["persistentVolumeClaimRetentionPolicy"] = {"whenDeleted": "Retain", "whenScaled": "Retain"}


def _add_available_replicas(document: Json) -> None:
    """The number of available pods is always shown."""
    document["status"]["availableReplicas"] = 0


def _add_surge(document: Json) -> None:
    """A DaemonSet does not surge unless it says so."""
    document["spec"]["updateStrategy"]["rollingUpdate"]["maxSurge"] = 0


def _add_traffic_policy(document: Json) -> None:
    """Traffic from inside goes to every endpoint."""
    document["spec"]["internalTrafficPolicy"] = "Cluster"


def _add_name_label(document: Json) -> None:
    """A namespace can be selected by its name."""
    document["metadata"]["labels"] = {"kubernetes.io/metadata.name": document["metadata"]["name"]}


def _promote_policy(document: Json) -> None:
    """Budgets are no longer beta."""
    document["apiVersion"] = "policy/v1"


NEWER: dict[str, tuple[Callable[[Json], None], ...]] = {
    "StatefulSet": (_add_retention, _add_available_replicas),
    "DaemonSet": (_add_surge,),
    "Service": (_add_traffic_policy,),
    "Namespace": (_add_name_label,),
    "PodDisruptionBudget": (_promote_policy,),
}
"""What has been added since, by kind."""

_SERVER_METADATA = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "selfLink",
    "namespace",
)
_ADDED_FINALIZERS = ("kubernetes.io/pv-protection", "kubernetes.io/pvc-protection")
_ADDED_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_ADDED_ANNOTATION = "deprecated.daemonset.template.generation"


def without_additions(document: Json) -> Json:
    """Return an object without what a server makes beside the defaults; also without null creation times."""
    document = _without_null_times(document)
    meta, spec = document["metadata"], document.get("spec", {})
    for field in _SERVER_METADATA:
        meta.pop(field, None)
    _drop(meta, "finalizers", lambda name: name in _ADDED_FINALIZERS)
    if meta.get("annotations", {}).pop(_ADDED_ANNOTATION, None) and not meta["annotations"]:
        del meta["annotations"]
    _drop(spec, "tolerations", lambda item: item.get("key") in _ADDED_TAINTS and "tolerationSeconds" in item)
    _drop(spec, "taints", lambda item: item["key"] in _ADDED_TAINTS)
    if document["kind"] == "Namespace":
        spec.pop("finalizers", None)
    if document["kind"] == "Pod":
        document["status"] = {}
    return document


def _drop(document: Json, field: str, unwanted: Callable[[Any], bool]) -> None:
    if field in document:
        document[field] = [item for item in document[field] if not unwanted(item)]
        if not document[field]:
            del document[field]


def _without_null_times(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_null_times(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without_null_times(item)
        for key, item in value.items()
        if key != "creationTimestamp" or item is not None
    }
