"""What differs between two revisions, field by field."""

from __future__ import annotations

from typing import Any

from statefleet.api.core.v1.pod_pb2 import PodTemplateSpec
from statefleet.objects.codec import decode
from statefleet.revisions.data import revision_data
from statefleet.revisions.difference import differences


def data(**body: Any) -> bytes:
    template, _ = decode(PodTemplateSpec, {"metadata": {"labels": {"app": "web"}}, **body})
    return revision_data(template)


def containers(*items: dict[str, Any]) -> bytes:
    return data(spec={"containers": list(items)})


def told(before: bytes, after: bytes) -> list[tuple[str, str, str]]:
    return [(change.path, change.before, change.after) for change in differences(before, after)]


def test_equal_revisions_do_not_differ() -> None:
    assert told(containers({"name": "a", "image": "x:1"}), containers({"name": "a", "image": "x:1"})) == []


def test_what_is_said_by_default_does_not_differ() -> None:
    spoken = b'{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"x:1"}]}}}}'
    defaulted = b'{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"x:1"}],"restartPolicy":"Always"}}}}'
    assert told(spoken, defaulted) == []


def test_an_item_is_named_by_its_key() -> None:
    before = containers({"name": "web", "image": "x:1"}, {"name": "side", "image": "y:1"})
    after = containers({"name": "web", "image": "x:2"}, {"name": "side", "image": "y:1"})
    assert told(before, after) == [("spec.template.spec.containers[name=web].image", '"x:1"', '"x:2"')]


def test_items_come_go_and_change_places() -> None:
    before = containers({"name": "a", "image": "x"}, {"name": "b", "image": "x"})
    path = "spec.template.spec.containers"
    after = containers({"name": "b", "image": "x"}, {"name": "a", "image": "x"})
    assert told(before, after) == [(f"{path}[order]", '["name=a","name=b"]', '["name=b","name=a"]')]
    gone = told(before, containers({"name": "a", "image": "x"}))
    assert [(path, bool(was), will) for path, was, will in gone] == [(f"{path}[name=b]", True, "")]


def test_environment_is_found_by_name_and_plain_lists_by_index() -> None:
    before = containers({"name": "a", "image": "x:1", "args": ["one", "two"]})
    after = containers({"name": "a", "image": "x:1", "args": ["one", "three"], "env": [{"name": "K", "value": "v"}]})
    path = "spec.template.spec.containers[name=a]"
    assert told(before, after) == [
        (f"{path}.args[1]", '"two"', '"three"'),
        (f"{path}.env", "", '[{"name":"K","value":"v"}]'),
    ]


def test_keys_of_maps_that_are_no_words_are_quoted() -> None:
    before = data(metadata={"labels": {"app": "web"}}, spec={"containers": [{"name": "a", "image": "x:1"}]})
    after = data(
        metadata={"labels": {"app": "web"}, "annotations": {"kubectl.kubernetes.io/restartedAt": "now"}},
        spec={"containers": [{"name": "a", "image": "x:1"}]},
    )
    assert told(before, after) == [
        ("spec.template.metadata.annotations", "", '{"kubectl.kubernetes.io/restartedAt":"now"}')
    ]
    again = after.replace(b"now", b"later")
    assert told(after, again) == [
        ('spec.template.metadata.annotations["kubectl.kubernetes.io/restartedAt"]', '"now"', '"later"')
    ]


def test_what_gives_no_template_is_compared_as_it_stands() -> None:
    assert told(b'{"spec":{"template":{"spec":4}}}', b'{"spec":{"template":{"spec":5}}}') == [
        ("spec.template.spec", "4", "5")
    ]
    assert told(b"", b"[]") == []
