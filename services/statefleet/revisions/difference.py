"""Say which fields of the template differ between two revisions. Pure."""

from __future__ import annotations

from typing import Any, Final

import orjson

from statefleet.api.core.v1.pod_pb2 import PodTemplateSpec
from statefleet.api.revisions.v1.revision_history_pb2 import FieldChange
from statefleet.objects.codec import encode
from statefleet.objects.difference import differing
from statefleet.revisions.data import template_of

_TEMPLATE: Final = ("spec", "template")


def differences(before: bytes, after: bytes) -> list[FieldChange]:
    """Return the fields that differ between the data of two revisions, by path. Nothing where both mean the same."""
    found = differing(".".join(_TEMPLATE), _body(before), _body(after), PodTemplateSpec.DESCRIPTOR)
    return [FieldChange(path=each.path, before=each.before, after=each.after) for each in sorted(found)]


def _body(data: bytes) -> dict[str, Any]:
    """Return the template that a revision's data gives, as JSON with defaults; as it stands where it gives none."""
    template = template_of(data)
    if template is not None:
        return encode(template)
    try:
        body: Any = orjson.loads(data)
        for key in _TEMPLATE:
            body = body[key]
    except (ValueError, KeyError, TypeError):
        return {}
    return body if isinstance(body, dict) else {}
