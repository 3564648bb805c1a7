"""Patches recorded from Kubernetes 1.20: the object before, the request and the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.oracle_objects import RECORDINGS, Recording, defaulted, without_additions

BY_VALIDATION = {"052": "volumeClaimTemplates are immutable"}
"""Patches that apply, and whose outcome validation then refuses."""


@dataclass(frozen=True)
class PatchRecording:
    """A patch of an object and the answer to it."""

    name: str
    base: dict[str, Any]
    patch: Any
    content_type: str
    status: int
    response: dict[str, Any]

    @property
    def outcome(self) -> dict[str, Any]:
        """The patched object as it would be today, without what servers and controllers add."""
        return comparable(defaulted(Recording(self.name, self.patch, self.response, "")))


def patch_recordings() -> list[PatchRecording]:
    """Return the recorded patches by name."""
    return [_read(path) for path in sorted((RECORDINGS / "patches").glob("*.json"))]


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    """Return an object without what servers add and without its status, which controllers wrote meanwhile."""
    return {key: value for key, value in without_additions(document).items() if key != "status"}


def _read(path: Path) -> PatchRecording:
    case = json.loads(path.read_bytes())
    body = case["request"]["body"]
    return PatchRecording(
        name=path.stem,
        base=case["base"],
        # A body that is neither an object nor an array was recorded as its text.
        patch=json.loads(body) if isinstance(body, str) else body,
        content_type=case["request"]["content_type"],
        status=case["status"],
        response=case["response"],
    )
