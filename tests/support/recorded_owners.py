"""The managedFields that a Kubernetes API server recorded, brought up to what the current version records.

Every difference between then and now is stated here. What a set of fields says beyond that is compared as it is.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from support.oracle_objects import Recording

Fields = dict[str, Any]

ATOMIC_SINCE = (
    "f:configMapKeyRef",
    "f:fieldRef",
    "f:nodeSelector",
    "f:resourceFieldRef",
    "f:secretKeyRef",
    "f:selector",
)
"""What had an owner for each part in 1.20 and has one in all now."""

_RETENTION: Fields = {"f:persistentVolumeClaimRetentionPolicy": {".": {}, "f:whenDeleted": {}, "f:whenScaled": {}}}
_NAME_LABEL: Fields = {"f:metadata": {"f:labels": {".": {}, "f:kubernetes.io/metadata.name": {}}}}


def owned(recording: Recording) -> Fields:
    """Return the fields that the one who created the recorded object owns."""
    (entry,) = recording.response["metadata"]["managedFields"]
    fields = _joined(deepcopy(entry["fieldsV1"]))
    # A status goes by a path of its own: who creates an object does not write it.
    fields.pop("f:status", None)
    _add_newer(recording, fields)
    return fields


def _joined(fields: Fields) -> Fields:
    return {step: {} if step in ATOMIC_SINCE else _joined(below) for step, below in fields.items()}


def _add_newer(recording: Recording, fields: Fields) -> None:
    """Add what has a default since, or here has one where Kubernetes' admission sets it for nobody."""
    kind, spec = recording.response["kind"], fields.get("f:spec", {})
    if kind == "StatefulSet":
        spec.update(deepcopy(_RETENTION))
    elif kind == "DaemonSet":
        spec["f:updateStrategy"]["f:rollingUpdate"]["f:maxSurge"] = {}
        # Counting templates is the server's business.
        annotations = fields["f:metadata"]["f:annotations"]
        assert annotations.pop("f:deprecated.daemonset.template.generation") == {}
        if set(annotations) == {"."}:
            del fields["f:metadata"]["f:annotations"]
        if not fields["f:metadata"]:
            del fields["f:metadata"]
    elif kind == "Service":
        spec["f:internalTrafficPolicy"] = {}
        if "f:clusterIP" in spec:
            spec["f:clusterIPs"] = {}
    elif kind == "Namespace":
        fields.update(deepcopy(_NAME_LABEL))
    elif kind == "Pod":
        spec.update({"f:preemptionPolicy": {}, "f:priority": {}})
