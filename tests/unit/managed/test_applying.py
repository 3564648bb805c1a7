"""Applying configurations."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from statefleet.errors import BadRequest, Conflict
from statefleet.objects.kinds import CONFIG_MAP, POD, SERVICE, STATEFUL_SET
from statefleet.objects.meta import LAST_APPLIED_ANNOTATION
from support.appliers import SECOND, Owned


@pytest.fixture
def settings() -> Owned:
    return Owned(CONFIG_MAP)


def data(**values: str) -> dict[str, Any]:
    return {"data": values}


def containers(*items: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"containers": list(items)}}


def test_the_applier_owns_what_it_names(settings: Owned) -> None:
    settings.apply("one", data(a="1") | {"metadata": {"labels": {"l": "x"}, "finalizers": ["example.com/f"]}})
    assert settings.owners() == {
        "one": {
            "f:data": {"f:a": {}},
            "f:metadata": {"f:labels": {"f:l": {}}, "f:finalizers": {'v:"example.com/f"': {}}},
        }
    }
    assert settings.document["data"] == {"a": "1"}


def test_to_apply_again_is_to_change_nothing(settings: Owned) -> None:
    settings.apply("one", data(a="1"))
    before = (settings.document, settings.entries)
    settings.apply("one", data(a="1"))
    assert (settings.document, settings.entries) == before
    assert settings.times() == {"one": SECOND}


def test_the_time_is_that_of_the_last_change(settings: Owned) -> None:
    settings.apply("one", data(a="1"))
    settings.apply("two", data(b="1"))
    settings.apply("one", data(a="2"))
    assert settings.times() == {"one": 3 * SECOND, "two": 2 * SECOND}


def test_what_it_names_no_more_goes(settings: Owned) -> None:
    settings.apply("one", data(a="1", b="2"))
    settings.apply("one", data(b="2"))
    assert settings.document["data"] == {"b": "2"}
    assert settings.owners() == {"one": {"f:data": {"f:b": {}}}}


def test_what_others_own_too_stays(settings: Owned) -> None:
    settings.apply("one", data(a="1", b="2"))
    settings.apply("two", data(a="1"))
    settings.apply("one", {})
    assert settings.document["data"] == {"a": "1"}
    assert settings.owners() == {"two": {"f:data": {"f:a": {}}}}


def test_what_the_system_wrote_beside_it_stays(settings: Owned) -> None:
    settings.apply("one", {"metadata": {"labels": {"l": "x"}, "finalizers": ["example.com/mine"]}})
    settings.message.metadata.labels["system"] = "yes"
    settings.message.metadata.finalizers.append("example.com/system")
    settings.apply("one", {})
    kept = settings.message.metadata
    assert (dict(kept.labels), list(kept.finalizers)) == ({"system": "yes"}, ["example.com/system"])


def test_what_the_system_says_of_itself_stays() -> None:
    pod = Owned(POD)
    pod.apply("one", containers({"name": "a"}))
    pod.apply("two", {"status": {"conditions": [{"type": "Mine", "status": "True"}]}}, subresource="status")
    pod.message.status.phase = "Running"
    pod.message.status.conditions.add(type="Ready", status="True")
    pod.apply("two", {}, subresource="status")
    assert pod.message.status.phase == "Running"
    assert [condition.type for condition in pod.message.status.conditions] == ["Ready"]


def test_null_takes_a_field_away_and_owns_its_absence(settings: Owned) -> None:
    settings.apply("one", {"immutable": True})
    settings.apply("one", {"immutable": None})
    assert not settings.message.HasField("immutable")
    assert settings.owners() == {"one": {"f:immutable": {}}}


def test_one_conflict(settings: Owned) -> None:
    settings.update("kubectl-client-side-apply", data(a="1"))
    with pytest.raises(Conflict) as refused:
        settings.apply("two", data(a="2"))
    text = 'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using v1: .data.a'
    assert refused.value.message == text
    assert refused.value.subject is not None
    (cause,) = refused.value.subject.causes
    assert (cause.reason, cause.message, cause.field) == (
        "FieldManagerConflict",
        'conflict with "kubectl-client-side-apply" using v1',
        ".data.a",
    )


def test_many_conflicts(settings: Owned) -> None:
    settings.apply("one", data(a="1", b="1", c="1"))
    settings.update("two", data(a="1", b="1", c="2"))
    with pytest.raises(Conflict) as refused:
        settings.apply("three", data(a="2", b="2", c="3"))
    assert refused.value.message == (
        'Apply failed with 3 conflicts: conflicts with "one":\n- .data.a\n- .data.b\n'
        'conflicts with "two" using v1:\n- .data.c'
    )


def test_force_takes_over(settings: Owned) -> None:
    settings.apply("one", data(a="1", b="1"))
    settings.apply("two", data(a="2"), force=True)
    assert settings.document["data"] == {"a": "2", "b": "1"}
    assert settings.owners() == {"one": {"f:data": {"f:b": {}}}, "two": {"f:data": {"f:a": {}}}}
    settings.apply("two", data(a="2", b="2"), force=True)
    assert list(settings.owners()) == ["two"]


def test_an_object_that_nobody_is_known_to_have_written(settings: Owned) -> None:
    settings.update("someone", data(a="1"))
    settings.entries = {}
    with pytest.raises(Conflict, match=r'conflict with "before-first-apply" using v1: \.data\.a'):
        settings.apply("one", data(a="2"))
    settings.apply("one", data(b="1"))
    assert settings.owners() == {
        "before-first-apply": {"f:data": {".": {}, "f:a": {}}},
        "one": {"f:data": {"f:b": {}}},
    }


def test_items_have_owners_of_their_own_and_keep_their_order() -> None:
    pod = Owned(POD)
    pod.apply("one", containers({"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}))
    pod.apply("two", containers({"name": "new", "image": "n:1"}, {"name": "b", "env": [{"name": "E", "value": "1"}]}))
    assert [item["name"] for item in pod.document["spec"]["containers"]] == ["a", "new", "b"]
    pod.apply("one", containers({"name": "a", "image": "a:1"}))
    kept = pod.document["spec"]["containers"]
    assert [(item["name"], item.get("image")) for item in kept] == [("a", "a:1"), ("new", "n:1"), ("b", None)]


def test_ports_are_named_by_port_and_protocol() -> None:
    service = Owned(SERVICE)
    tcp, udp = {"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}
    service.apply("one", {"spec": {"ports": [udp, {"port": 53}]}})
    assert set(service.owners()["one"]["f:spec"]["f:ports"]) == {
        'k:{"port":53,"protocol":"TCP"}',
        'k:{"port":53,"protocol":"UDP"}',
    }
    service.apply("one", {"spec": {"ports": [tcp]}})
    assert [port.get("protocol") for port in service.document["spec"]["ports"]] == ["TCP"]


def test_values_are_compared_not_texts() -> None:
    pod = Owned(POD)
    pod.apply("one", containers({"name": "a", "resources": {"limits": {"cpu": "0.5"}}}))
    pod.apply("two", containers({"name": "a", "resources": {"limits": {"cpu": "500m"}}}))
    assert pod.document["spec"]["containers"][0]["resources"] == {"limits": {"cpu": "500m"}}


def test_a_part_that_nobody_owns_any_more_goes_whole() -> None:
    stateful_set = Owned(STATEFUL_SET)
    stateful_set.apply("one", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 1}}}})
    stateful_set.message.spec.update_strategy.type = "RollingUpdate"
    stateful_set.apply("one", {"spec": {}})
    assert stateful_set.document["spec"]["updateStrategy"] == {}


def test_the_object_and_its_status_are_applied_apart() -> None:
    pod = Owned(POD)
    pod.apply("one", containers({"name": "a"}) | {"status": {"phase": "Failed"}})
    assert "f:status" not in pod.owners()["one"]
    pod.apply("status", {"status": {"phase": "Running"}, "spec": {"hostname": "h"}}, subresource="status")
    assert pod.owners()["status"] == {"f:status": {"f:phase": {}}}


def test_client_side_apply_is_carried_on() -> None:
    settings = Owned(CONFIG_MAP)
    before = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "1", "b": "1"}}
    annotations = {LAST_APPLIED_ANNOTATION: orjson.dumps(before).decode()}
    settings.update("kubectl-client-side-apply", before | {"metadata": {"annotations": annotations}})
    settings.update("editor", settings.document | {"data": {"a": "1", "b": "2"}})
    with pytest.raises(Conflict, match=r'1 conflict: conflict with "editor" using v1: \.data\.b'):
        settings.apply("kubectl", data(a="2", b="3"))
    with pytest.raises(Conflict):
        settings.apply("another", data(a="2"))
    settings.apply("kubectl", data(a="2"))
    kept = settings.message.metadata.annotations[LAST_APPLIED_ANNOTATION]
    assert kept == '{"apiVersion":"v1","data":{"a":"2"},"kind":"ConfigMap","metadata":{"name":"a"}}\n'


@pytest.mark.parametrize(
    ("configuration", "text"),
    [
        ({"spec": {"bogus": 1}}, ".spec.bogus: field not declared in schema"),
        (containers({"name": "a", "bogus": 1}), '.spec.containers[name="a"].bogus: field not declared in schema'),
        (containers({"name": "a"}, {"name": "a"}), '.spec.containers: duplicate entries for key [name="a"]'),
        (
            containers({"image": "a"}),
            (
                ".spec.containers: element 0: associative list with keys has an element that omits key field "
                '"name" (and doesn\'t have default value)'
            ),
        ),
        ({"spec": {"tolerations": [{"bogus": 1}]}}, ".spec.tolerations[0].bogus: field not declared in schema"),
    ],
)
def test_a_malformed_configuration(configuration: dict[str, Any], text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        Owned(POD).apply("one", configuration)
    assert refused.value.message == f"failed to create typed patch object (/a; /v1, Kind=Pod): {text}"


def test_several_faults_are_all_told() -> None:
    with pytest.raises(BadRequest, match=r"Kind=Pod\): errors:\n  \.spec\.a: .*\n  \.spec\.b: "):
        Owned(POD).apply("one", {"spec": {"a": 1, "b": 1}})


def test_a_value_of_a_wrong_type() -> None:
    with pytest.raises(BadRequest, match=r"failed to create typed patch object .* cannot unmarshal string"):
        Owned(STATEFUL_SET).apply("one", {"spec": {"replicas": "many"}})


def test_managed_fields_cannot_be_applied() -> None:
    with pytest.raises(BadRequest, match=r"^metadata\.managedFields must be nil$"):
        Owned(POD).apply("one", {"metadata": {"managedFields": []}})
