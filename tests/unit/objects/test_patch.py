"""JSON patches and merge patches, beyond what was recorded."""

from __future__ import annotations

from typing import Any

import pytest

from statefleet.errors import BadRequest, Internal, Invalid, TooLarge
from statefleet.objects.patch import json_patch, merge_patch, refused_change, refused_document

DOCUMENT: dict[str, Any] = {"a": {"b": [1, 2, 3], "x/y~z": 0}, "t": True, "n": None}


def patched(**operation: Any) -> Any:
    if "from_" in operation:
        operation["from"] = operation.pop("from_")
    return json_patch(DOCUMENT, [operation])


@pytest.mark.parametrize(
    ("operation", "numbers"),
    [
        ({"op": "add", "path": "/a/b/0", "value": 0}, [0, 1, 2, 3]),
        ({"op": "add", "path": "/a/b/3", "value": 4}, [1, 2, 3, 4]),
        ({"op": "add", "path": "/a/b/-", "value": 4}, [1, 2, 3, 4]),
        ({"op": "add", "path": "/a/b/-1", "value": 4}, [1, 2, 3, 4]),
        ({"op": "remove", "path": "/a/b/1"}, [1, 3]),
        ({"op": "remove", "path": "/a/b/-1"}, [1, 2]),
        ({"op": "replace", "path": "/a/b/2", "value": 9}, [1, 2, 9]),
        ({"op": "move", "from_": "/a/b/0", "path": "/a/b/2"}, [2, 3, 1]),
        ({"op": "copy", "from_": "/a/b/0", "path": "/a/b/-"}, [1, 2, 3, 1]),
        ({"op": "replace", "path": "/a/b"}, None),
    ],
)
def test_lists(operation: dict[str, Any], numbers: Any) -> None:
    assert patched(**operation)["a"]["b"] == numbers


@pytest.mark.surface("requests.patch-json")
def test_keys_are_escaped() -> None:
    assert patched(op="replace", path="/a/x~1y~0z", value=1)["a"]["x/y~z"] == 1


def test_whole_document() -> None:
    assert patched(op="replace", path="", value={"c": 1}) == {"c": 1}
    assert patched(op="test", path="", value=DOCUMENT) == DOCUMENT


def test_copies_are_independent() -> None:
    operations = [
        {"op": "copy", "from": "/a/b", "path": "/c"},
        {"op": "add", "path": "/c/-", "value": 4},
    ]
    outcome = json_patch(DOCUMENT, operations)
    assert (outcome["a"]["b"], outcome["c"]) == ([1, 2, 3], [1, 2, 3, 4])
    assert DOCUMENT["a"] == {"b": [1, 2, 3], "x/y~z": 0}


def test_value_of_the_patch_is_not_shared() -> None:
    patch: list[dict[str, Any]] = [
        {"op": "add", "path": "/c", "value": []},
        {"op": "add", "path": "/c/-", "value": 1},
    ]
    assert json_patch({}, patch) == {"c": [1]}
    assert patch[0]["value"] == []


@pytest.mark.parametrize("value", [True, {"b": [1, 2, 3], "x/y~z": 0}])
def test_tests_that_hold(value: Any) -> None:
    assert patched(op="test", path="/t" if value is True else "/a", value=value) == DOCUMENT


def test_absent_key_is_null_to_a_test() -> None:
    assert patched(op="test", path="/nope", value=None) == DOCUMENT


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/t", "value": 1},
        {"op": "test", "path": "/a/b", "value": [1, 2]},
        {"op": "test", "path": "/a/b/7", "value": None},
        {"op": "add", "path": "/a/b/4", "value": 0},
        {"op": "add", "path": "/a/b/-5", "value": 0},
        {"op": "add", "path": "/a/b/x", "value": 0},
        {"op": "add", "path": "/nope/b", "value": 0},
        {"op": "add", "path": "/t/b", "value": 0},
        {"op": "add", "path": "a", "value": 0},
        {"op": "remove", "path": "/a/b/-"},
        {"op": "remove", "path": "/nope"},
        {"op": "remove", "path": ""},
        {"op": "replace", "path": "/a/nope", "value": 0},
        {"op": "move", "from_": "/nope", "path": "/a"},
        {"op": "move", "from_": "/a", "path": "/a/b/0"},
        {"op": "copy", "path": "/a"},
        {"op": "frob", "path": "/a"},
        {"op": ["add"], "path": "/a"},
        {"path": "/a"},
        {"op": "add", "path": 5},
        {"op": "remove"},
    ],
)
def test_what_does_not_apply_is_unprocessable(operation: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        patched(**operation)
    assert caught.value.message == "the server rejected our request due to an error in our request"


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({}, "json: cannot unmarshal object into Go value of type jsonpatch.Patch"),
        ("x", "json: cannot unmarshal string into Go value of type jsonpatch.Patch"),
        ([1], "json: cannot unmarshal number into Go value of type jsonpatch.Operation"),
        ([{}, []], "json: cannot unmarshal array into Go value of type jsonpatch.Operation"),
    ],
)
def test_what_is_no_json_patch(patch: Any, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        json_patch(DOCUMENT, patch)
    assert caught.value.message == message


def test_no_operations_change_nothing() -> None:
    assert json_patch(DOCUMENT, None) == json_patch(DOCUMENT, []) == DOCUMENT


def test_operations_are_bounded() -> None:
    with pytest.raises(TooLarge, match="maximum operations in a JSON patch is 10000, got 10001"):
        json_patch({}, [{"op": "test", "path": "", "value": {}}] * 10001)


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        # The examples of RFC 7396, appendix A, that objects can have.
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": "foo"}, {"a": {"b": 1, "c": None}}, {"a": {"b": 1}}),
        ({"a": 1}, ["c"], ["c"]),
    ],
)
def test_merge_patch(target: Any, patch: Any, merged: Any) -> None:
    assert merge_patch(target, patch) == merged


@pytest.mark.parametrize("patch", [None, 5, "x", True])
def test_what_is_no_merge_patch(patch: Any) -> None:
    with pytest.raises(Internal, match=r"^Invalid JSON Patch$"):
        merge_patch({}, patch)


def test_merge_patch_leaves_its_inputs() -> None:
    target, patch = {"a": {"b": 1}}, {"a": {"b": None, "c": 2}}
    assert merge_patch(target, patch) == {"a": {"c": 2}}
    assert (target, patch) == ({"a": {"b": 1}}, {"a": {"b": None, "c": 2}})


def test_refusals_show_the_document_as_json_and_the_change_as_go_prints_it() -> None:
    document = refused_document({"spec": {"replicas": "x"}}, "no number")
    assert document.message == (
        ' "" is invalid: patch: Invalid value: "{\\"spec\\":{\\"replicas\\":\\"x\\"}}": no number'
    )
    change = refused_change({"spec": {"b": [1, True], "a": None, "c": 1.5}}, "no number")
    assert change.message == (
        ' "" is invalid: patch: Invalid value: "map[spec:map[a:<nil> b:[1 true] c:1.5]]": no number'
    )
    assert change.subject is not None
    assert [(cause.reason, cause.field) for cause in change.subject.causes] == [("FieldValueInvalid", "patch")]
