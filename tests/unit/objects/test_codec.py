"""What a message looks like in JSON, what JSON is refused and how."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.core.v1.config_pb2 import ConfigMap, Secret
from statefleet.api.core.v1.container_pb2 import Container, EphemeralContainer
from statefleet.api.core.v1.event_pb2 import Event
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.volume_pb2 import Volume
from statefleet.api.meta.v1.primitives_pb2 import IntOrString
from statefleet.errors import BadRequest
from statefleet.objects import codec
from statefleet.objects.codec import compact_json, decode, encode, encode_bytes
from support.patch_recordings import patch_recordings


def decoded(message_type: Any, value: Any) -> Any:
    message, complaints = decode(message_type, value)
    assert complaints == []
    return message


class TestEmission:
    def test_kind_begins_with_its_type(self) -> None:
        assert list(encode(StatefulSet()))[:2] == ["apiVersion", "kind"]
        assert encode(StatefulSet())["apiVersion"] == "apps/v1"
        assert encode(Pod())["apiVersion"] == "v1"

    def test_embedded_kind_has_its_type_too(self) -> None:
        workload = StatefulSet()
        workload.spec.volume_claim_templates.add().metadata.name = "data"
        (claim,) = encode(workload)["spec"]["volumeClaimTemplates"]
        assert (claim["apiVersion"], claim["kind"]) == ("v1", "PersistentVolumeClaim")

    def test_other_messages_have_no_type(self) -> None:
        assert encode(Container(name="c")) == {"name": "c", "resources": {}}

    def test_required_fields_are_there_when_nothing_is_set(self) -> None:
        assert encode(StatefulSet()) == {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {},
            "spec": {
                "serviceName": "",
                "template": {"metadata": {}, "spec": {"containers": None}},
                "updateStrategy": {},
            },
            "status": {"replicas": 0, "availableReplicas": 0},
        }

    def test_zero_is_left_out_unless_it_was_set_on_purpose(self) -> None:
        workload = StatefulSet()
        workload.spec.min_ready_seconds = 0
        assert "minReadySeconds" not in encode(workload)["spec"]
        workload.spec.replicas = 0
        assert encode(workload)["spec"]["replicas"] == 0

    def test_inlined_fields_stand_among_the_parents(self) -> None:
        volume = Volume(name="v")
        volume.volume_source.empty_dir.SetInParent()
        assert encode(volume) == {"name": "v", "emptyDir": {}}
        assert decoded(Volume, {"name": "v", "emptyDir": {}}) == volume

    def test_required_fields_of_an_absent_inlined_message_are_there(self) -> None:
        assert encode(EphemeralContainer()) == {"name": "", "resources": {}}

    def test_maps_are_ordered_by_key(self) -> None:
        pod = Pod()
        for key in ("b", "a", "c"):
            pod.metadata.labels[key] = "x"
        assert list(encode(pod)["metadata"]["labels"]) == ["a", "b", "c"]

    def test_what_it_returns_is_the_callers_own(self) -> None:
        encode(StatefulSet())["spec"]["template"]["spec"]["containers"] = [1]
        assert encode(StatefulSet())["spec"]["template"]["spec"]["containers"] is None

    def test_times_have_seconds_and_micro_times_six_digits(self) -> None:
        event = Event()
        event.metadata.creation_timestamp.seconds = 1767225600
        event.event_time.seconds = 1767225600
        event.event_time.nanos = 1_500_000
        assert encode(event)["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"
        assert encode(event)["eventTime"] == "2026-01-01T00:00:00.001500Z"
        assert encode(Event())["eventTime"] is None

    def test_text_is_the_json_of_the_value(self) -> None:
        (case, *_) = patch_recordings()
        workload = decoded(StatefulSet, case.base)
        assert orjson.loads(encode_bytes(workload)) == encode(workload)
        workload.spec.replicas = 7
        assert orjson.loads(encode_bytes(workload))["spec"]["replicas"] == 7

    def test_text_of_a_large_object_is_whole(self) -> None:
        workload = StatefulSet()
        for number in range(200):
            workload.spec.template.spec.containers.add(name=f"container-{number}", image="registry/image:1")
        assert orjson.loads(encode_bytes(workload)) == encode(workload)

    def test_text_is_right_however_much_was_written_before(self) -> None:
        pod = Pod()
        pod.spec.containers.add(name="c")
        for number in range(2500):
            pod.status.message = pod.spec.containers[0].image = str(number)
            text = encode_bytes(pod)
        assert orjson.loads(text) == encode(pod)


class TestRawJson:
    def test_data_is_kept_to_the_byte_in_text(self) -> None:
        revision = ControllerRevision(revision=1)
        revision.data.raw = rb'{"a":"\u003c","b":1.0}'
        assert rb'"data":{"a":"\u003c","b":1.0}' in encode_bytes(revision)
        assert encode(revision)["data"] == {"a": "<", "b": 1.0}
        assert b'"data":null' in encode_bytes(ControllerRevision())

    def test_data_is_stored_as_go_writes_it(self) -> None:
        revision = decoded(ControllerRevision, {"data": {"b": "<&>", "a": [1, None]}})
        assert revision.data.raw == rb'{"b":"\u003c\u0026\u003e","a":[1,null]}'

    def test_compact_json_orders_keys_and_escapes_as_go(self) -> None:
        value = {"b": "<script>&\u2028\u2029é", "a": {"d": 1, "c": None}}
        assert compact_json(value, sort_keys=True) == (
            rb'{"a":{"c":null,"d":1},"b":"\u003cscript\u003e\u0026\u2028\u2029' + "é".encode() + b'"}'
        )


class TestDecoding:
    def test_null_is_absent(self) -> None:
        document = {"metadata": {"labels": None, "name": None}, "spec": None, "status": {"startTime": None}}
        assert decoded(Pod, document) == Pod()

    def test_null_in_a_map_or_a_list_is_zero(self) -> None:
        document = {
            "metadata": {"labels": {"a": None}, "finalizers": [None]},
            "spec": {"containers": [None, {"resources": {"limits": {"cpu": None}}}]},
        }
        pod = decoded(Pod, document)
        assert dict(pod.metadata.labels) == {"a": ""}
        assert list(pod.metadata.finalizers) == [""]
        assert pod.spec.containers[0] == Container()
        assert pod.spec.containers[1].resources.limits["cpu"].string == "0"

    def test_equal_meanings_become_equal_messages(self) -> None:
        spoken = {
            "spec": {
                "containers": [
                    {"name": "c", "resources": {}, "stdin": False, "env": [], "image": ""},
                    {"resources": {"limits": {"cpu": "0.5", "memory": "1024Mi", "x": 2}}},
                ]
            },
            "status": {},
        }
        terse = {
            "spec": {
                "containers": [
                    {"name": "c"},
                    {"resources": {"limits": {"cpu": "500m", "memory": "1Gi", "x": "2"}}},
                ]
            }
        }
        assert decoded(Pod, spoken) == decoded(Pod, terse)

    def test_a_message_that_json_may_lack_counts_when_empty(self) -> None:
        pod = decoded(Pod, {"spec": {"securityContext": {}, "nodeSelector": {}}})
        assert pod.spec.HasField("security_context")
        assert "nodeSelector" not in encode(pod)["spec"]

    def test_int_or_string_keeps_which_it_is(self) -> None:
        def unavailable(value: Any) -> Any:
            workload = decoded(
                StatefulSet, {"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": value}}}}
            )
            assert encode(workload)["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"] == value
            return workload.spec.update_strategy.rolling_update.max_unavailable

        assert unavailable(3) == IntOrString(int_val=3)
        assert unavailable(0) == IntOrString()
        assert unavailable("30%") == IntOrString(type=1, str_val="30%")

    def test_bytes_are_base64(self) -> None:
        secret = decoded(Secret, {"data": {"a": "aGk=", "b": "aG\nk="}})
        assert secret.data["a"] == secret.data["b"] == b"hi"
        assert encode(secret)["data"] == {"a": "aGk=", "b": "aGk="}

    def test_zero_time_is_no_time(self) -> None:
        assert not decoded(Pod, {"metadata": {"deletionTimestamp": "0001-01-01T00:00:00Z"}}).metadata.HasField(
            "deletion_timestamp"
        )

    def test_recorded_objects_come_back_as_they_were(self) -> None:
        for case in patch_recordings():
            again = encode(decoded(StatefulSet, case.base))
            assert again["spec"]["template"]["spec"] == case.base["spec"]["template"]["spec"]
            assert again["metadata"] == case.base["metadata"]


class TestUnknownFields:
    def test_each_is_named_by_its_path(self) -> None:
        document = {
            "bogus": 1,
            "spec": {"containers": [{"name": "a"}, {"ports": [{"protocoll": "TCP"}], "x": None}]},
        }
        _, complaints = decode(Pod, document)
        assert complaints == [
            'unknown field "bogus"',
            'unknown field "spec.containers[1].ports[0].protocoll"',
            'unknown field "spec.containers[1].x"',
        ]

    def test_type_is_known_to_kinds_only(self) -> None:
        assert decode(Pod, {"apiVersion": "v1", "kind": "Pod"})[1] == []
        assert decode(Container, {"kind": "Container"})[1] == ['unknown field "kind"']

    def test_paths_go_below_the_given_one(self) -> None:
        assert decode(Container, {"nam": "c"}, path="spec.containers[0]")[1] == [
            'unknown field "spec.containers[0].nam"'
        ]

    def test_keys_of_maps_and_raw_json_are_free(self) -> None:
        assert decode(ConfigMap, {"data": {"anything": "x"}})[1] == []
        assert decode(ControllerRevision, {"data": {"anything": {"at": "all"}}})[1] == []


CONTAINER = "spec.containers"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"spec": {"containers": [{"ports": [{"containerPort": "80"}]}]}},
            (
                "json: cannot unmarshal string into Go struct field "
                "ContainerPort.spec.containers.ports.containerPort of type int32"
            ),
        ),
        (
            {"spec": {"containers": [{"ports": [{"containerPort": 2**31}]}]}},
            (
                "json: cannot unmarshal number 2147483648 into Go struct field "
                "ContainerPort.spec.containers.ports.containerPort of type int32"
            ),
        ),
        (
            {"metadata": {"generation": 2**63}},
            (
                "json: cannot unmarshal number 9223372036854775808 into Go struct field "
                "ObjectMeta.metadata.generation of type int64"
            ),
        ),
        (
            {"metadata": {"generation": 1.0}},
            "json: cannot unmarshal number 1.0 into Go struct field ObjectMeta.metadata.generation of type int64",
        ),
        (
            {"metadata": {"generation": True}},
            "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.generation of type int64",
        ),
        (
            {"spec": {"hostNetwork": "true"}},
            "json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool",
        ),
        (
            {"spec": {"hostNetwork": 1}},
            "json: cannot unmarshal number into Go struct field PodSpec.spec.hostNetwork of type bool",
        ),
        (
            {"metadata": {"name": 5}},
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string",
        ),
        (
            {"metadata": {"labels": {"a": True}}},
            "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string",
        ),
        (
            {"metadata": {"labels": ["a"]}},
            "json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type map",
        ),
        (
            {"metadata": {"finalizers": ["a", {}]}},
            "json: cannot unmarshal object into Go struct field ObjectMeta.metadata.finalizers of type string",
        ),
        (
            {"metadata": {"finalizers": "a"}},
            "json: cannot unmarshal string into Go struct field ObjectMeta.metadata.finalizers of type []string",
        ),
        (
            {"spec": {"containers": {}}},
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []Container",
        ),
        (
            {"spec": {"containers": ["nginx"]}},
            "json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type Container",
        ),
        ({"spec": []}, "json: cannot unmarshal array into Go struct field Pod.spec of type PodSpec"),
        ([], "json: cannot unmarshal array into Go value of type Pod"),
        ({"kind": 1}, "json: cannot unmarshal number into Go struct field Pod.kind of type string"),
        (
            {"spec": {"containers": [{"resources": {"limits": {"cpu": "abc"}}}]}},
            (
                "spec.containers[0].resources.limits[cpu]: quantities must match the regular expression "
                "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            ),
        ),
        (
            {"spec": {"containers": [{}, {"resources": {"limits": {"cpu": True}}}]}},
            (
                "spec.containers[1].resources.limits[cpu]: quantities must match the regular expression "
                "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            ),
        ),
        (
            {"status": {"startTime": "yesterday"}},
            (
                'status.startTime: parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": '
                'cannot parse "yesterday" as "2006"'
            ),
        ),
        (
            {"status": {"startTime": 5}},
            "json: cannot unmarshal number into Go struct field PodStatus.status.startTime of type string",
        ),
    ],
)
def test_malformed_value_is_refused_with_its_path(document: Any, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decode(Pod, document)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "position"), [("not base64!", 3), ("aGk", 0), ("aGkxaG", 4), ("a===", 4), ("=aGk", 0), ("aGk=aGk=", 3)]
)
def test_bad_base64_is_refused_with_its_position(text: str, position: int) -> None:
    with pytest.raises(BadRequest, match=rf"^data\[a\]: illegal base64 data at input byte {position}$"):
        decode(Secret, {"data": {"a": text}})


def test_path_of_an_error_goes_below_the_given_one() -> None:
    with pytest.raises(BadRequest, match=r"Container\.spec\.name of type string"):
        decode(Container, {"name": 1}, path="spec")


def test_public_names() -> None:
    assert set(codec.__all__) == {"compact_json", "decode", "encode", "encode_bytes"}
