"""What every object says of itself: names, labels, annotations, owners, finalizers."""

from __future__ import annotations

from typing import Any

import pytest

from statefleet.api.core.v1.config_pb2 import ConfigMap
from statefleet.objects.validation import validate_create, validate_update
from support.judging import a_document, changed, judged, judged_update, ready, set_document

CONFIG = a_document("ConfigMap")
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
OWNER = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "1"}


def of_metadata(**fields: Any) -> list[str]:
    return judged({"kind": "ConfigMap", "metadata": {"name": "x", **fields}})


def test_a_name_or_its_beginning_is_required() -> None:
    assert of_metadata(name="") == ["metadata.name: Required value: name or generateName is required"]
    assert of_metadata(name="", generateName="web-") == [
        "metadata.name: Required value: name or generateName is required"
    ]


def test_the_beginning_of_a_name_may_end_with_a_dash() -> None:
    assert of_metadata(generateName="web-") == []
    assert of_metadata(generateName="Web-") == [f'metadata.generateName: Invalid value: "Web-": {SUBDOMAIN}']


def test_a_namespace_is_a_label_and_required() -> None:
    assert [cause.field for cause in validate_create(ConfigMap())] == ["metadata.name", "metadata.namespace"]
    assert of_metadata(namespace="A")[0].startswith(
        'metadata.namespace: Invalid value: "A": a lowercase RFC 1123 label'
    )


def test_objects_of_the_fleet_have_no_namespace() -> None:
    assert judged({"kind": "Namespace", "metadata": {"name": "x", "namespace": "y"}}) == [
        "metadata.namespace: Forbidden: not allowed on this type"
    ]


@pytest.mark.parametrize(
    ("labels", "causes"),
    [
        ({"app": "web", "example.com/tier": "", "a": "A_b.c-1"}, 0),
        ({"a/b/c": "x"}, 1),
        ({"/b": "x"}, 1),
        ({"a" * 64: "x"}, 1),
        ({"a": "x" * 64}, 1),
        ({"a b": "-"}, 2),
    ],
)
def test_labels(labels: dict[str, str], causes: int) -> None:
    found = of_metadata(labels=labels)

    assert len(found) == causes
    assert all(text.startswith("metadata.labels: Invalid value: ") for text in found)


def test_keys_of_annotations_may_have_capitals_and_their_size_is_bounded() -> None:
    assert of_metadata(annotations={"Example.COM/Key": "any text: {}"}) == []
    assert of_metadata(annotations={"a b": ""})[0].startswith('metadata.annotations: Invalid value: "a b": name part')
    assert of_metadata(annotations={"a": "x" * 262143}) == []
    assert of_metadata(annotations={"a": "é" * 131072}) == [
        "metadata.annotations: Too long: must have at most 262144 bytes"
    ]


def test_owners_are_whole() -> None:
    assert of_metadata(ownerReferences=[OWNER]) == []
    assert of_metadata(ownerReferences=[{"apiVersion": "apps/", "kind": "", "name": "", "uid": ""}]) == [
        'metadata.ownerReferences.apiVersion: Invalid value: "apps/": version must not be empty',
        'metadata.ownerReferences.kind: Invalid value: "": must not be empty',
        'metadata.ownerReferences.name: Invalid value: "": must not be empty',
        'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
    ]
    (found,) = of_metadata(ownerReferences=[{**OWNER, "apiVersion": "v1", "kind": "Event"}])
    assert found.endswith("/v1, Kind=Event is disallowed from being an owner")


def test_one_owner_controls() -> None:
    controllers = [{**OWNER, "controller": True}, {**OWNER, "name": "db", "controller": True}]

    (found,) = of_metadata(ownerReferences=controllers)

    assert found.endswith(
        'Only one reference can have Controller set to true. Found "true" in references for StatefulSet/web and '
        "StatefulSet/db"
    )


def test_finalizers_are_standard_or_qualified() -> None:
    assert of_metadata(finalizers=["orphan", "example.com/keep"]) == []
    assert of_metadata(finalizers=["keep"]) == [
        (
            'metadata.finalizers[0]: Invalid value: "keep": name is neither a standard finalizer name nor is '
            "it fully qualified"
        )
    ]
    assert of_metadata(finalizers=["orphan", "foregroundDeletion"]) == [
        (
            'metadata.finalizers: Invalid value: []string{"orphan", "foregroundDeletion"}: finalizer orphan and '
            "foregroundDeletion cannot be both set"
        )
    ]


def test_managed_fields() -> None:
    assert of_metadata(managedFields=[{"manager": "kubectl", "operation": "Update", "fieldsType": "FieldsV1"}]) == []
    assert of_metadata(managedFields=[{"manager": "m" * 129, "operation": "Guess", "fieldsType": "X"}]) == [
        'metadata.managedFields[0].operation: Invalid value: "Guess": must be `Apply` or `Update`',
        'metadata.managedFields[0].fieldsType: Invalid value: "X": must be `FieldsV1`',
        "metadata.managedFields[0].manager: Too long: must have at most 128 bytes",
    ]


def test_what_the_server_sets_may_be_left_out_but_not_changed() -> None:
    old = changed(changed(CONFIG, "metadata.uid", "1"), "metadata.creationTimestamp", "2026-01-01T00:00:00Z")

    assert judged_update(CONFIG, old) == []
    assert judged_update(changed(old, "metadata.uid", "2"), old) == [
        'metadata.uid: Invalid value: "2": field is immutable'
    ]
    (found,) = judged_update(changed(old, "metadata.creationTimestamp", "2026-01-02T00:00:00Z"), old)
    assert found.startswith("metadata.creationTimestamp: Invalid value: ")
    assert found.endswith(": field is immutable")


def test_an_object_that_goes_gets_no_finalizers() -> None:
    old = changed(CONFIG, "metadata.deletionTimestamp", "2026-01-01T00:00:00Z")

    assert judged_update(changed(old, "metadata.finalizers", ["a.example/b"]), old) == [
        (
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, "
            "found new "
            'finalizers []string{"a.example/b"}'
        )
    ]


def test_a_generation_never_falls() -> None:
    new, old = ready(CONFIG), ready(CONFIG)
    old.metadata.generation = 3
    new.metadata.generation = 2

    assert [cause.message for cause in validate_update(new, old)] == ["Invalid value: 2: must not be decremented"]


@pytest.mark.parametrize(
    ("kind", "name", "refused"),
    [
        ("Service", "a.b", True),
        ("Service", "web-1", False),
        ("Namespace", "a.b", True),
        ("ConfigMap", "a.b", False),
        ("ConfigMap", "a" * 254, True),
        ("PodDisruptionBudget", "A", True),
    ],
)
def test_each_kind_has_its_names(kind: str, name: str, refused: bool) -> None:
    document: dict[str, Any] = {"kind": kind, "metadata": {"name": name}}
    if kind == "Service":
        document["spec"] = {"clusterIP": "None"}

    assert bool(judged(document)) is refused


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("web", ""),
        ("w" * 52, ""),
        ("w" * 53, "must be no more than 52 characters"),
        ("a.b", "a lowercase RFC 1123 label"),
        ("w" * 254, "must be no more than 253 characters"),
    ],
)
def test_the_pods_of_a_set_have_room_for_its_name(name: str, detail: str) -> None:
    found = judged(changed(set_document(), "metadata.name", name))

    assert len(found) == bool(detail)
    assert all(f'metadata.name: Invalid value: "{name}": {detail}' in text for text in found)


def test_values_are_quoted() -> None:
    (found, *_) = of_metadata(labels={"a": 'quote"\\\n\x01é\u200b'})

    assert 'Invalid value: "quote\\"\\\\\\n\\x01é\\u200b": ' in found
