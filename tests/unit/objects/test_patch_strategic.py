"""Strategic merge patches: merge keys, directives and order, beyond what was recorded."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.core.v1.config_pb2 import ConfigMap
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.policy.v1.policy_pb2 import PodDisruptionBudget
from statefleet.errors import BadRequest, Internal
from statefleet.objects.patch import strategic_merge_patch


def pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": spec}


def patched(document: dict[str, Any], **spec: Any) -> Any:
    """Return the spec of a pod after a patch of it; the inputs must stay as they were."""
    before, patch = deepcopy(document), {"spec": spec}
    patch_before = deepcopy(patch)
    outcome = strategic_merge_patch(Pod, document, patch)
    assert (document, patch) == (before, patch_before)
    return outcome["spec"]


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item["name"] for item in items]


TWO = pod(containers=[{"name": "a", "image": "1"}, {"name": "b", "image": "2", "env": [{"name": "X", "value": "1"}]}])


class TestObjects:
    def test_are_merged_and_null_deletes(self) -> None:
        document = pod(securityContext={"runAsUser": 1, "fsGroup": 2}, hostname="h")
        spec = patched(document, securityContext={"runAsUser": None, "runAsGroup": 3}, hostname=None)
        assert spec == {"securityContext": {"fsGroup": 2, "runAsGroup": 3}}

    def test_new_ones_lose_their_nulls(self) -> None:
        assert patched(pod(), affinity={"nodeAffinity": None, "podAffinity": {}}) == {"affinity": {"podAffinity": {}}}

    def test_replace_takes_the_patch_alone(self) -> None:
        document = pod(securityContext={"runAsUser": 1})
        replaced = patched(document, securityContext={"$patch": "replace", "fsGroup": 2})
        assert replaced == {"securityContext": {"fsGroup": 2}}

    def test_delete_leaves_nothing(self) -> None:
        assert patched(pod(affinity={"podAffinity": {}}), affinity={"$patch": "delete"}) == {"affinity": {}}
        assert patched(pod(), affinity={"$patch": "delete"}) == {}

    def test_replace_of_the_whole_document(self) -> None:
        assert strategic_merge_patch(Pod, TWO, {"$patch": "replace", "spec": {}}) == {"spec": {}}

    def test_field_whose_strategy_is_replace(self) -> None:
        document = {"spec": {"selector": {"matchLabels": {"a": "1"}}}}
        patch = {"spec": {"selector": {"matchLabels": {"b": "2"}}}}
        assert strategic_merge_patch(PodDisruptionBudget, document, patch) == patch

    def test_retained_keys_drop_the_others(self) -> None:
        document = pod(volumes=[{"name": "v", "emptyDir": {}}])
        volume = {"$retainKeys": ["name", "hostPath"], "name": "v", "hostPath": {"path": "/x"}}
        assert patched(document, volumes=[volume])["volumes"] == [{"name": "v", "hostPath": {"path": "/x"}}]

    def test_maps_and_raw_json_have_no_schema(self) -> None:
        document = {"data": {"a": "1", "b": "2"}}
        assert strategic_merge_patch(ConfigMap, document, {"data": {"a": None, "c": "3"}}) == {
            "data": {"b": "2", "c": "3"}
        }
        revision = {"data": {"spec": {"list": [{"name": "a"}]}}}
        assert strategic_merge_patch(ControllerRevision, revision, {"data": {"spec": {"list": [{"name": "b"}]}}}) == {
            "data": {"spec": {"list": [{"name": "b"}]}}
        }

    def test_no_patch_changes_nothing(self) -> None:
        assert strategic_merge_patch(Pod, TWO, None) == strategic_merge_patch(Pod, TWO, {}) == TWO

    def test_other_type_takes_the_place(self) -> None:
        assert patched(pod(hostname="h", containers=[]), hostname={"a": 1}, containers="x") == {
            "hostname": {"a": 1},
            "containers": "x",
        }


class TestListsOfObjects:
    def test_are_merged_by_key_at_any_depth(self) -> None:
        spec = patched(TWO, containers=[{"name": "b", "env": [{"name": "Y", "value": "2"}]}])
        assert spec["containers"] == [
            {"name": "a", "image": "1"},
            {"name": "b", "image": "2", "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}]},
        ]

    def test_new_list_loses_directives_and_nulls(self) -> None:
        spec = patched(pod(), containers=[{"name": "a", "image": None}, {"$patch": "delete", "name": "b"}])
        assert spec["containers"] == [{"name": "a"}]

    def test_delete_takes_an_item_out(self) -> None:
        assert names(patched(TWO, containers=[{"$patch": "delete", "name": "a"}])["containers"]) == ["b"]
        assert names(patched(TWO, containers=[{"$patch": "delete", "name": "z"}])["containers"]) == ["a", "b"]

    def test_replace_takes_the_patch_alone(self) -> None:
        assert patched(TWO, containers=[{"$patch": "replace"}, {"name": "z"}])["containers"] == [{"name": "z"}]
        assert patched(TWO, containers=[{"$patch": "replace"}])["containers"] == []

    def test_without_merge_key_in_the_schema_are_replaced(self) -> None:
        document = pod(tolerations=[{"key": "a"}], readinessGates=[{"conditionType": "x"}])
        assert patched(document, tolerations=[{"key": "b"}])["tolerations"] == [{"key": "b"}]

    def test_empty_patch_list_changes_nothing(self) -> None:
        assert patched(TWO, containers=[]) == TWO["spec"]

    def test_null_deletes_the_list(self) -> None:
        assert patched(TWO, containers=None) == {}

    def test_items_of_the_patch_come_in_its_order(self) -> None:
        document = pod(containers=[{"name": name} for name in "abcd"])
        assert names(patched(document, containers=[{"name": "d"}, {"name": "b"}])["containers"]) == [
            "a",
            "c",
            "d",
            "b",
        ]

    def test_new_items_come_first(self) -> None:
        document = pod(containers=[{"name": "a"}])
        assert names(patched(document, containers=[{"name": "z"}])["containers"]) == ["z", "a"]


class TestOrder:
    def test_is_set_for_items_of_the_list_and_the_patch(self) -> None:
        order = {"$setElementOrder/containers": [{"name": "b"}, {"name": "z"}, {"name": "a"}]}
        assert names(patched(TWO, containers=[{"name": "z"}], **order)["containers"]) == ["b", "z", "a"]

    def test_can_be_set_alone(self) -> None:
        order = {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}
        assert names(patched(TWO, **order)["containers"]) == ["b", "a"]

    def test_leaves_items_that_it_does_not_name_near_their_place(self) -> None:
        document = pod(containers=[{"name": name} for name in "axbyc"])
        order = {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}, {"name": "c"}]}
        assert names(patched(document, **order)["containers"]) == ["x", "b", "a", "y", "c"]

    def test_goes_with_deletion(self) -> None:
        order = {"$setElementOrder/containers": [{"name": "b"}]}
        assert names(patched(TWO, containers=[{"$patch": "delete", "name": "a"}], **order)["containers"]) == ["b"]

    def test_of_an_absent_list_is_nothing(self) -> None:
        assert patched(pod(), **{"$setElementOrder/containers": [{"name": "b"}]}) == {}

    def test_must_fit_the_patch(self) -> None:
        order = {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}
        with pytest.raises(Internal, match=r"^The order in patch list:"):
            patched(TWO, containers=[{"name": "a"}, {"name": "b"}], **order)


class TestListsOfScalars:
    def finalizers(self, **meta: Any) -> Any:
        document = {"metadata": {"finalizers": ["a", "b"]}}
        return strategic_merge_patch(Pod, document, {"metadata": meta})["metadata"]["finalizers"]

    def test_are_joined(self) -> None:
        assert self.finalizers(finalizers=["c", "a"]) == ["c", "a", "b"]

    def test_lose_what_is_deleted(self) -> None:
        assert self.finalizers(**{"$deleteFromPrimitiveList/finalizers": ["a", "z"]}) == ["b"]

    def test_are_ordered(self) -> None:
        assert self.finalizers(finalizers=["c"], **{"$setElementOrder/finalizers": ["b", "c", "a"]}) == [
            "b",
            "c",
            "a",
        ]

    def test_all_directives_at_once(self) -> None:
        assert self.finalizers(
            **{
                "$deleteFromPrimitiveList/finalizers": ["a"],
                "$setElementOrder/finalizers": ["c", "b"],
                "finalizers": ["c"],
            }
        ) == ["c", "b"]

    def test_of_other_strategy_are_replaced(self) -> None:
        document = pod(containers=[{"name": "a", "args": ["x"]}])
        assert patched(document, containers=[{"name": "a", "args": ["y"]}])["containers"][0]["args"] == ["y"]


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        (
            {"containers": [{"image": "x"}]},
            Internal,
            "map: map[image:x] does not contain declared merge key: name",
        ),
        (
            {"containers": [{"$patch": "delete"}]},
            Internal,
            "map: map[$patch:delete] does not contain declared merge key: name",
        ),
        (
            {"containers": [{"$patch": "frob", "name": "a"}]},
            Internal,
            "unknown patch type: frob in map: map[$patch:frob name:a]",
        ),
        ({"affinity": {"$patch": "frob"}}, Internal, "unknown patch type: frob in map: map[$patch:frob]"),
        (
            {"containers": [{"$patch": "merge", "name": "a"}]},
            Internal,
            "merging lists cannot yet be specified in the patch",
        ),
        ({"containers": [{"name": {}}]}, Internal, "map[] cannot name an item of a list"),
        ({"containers": ["x"]}, Internal, "list element types are not identical: containers has x"),
        ({"$setElementOrder/containers": "a"}, BadRequest, "invalid patch format of setElementOrder list"),
        ({"$setElementOrder": []}, BadRequest, "invalid patch format of setElementOrder list"),
        ({"$deleteFromPrimitiveList": []}, BadRequest, "invalid patch format of primitive list"),
        ({"$deleteFromPrimitiveList/containers": 1}, BadRequest, "invalid patch format of primitive list"),
        ({"$retainKeys": "a"}, BadRequest, "invalid patch format of retainKeys"),
        ({"$retainKeys": ["a"], "hostname": "b"}, BadRequest, "invalid patch format of retainKeys"),
    ],
)
def test_malformed_patch_is_refused(spec: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        patched(TWO, **spec)
    assert str(caught.value) == message


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"^invalid JSON document$"):
        strategic_merge_patch(StatefulSet, {}, [])


NAMED = st.lists(st.sampled_from("abcdef"), unique=True).map(lambda chosen: [{"name": name} for name in chosen])


@settings(max_examples=200, deadline=None, database=None)
@given(NAMED, NAMED)
def test_merged_list_has_every_item_once_and_keeps_both_orders(before: Any, changes: Any) -> None:
    merged = names(patched(pod(containers=before), containers=changes).get("containers", []))
    assert sorted(merged) == sorted({*names(before), *names(changes)})
    assert [name for name in merged if name in names(changes)] == names(changes)
    others = [name for name in names(before) if name not in names(changes)]
    assert [name for name in merged if name in others] == others
