"""Change JSON documents by patches: JSON patch, merge patch and strategic merge patch. Pure: no I/O or clock.

Each returns a new document that may share parts with its inputs, which stay untouched. Errors have the codes and
texts of Kubernetes. Where a patch makes a document that its type cannot take, decoding tells; `refused_document` and
`refused_change` compose the error from what it told.
"""

from __future__ import annotations

from statefleet.objects.patch.json_patch import json_patch
from statefleet.objects.patch.merge_patch import merge_patch
from statefleet.objects.patch.refusals import refused_change, refused_document
from statefleet.objects.patch.strategic import strategic_merge_patch

__all__ = ["json_patch", "merge_patch", "refused_change", "refused_document", "strategic_merge_patch"]
