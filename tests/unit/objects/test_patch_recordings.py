"""Patches as Kubernetes applied them: each recorded outcome is ours too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.errors import BadRequest, FleetError
from statefleet.objects import codec
from statefleet.objects.defaults import apply_defaults
from statefleet.objects.patch import (
    json_patch,
    merge_patch,
    refused_change,
    refused_document,
    strategic_merge_patch,
)
from support.patch_recordings import BY_VALIDATION, PatchRecording, comparable, patch_recordings

CASES = patch_recordings()


def apply(case: PatchRecording) -> dict[str, Any]:
    """Patch the base, and return the object that the outcome stands for."""
    patched, refuse = PATCHES[case.content_type](case)
    try:
        message, complaints = codec.decode(StatefulSet, patched)
    except BadRequest as error:
        raise refuse(error.message) from None
    assert complaints == []
    apply_defaults(message)
    return codec.encode(message)


Outcome = tuple[Any, Callable[[str], FleetError]]


def apply_json(case: PatchRecording) -> Outcome:
    patched = json_patch(case.base, case.patch)
    return patched, lambda text: refused_document(patched, text)


def apply_merge(case: PatchRecording) -> Outcome:
    patched = merge_patch(case.base, case.patch)
    return patched, lambda text: refused_document(patched, text)


def apply_strategic(case: PatchRecording) -> Outcome:
    patched = strategic_merge_patch(StatefulSet, case.base, case.patch)
    return patched, lambda text: refused_change(case.patch, text)


PATCHES: dict[str, Callable[[PatchRecording], Outcome]] = {
    "application/json-patch+json": apply_json,
    "application/merge-patch+json": apply_merge,
    "application/strategic-merge-patch+json": apply_strategic,
}


@pytest.mark.parametrize("case", [case for case in CASES if case.status == 200], ids=lambda case: case.name)
def test_outcome_is_the_recorded_one(case: PatchRecording) -> None:
    base = orjson.dumps(case.base)
    assert comparable(apply(case)) == case.outcome
    assert orjson.dumps(case.base) == base, "the base has been changed"


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.status != 200 and case.name not in BY_VALIDATION],
    ids=lambda case: case.name,
)
def test_refusal_is_the_recorded_one(case: PatchRecording) -> None:
    with pytest.raises(FleetError) as caught:
        apply(case)
    refusal = caught.value
    assert refusal.http_code == case.response["code"]
    # Kubernetes 1.20 gave no reason for a fault of its own.
    assert refusal.reason == case.response.get("reason", "InternalError")
    recorded = case.response.get("details", {}).get("causes", [])
    causes = refusal.subject.causes if refusal.subject else ()
    assert [(cause.reason, cause.field) for cause in causes] == [(c["reason"], c["field"]) for c in recorded]
    if not recorded:
        # With causes the text quotes Go's decoder, and the object with all that its server made.
        assert refusal.message == case.response["message"]


@pytest.mark.parametrize("case", [case for case in CASES if case.name in BY_VALIDATION], ids=lambda case: case.name)
def test_patch_applies_where_only_validation_refuses(case: PatchRecording) -> None:
    assert comparable(apply(case)) != comparable(case.base)
    assert case.response["details"]["causes"], "the refusal names a field"


def test_every_kind_of_patch_is_recorded() -> None:
    assert {case.content_type for case in CASES} == set(PATCHES)
    assert {case.name for case in CASES} >= BY_VALIDATION.keys()
