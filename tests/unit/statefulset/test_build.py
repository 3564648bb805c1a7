"""The pods and claims that are made."""

from __future__ import annotations

import pytest

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolumeClaim
from statefleet.statefulset.actions import NewClaim
from statefleet.statefulset.build import fixed_pod, new_claim, new_pod, owned_claim, template_of, with_status
from statefleet.statefulset.views import Reference, Status
from support.fleet_objects import pod, stateful_set


def web() -> StatefulSet:
    message = stateful_set()
    message.metadata.uid = "uid-web"
    template = message.spec.volume_claim_templates.add()
    template.metadata.name = "data"
    template.metadata.labels["tier"] = "db"
    template.metadata.labels["app"] = "overruled"
    template.spec.access_modes.append("ReadWriteOnce")
    message.spec.template.metadata.annotations["note"] = "x"
    message.spec.template.spec.volumes.add(name="scratch").volume_source.empty_dir.SetInParent()
    message.spec.template.spec.volumes.add(name="data").volume_source.empty_dir.SetInParent()
    return message


@pytest.mark.surface("S5.names", "S6.labels", "S6.host", "S6.owner")
def test_a_new_pod() -> None:
    owner = web()
    made = new_pod(owner, owner.spec.template, 7, "web-abc")
    assert (made.metadata.name, made.metadata.generate_name, made.metadata.namespace) == ("web-7", "web-", "default")
    assert dict(made.metadata.labels) == {
        "app": "web",
        "apps.kubernetes.io/pod-index": "7",
        "controller-revision-hash": "web-abc",
        "statefulset.kubernetes.io/pod-name": "web-7",
    }
    assert dict(made.metadata.annotations) == {"note": "x"}
    (reference,) = made.metadata.owner_references
    assert (reference.api_version, reference.kind, reference.name, reference.uid) == (
        "apps/v1",
        "StatefulSet",
        "web",
        "uid-web",
    )
    assert (reference.controller, reference.block_owner_deletion) == (True, True)
    assert (made.spec.hostname, made.spec.subdomain) == ("web-7", "web")
    mounted = [(v.name, v.volume_source.persistent_volume_claim.claim_name) for v in made.spec.volumes]
    assert mounted == [("data", "data-web-7"), ("scratch", "")]


def test_the_template_is_not_touched() -> None:
    owner = web()
    before = owner.SerializeToString(deterministic=True)
    new_pod(owner, owner.spec.template, 0, "web-abc")
    new_claim(owner, NewClaim("data", "data-web-0"))
    assert owner.SerializeToString(deterministic=True) == before


def test_without_a_service_there_is_no_subdomain() -> None:
    owner = stateful_set(service_name="")
    assert not new_pod(owner, owner.spec.template, 0, "r").spec.HasField("subdomain")


def test_a_new_claim() -> None:
    claim = new_claim(web(), NewClaim("data", "data-web-0", (Reference("StatefulSet", "web", "uid-web"),)))
    assert (claim.metadata.name, claim.metadata.namespace) == ("data-web-0", "default")
    assert dict(claim.metadata.labels) == {"tier": "db", "app": "web"}
    assert list(claim.spec.access_modes) == ["ReadWriteOnce"]
    assert [owner.uid for owner in claim.metadata.owner_references] == ["uid-web"]


def test_owners_of_others_are_kept_as_they_are() -> None:
    claim = PersistentVolumeClaim()
    claim.metadata.owner_references.add(api_version="v9", kind="Backup", name="nightly", uid="b")
    owned = owned_claim(
        claim, (Reference("Backup", "nightly", "b", controller=False), Reference("Pod", "web-0", "p"))
    )
    assert [(owner.api_version, owner.uid, owner.controller) for owner in owned.metadata.owner_references] == [
        ("v9", "b", False),
        ("v1", "p", True),
    ]


def test_a_pod_is_mended_and_else_left_alone() -> None:
    crooked = pod("web-2", app="web")
    crooked.spec.node_name = "n1"
    mended = fixed_pod(web(), crooked)
    assert mended.metadata.labels["statefulset.kubernetes.io/pod-name"] == "web-2"
    assert mended.metadata.labels["apps.kubernetes.io/pod-index"] == "2"
    assert [volume.name for volume in mended.spec.volumes] == ["data"]
    assert mended.spec.node_name == "n1"


def test_the_template_of_a_revision() -> None:
    data = (
        b'{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"web"}},'
        b'"spec":{"containers":[{"image":"nginx:1","name":"c","resources":{}}]}}}}'
    )
    revision = ControllerRevision()
    revision.data.raw = data
    template = template_of(revision)
    assert dict(template.metadata.labels) == {"app": "web"}
    assert template.spec.containers[0].image == "nginx:1"


@pytest.mark.surface("S8.observed")
def test_a_status_write_names_the_set_and_keeps_conditions() -> None:
    owner = web()
    owner.status.conditions.add(type="Paused", status="True")
    status = Status(3, 2, 0, 0, 2, 0, "web-a", "web-b", 0)
    message = with_status(owner, status)
    assert (message.metadata.name, message.metadata.uid, message.metadata.resource_version) == ("web", "uid-web", "")
    assert (message.status.observed_generation, message.status.replicas, message.status.available_replicas) == (
        3,
        2,
        0,
    )
    assert not message.status.HasField("ready_replicas")
    assert message.status.HasField("collision_count")
    assert [condition.type for condition in message.status.conditions] == ["Paused"]
