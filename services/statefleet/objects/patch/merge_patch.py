"""Apply JSON merge patches (RFC 7396). Pure: no I/O, clock or randomness."""

from __future__ import annotations

from typing import Any

from statefleet.errors import BadRequest, Internal
from statefleet.objects.nesting import TOO_DEEP, is_too_deep


def merge_patch(document: dict[str, Any], patch: Any) -> Any:
    """Return the document as the patch changes it: null deletes, objects are merged, all else replaces.

    Internal, as Kubernetes has it, where the patch is neither an object nor an array; BadRequest where it is nested
    too deep. An array takes the document's place, which no object's type then accepts.
    """
    if not isinstance(patch, dict | list):
        raise Internal("Invalid JSON Patch")
    if is_too_deep(patch):
        raise BadRequest(TOO_DEEP)
    return _merged(document, patch)


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged
