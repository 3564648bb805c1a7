"""A revision's data and its name, to the byte what Kubernetes' clients expect. Pure.

`kubectl rollout undo` compares the data with what it makes itself of the set's template, and sends it as a strategic
merge patch of the set.
"""

from __future__ import annotations

from typing import Any

import orjson

from statefleet.api.core.v1.pod_pb2 import PodTemplateSpec
from statefleet.errors import FleetError
from statefleet.objects.codec import compact_json, decode, encode
from statefleet.objects.defaults.pods import default_pod_spec
from statefleet.runtime.rand import SAFE_ALPHABET

_FNV_OFFSET = 2166136261
_FNV_PRIME = 16777619
_32_BITS = 0xFFFFFFFF


def revision_data(template: PodTemplateSpec) -> bytes:
    """Return the patch that gives a set this template: compact JSON with sorted keys, escaped as Go does."""
    body: dict[str, Any] = {**encode(template), "$patch": "replace"}
    return compact_json({"spec": {"template": body}}, sort_keys=True)


def template_of(data: bytes) -> PodTemplateSpec | None:
    """Return the template that a revision's data gives, with today's defaults; None where it gives none."""
    try:
        body = dict(orjson.loads(data)["spec"]["template"])
        body.pop("$patch", None)
        template, _ = decode(PodTemplateSpec, body)
    except (ValueError, KeyError, TypeError, FleetError):
        return None
    default_pod_spec(template.spec)
    return template


def means(data: bytes, wanted: bytes) -> bool:
    """Return whether a revision's data gives the template that `wanted` does, though perhaps in other words.

    Older data may lack what has a default since, or say what is no longer said.
    """
    if data == wanted:
        return True
    template = template_of(data)
    return template is not None and revision_data(template) == wanted


def revision_hash(data: bytes, collision_count: int) -> str:
    """Return the hash in a revision's name: FNV-1 of 32 bits over the data and the decimal collision count."""
    number = _FNV_OFFSET
    for byte in data + str(collision_count).encode():
        number = number * _FNV_PRIME & _32_BITS ^ byte
    # As Kubernetes encodes it: each decimal digit by its character code.
    return "".join(SAFE_ALPHABET[ord(digit) % len(SAFE_ALPHABET)] for digit in str(number))
