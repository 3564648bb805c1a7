"""A revision's data and name, to the byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from statefleet.api.core.v1.pod_pb2 import PodTemplateSpec
from statefleet.objects.defaults.pods import default_pod_spec
from statefleet.revisions.data import means, revision_data, revision_hash, template_of

GOLDEN = Path(__file__).parents[2] / "golden" / "revisions"


def a_template(image: str = "nginx:1") -> PodTemplateSpec:
    template = PodTemplateSpec()
    template.metadata.labels["app"] = "web"
    template.spec.containers.add(name="main", image=image)
    default_pod_spec(template.spec)
    return template


@pytest.mark.surface("traps.skipped-rollback")
def test_the_data_is_compact_sorted_and_escaped() -> None:
    template = a_template()
    template.metadata.annotations["note"] = "a < b && c > d \u2028"
    data = revision_data(template)
    assert data == (
        b'{"spec":{"template":{"$patch":"replace","metadata":{"annotations":'
        b'{"note":"a \\u003c b \\u0026\\u0026 c \\u003e d \\u2028"},"labels":{"app":"web"}},'
        b'"spec":{"containers":[{"image":"nginx:1","imagePullPolicy":"IfNotPresent","name":"main","resources":{},'
        b'"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],'
        b'"dnsPolicy":"ClusterFirst","restartPolicy":"Always","schedulerName":"default-scheduler",'
        b'"securityContext":{},"terminationGracePeriodSeconds":30}}}}'
    )


@pytest.mark.surface("revisions.name")
def test_the_hash_is_that_of_a_recorded_kubernetes() -> None:
    recorded = json.loads((GOLDEN / "name.json").read_text())
    body = {**recorded["template"], "$patch": "replace"}
    data = json.dumps({"spec": {"template": body}}, sort_keys=True, separators=(",", ":")).encode()
    assert f"x-{revision_hash(data, recorded['collisionCount'])}" == recorded["name"]


def test_a_collision_gives_another_hash() -> None:
    assert revision_hash(b"{}", 0) != revision_hash(b"{}", 1)


def test_the_template_comes_back() -> None:
    assert template_of(revision_data(a_template())) == a_template()


def test_what_says_the_same_in_other_words_means_the_same() -> None:
    wanted = revision_data(a_template())
    sparse = (
        b'{"spec":{"template":{"metadata":{"creationTimestamp":null,"labels":{"app":"web"}},'
        b'"spec":{"containers":[{"name":"main","image":"nginx:1"}]},"$patch":"replace"}}}'
    )
    assert means(wanted, wanted)
    assert means(sparse, wanted)
    assert not means(revision_data(a_template("nginx:2")), wanted)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"spec":{"template":1}}', b'{"spec":{"template":{"spec":4}}}'])
def test_what_is_no_template_means_nothing(data: bytes) -> None:
    assert template_of(data) is None
    assert not means(data, revision_data(a_template()))
