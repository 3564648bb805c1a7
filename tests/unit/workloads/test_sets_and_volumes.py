"""Sets, scales, claims, volumes, configuration: what their rules add to the generic ones."""

from __future__ import annotations

import pytest

from statefleet.api.autoscaling.v1.scale_pb2 import Scale
from statefleet.api.core.v1.config_pb2 import Secret
from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.api.storage.v1.storage_class_pb2 import StorageClass
from statefleet.errors import Conflict, Forbidden, Invalid, NotFound
from statefleet.objects.kinds import DAEMON_SET, PERSISTENT_VOLUME_CLAIM, STATEFUL_SET, STORAGE_CLASS
from support.objects import a_budget, a_config_map, a_daemon_set, a_stateful_set, meta
from support.opened_services import Services


def a_claim(name: str = "data", size: str = "1Gi") -> PersistentVolumeClaim:
    claim = PersistentVolumeClaim(metadata=meta(name))
    claim.spec.access_modes.append("ReadWriteOnce")
    claim.spec.resources.requests["storage"].string = size
    return claim


def a_class(name: str, *, default: bool = False) -> StorageClass:
    storage_class = StorageClass(metadata=ObjectMeta(name=name), provisioner="example.com/disk")
    storage_class.allow_volume_expansion = True
    if default:
        storage_class.metadata.annotations["storageclass.kubernetes.io/is-default-class"] = "true"
    return storage_class


async def test_declared_kinds_begin_without_status_and_count_their_spec(services: Services) -> None:
    daemon_set, budget = a_daemon_set(), a_budget(app="web")
    daemon_set.status.number_ready, budget.status.disruptions_allowed = 4, 4
    created = (await services.fleet.create(daemon_set)).object
    assert (created.metadata.generation, created.status.number_ready) == (1, 0)
    other = (await services.fleet.create(budget)).object
    assert (other.metadata.generation, other.status.disruptions_allowed) == (1, 0)
    budget.spec.min_available.int_val = 2
    assert (await services.fleet.update(budget)).object.metadata.generation == 2


@pytest.mark.surface("D3.template-generation")
async def test_a_daemon_set_counts_the_changes_of_its_template(services: Services) -> None:
    counted = "deprecated.daemonset.template.generation"
    stored = (await services.fleet.create(a_daemon_set())).object
    assert stored.metadata.annotations[counted] == "1"
    stored.spec.min_ready_seconds = 5
    stored = (await services.fleet.update(stored)).object
    assert stored.metadata.annotations[counted] == "1"
    stored.spec.template.spec.containers[0].image = "nginx:2"
    stored.metadata.annotations[counted] = "77"
    stored = (await services.fleet.update(stored)).object
    assert stored.metadata.annotations[counted] == "2"
    given = a_daemon_set("given")
    given.metadata.annotations[counted] = "5"
    assert (await services.fleet.create(given)).object.metadata.annotations[counted] == "5"


async def test_a_template_is_judged_at_once(services: Services) -> None:
    broken = a_stateful_set()
    broken.spec.template.spec.containers[0].image = ""
    with pytest.raises(Invalid, match=r"spec\.template\.spec\.containers\[0\]\.image: Required value"):
        await services.fleet.create(broken)


@pytest.mark.surface("requests.scale")
async def test_a_scale_shows_the_set(services: Services) -> None:
    stored = (await services.fleet.create(a_stateful_set(replicas=2))).object
    scale = await services.fleet.get_scale(STATEFUL_SET, "web", "default")
    assert (scale.spec.replicas, scale.status.replicas, scale.status.selector) == (2, 0, "app=web")
    assert scale.metadata.uid == stored.metadata.uid
    assert scale.metadata.resource_version == stored.metadata.resource_version


async def test_a_scale_sets_the_replicas(services: Services) -> None:
    stored = (await services.fleet.create(a_stateful_set(replicas=2))).object
    wanted = Scale(metadata=meta("web"))
    wanted.spec.replicas = 5
    scale = await services.fleet.update_scale(STATEFUL_SET, "web", "default", wanted)
    assert scale.spec.replicas == 5
    after = await services.fleet.get(STATEFUL_SET, "web", "default")
    assert (after.spec.replicas, after.metadata.generation) == (5, 2)
    wanted.metadata.resource_version = stored.metadata.resource_version
    with pytest.raises(Conflict, match="the object has been modified"):
        await services.fleet.update_scale(STATEFUL_SET, "web", "default", wanted)


async def test_a_scale_to_none_and_below(services: Services) -> None:
    await services.fleet.create(a_stateful_set("x", replicas=2))
    scale = await services.fleet.update_scale(STATEFUL_SET, "x", "default", Scale())
    assert scale.spec.replicas == 0
    negative = Scale()
    negative.spec.replicas = -2
    with pytest.raises(Invalid) as caught:
        await services.fleet.update_scale(STATEFUL_SET, "x", "default", negative)
    assert caught.value.message == (
        'Scale.autoscaling "x" is invalid: spec.replicas: Invalid value: -2: must be greater than or equal to 0'
    )


async def test_what_has_no_scale(services: Services) -> None:
    await services.fleet.create(a_daemon_set("ds"))
    with pytest.raises(NotFound, match="the server could not find the requested resource"):
        await services.fleet.get_scale(DAEMON_SET, "ds", "default")
    with pytest.raises(NotFound, match=r'statefulsets\.apps "nope" not found'):
        await services.fleet.get_scale(STATEFUL_SET, "nope", "default")


async def test_a_claim_is_pending_and_protected(services: Services) -> None:
    claim = (await services.fleet.create(a_claim())).object
    assert claim.status.phase == "Pending"
    assert list(claim.metadata.finalizers) == ["kubernetes.io/pvc-protection"]
    assert not (await services.fleet.delete(PERSISTENT_VOLUME_CLAIM, "data", "default")).deleted


async def test_a_claim_without_class_gets_the_default_one(services: Services) -> None:
    assert (await services.fleet.create(a_claim("first"))).object.spec.storage_class_name == "local"
    await services.fleet.create(a_class("plain"))
    await services.clock.advance(5)
    await services.fleet.create(a_class("newer", default=True))
    assert (await services.fleet.create(a_claim())).object.spec.storage_class_name == "newer"
    none = a_claim("none")
    none.spec.storage_class_name = ""
    assert (await services.fleet.create(none)).object.spec.storage_class_name == ""
    for name in ("local", "newer"):
        await services.fleet.delete(STORAGE_CLASS, name)
    assert not (await services.fleet.create(a_claim("last"))).object.spec.HasField("storage_class_name")


async def a_bound_claim(services: Services, storage_class: str) -> PersistentVolumeClaim:
    claim = a_claim()
    claim.spec.storage_class_name = storage_class
    stored = (await services.fleet.create(claim)).object
    stored.spec.volume_name = "pv-1"
    stored = (await services.fleet.update(stored)).object
    stored.status.phase = "Bound"
    return (await services.fleet.update_status(stored)).object


async def test_a_claim_does_not_grow_where_its_class_forbids_that(services: Services) -> None:
    stored = await a_bound_claim(services, "local")
    stored.metadata.labels["size"] = "same"
    stored = (await services.fleet.update(stored)).object
    stored.spec.resources.requests["storage"].string = "2Gi"
    with pytest.raises(Forbidden, match='persistentvolumeclaims "data" is forbidden: only dynamically provisioned'):
        await services.fleet.update(stored)


async def test_a_claim_can_be_bound_and_grow_and_nothing_else(services: Services) -> None:
    await services.fleet.create(a_class("fast"))
    stored = await a_bound_claim(services, "fast")
    stored.spec.resources.requests["storage"].string = "2Gi"
    written = await services.fleet.update(stored)
    assert written.warnings == ("spec.resources.requests.storage: nothing acts on it: volumes keep their size",)
    stored = written.object
    stored.spec.access_modes.append("ReadOnlyMany")
    with pytest.raises(Invalid, match="spec: Forbidden"):
        await services.fleet.update(stored)


async def test_a_volume_is_pending_and_protected(services: Services) -> None:
    volume = PersistentVolume(metadata=ObjectMeta(name="pv-1"))
    volume.spec.access_modes.append("ReadWriteOnce")
    volume.spec.capacity["storage"].string = "1Gi"
    volume.spec.persistent_volume_source.host_path.path = "/tmp/pv-1"
    stored = (await services.fleet.create(volume)).object
    assert stored.status.phase == "Pending"
    assert list(stored.metadata.finalizers) == ["kubernetes.io/pv-protection"]


async def test_a_secrets_plain_text_becomes_data(services: Services) -> None:
    secret = Secret(metadata=meta("s"), string_data={"a": "b"}, data={"c": b"d"})
    stored = (await services.fleet.create(secret)).object
    assert dict(stored.data) == {"a": b"b", "c": b"d"}
    assert not stored.string_data
    assert stored.type == "Opaque"


async def test_what_is_immutable_does_not_change(services: Services) -> None:
    fixed = a_config_map("x", data={"a": "1"})
    fixed.immutable = True
    await services.fleet.create(fixed)
    fixed.data["a"] = "2"
    with pytest.raises(Invalid, match="field is immutable when `immutable` is set"):
        await services.fleet.update(fixed)
