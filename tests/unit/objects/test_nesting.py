"""What is nested beyond measure is refused before anything recurses into it."""

from __future__ import annotations

from typing import Any

import pytest

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.errors import BadRequest
from statefleet.objects import codec
from statefleet.objects.nesting import MAX_NESTING, is_too_deep
from statefleet.objects.patch import json_patch, merge_patch, strategic_merge_patch


def nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = {"a": value} if level % 2 else [value]
    return value


def test_bound() -> None:
    assert not is_too_deep(nested(0))
    assert not is_too_deep(nested(MAX_NESTING - 1))
    assert is_too_deep(nested(MAX_NESTING + 1))
    assert is_too_deep({"flat": 1, "deep": nested(MAX_NESTING)})


def test_deep_raw_json_within_the_bound_can_be_written() -> None:
    revision, _ = codec.decode(ControllerRevision, {"data": nested(MAX_NESTING - 1)})
    assert codec.decode(ControllerRevision, codec.encode(revision)) == (revision, [])


DEEP = nested(1000)


def test_decoding_refuses_it_with_its_path() -> None:
    with pytest.raises(BadRequest, match=r"^data: exceeded max depth$"):
        codec.decode(ControllerRevision, {"data": DEEP})


def test_patches_refuse_it() -> None:
    for apply in (
        lambda: merge_patch({}, {"data": DEEP}),
        lambda: strategic_merge_patch(ControllerRevision, {}, {"data": DEEP}),
        lambda: json_patch({}, [{"op": "add", "path": "/data", "value": DEEP}]),
    ):
        with pytest.raises(BadRequest, match=r"^exceeded max depth$"):
            apply()


def test_operations_cannot_pile_it_up() -> None:
    half = nested(MAX_NESTING - 10)
    pointer = "/data" + "".join("/a" if level % 2 else "/0" for level in reversed(range(MAX_NESTING - 10)))
    operations = [{"op": "add", "path": "/data", "value": half}, {"op": "replace", "path": pointer, "value": half}]
    with pytest.raises(BadRequest, match=r"^exceeded max depth$"):
        json_patch({}, operations)
