"""Creating: what the server sets, which names are free, which namespaces take objects in."""

from __future__ import annotations

import asyncio

import pytest

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.object.v1.verbs_pb2 import Slot
from statefleet.errors import AlreadyExists, BadRequest, Conflict, Forbidden, Invalid, NotFound, TooLarge
from statefleet.objects.kinds import CONFIG_MAP, NAMESPACE, POD, STATEFUL_SET
from statefleet.objects.meta import controller_reference
from support.objects import a_config_map, a_namespace, a_pod, a_stateful_set
from support.opened_services import Services


async def test_the_server_sets_identity_and_time_and_clears_what_is_its_own(services: Services) -> None:
    asked = a_stateful_set()
    asked.metadata.uid = "mine"
    asked.metadata.generation = 9
    asked.metadata.deletion_grace_period_seconds = 5
    asked.metadata.deletion_timestamp.seconds = 1
    asked.metadata.creation_timestamp.seconds = 1
    asked.metadata.managed_fields.add(manager="someone")
    asked.status.replicas = 7
    stored = (await services.fleet.create(asked)).object
    meta = stored.metadata
    assert meta.uid not in ("", "mine")
    assert meta.generation == 1
    assert meta.creation_timestamp.seconds == int(services.clock.now())
    assert not meta.creation_timestamp.nanos
    assert not meta.HasField("deletion_timestamp")
    assert not meta.HasField("deletion_grace_period_seconds")
    assert not meta.managed_fields
    assert not stored.status.replicas
    assert meta.resource_version == str(services.workloads.replica.state.version)


async def test_what_is_stored_is_defaulted_and_what_get_answers(services: Services) -> None:
    stored = (await services.fleet.create(a_pod())).object
    assert stored.spec.restart_policy == "Always"
    assert await services.fleet.get(POD, "web-0", "default") == stored


async def test_a_resource_version_cannot_be_asked_for(services: Services) -> None:
    pod = a_pod()
    pod.metadata.resource_version = "7"
    with pytest.raises(BadRequest, match="resourceVersion should not be set on objects to be created"):
        await services.fleet.create(pod)


async def test_a_name_is_generated_anew_where_it_is_taken(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    suffixes = iter(["aaaaa", "aaaaa", "bbbbb"])
    monkeypatch.setattr(services.workloads.home("ConfigMap").writer._rand, "suffix", lambda length: next(suffixes))
    for expected in ("cm-aaaaa", "cm-bbbbb"):
        asked = a_config_map("")
        asked.metadata.generate_name = "cm-"
        assert (await services.fleet.create(asked)).object.metadata.name == expected


async def test_a_long_generate_name_is_cut(services: Services) -> None:
    asked = a_config_map("")
    asked.metadata.generate_name = "x" * 80
    name = (await services.fleet.create(asked)).object.metadata.name
    assert len(name) == 63
    assert name.startswith("x" * 58)


async def test_without_any_name_the_object_is_invalid(services: Services) -> None:
    with pytest.raises(Invalid) as caught:
        await services.fleet.create(a_stateful_set(""))
    assert caught.value.message == (
        'StatefulSet.apps "" is invalid: metadata.name: Required value: name or generateName is required'
    )


@pytest.mark.surface("texts.already-exists")
async def test_a_taken_name_is_refused_in_kubernetes_words(services: Services) -> None:
    await services.fleet.create(a_config_map("cm1"))
    with pytest.raises(AlreadyExists) as caught:
        await services.fleet.create(a_config_map("cm1"))
    assert caught.value.message == 'configmaps "cm1" already exists'
    assert caught.value.subject is not None
    assert (caught.value.subject.name, caught.value.subject.kind) == ("cm1", "configmaps")


async def test_the_namespace_must_exist(services: Services) -> None:
    with pytest.raises(NotFound) as caught:
        await services.fleet.create(a_stateful_set("x", "missing-ns"))
    assert caught.value.message == 'namespaces "missing-ns" not found'
    assert caught.value.subject is not None
    assert (caught.value.subject.name, caught.value.subject.kind) == ("missing-ns", "namespaces")


async def test_a_namespace_that_goes_takes_nothing_in(services: Services) -> None:
    await services.fleet.create(a_namespace("going"))
    await services.fleet.delete(NAMESPACE, "going")
    with pytest.raises(Forbidden) as caught:
        await services.fleet.create(a_pod("web-0", "going"))
    assert caught.value.message == (
        'pods "web-0" is forbidden: unable to create new content in namespace going because it is being terminated'
    )
    assert caught.value.subject is not None
    assert caught.value.subject.causes[0].reason == "NamespaceTerminating"


async def test_no_create_slips_in_beside_the_deletion_of_its_namespace(services: Services) -> None:
    await services.fleet.create(a_namespace("going"))
    # Both are decided on the same state; whichever comes second at apply is decided anew.
    deleted, created = await asyncio.gather(
        services.fleet.delete(NAMESPACE, "going"),
        services.fleet.create(a_config_map("late", "going")),
        return_exceptions=True,
    )
    assert not isinstance(deleted, BaseException)
    assert isinstance(created, Forbidden)
    assert services.workloads.replica.state.list("ConfigMap", "going") == []


async def test_many_at_once_all_come_to_be(services: Services) -> None:
    await asyncio.gather(*(services.fleet.create(a_config_map(f"cm-{number}")) for number in range(50)))
    assert len((await services.fleet.list(CONFIG_MAP, "default")).items) == 50


async def test_one_of_two_of_the_same_name_wins(services: Services) -> None:
    outcomes = await asyncio.gather(
        *(services.fleet.create(a_config_map("same")) for _ in range(5)), return_exceptions=True
    )
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, AlreadyExists) for outcome in outcomes) == 4


async def test_a_dry_run_answers_and_changes_nothing(services: Services) -> None:
    before = services.workloads.replica.state.version
    written = await services.fleet.create(a_stateful_set(), dry_run=True)
    assert written.object.spec.pod_management_policy == "OrderedReady"
    assert written.object.metadata.uid
    assert not written.object.metadata.resource_version
    assert services.workloads.replica.state.version == before
    with pytest.raises(NotFound):
        await services.fleet.get(STATEFUL_SET, "web", "default")


async def test_an_object_has_a_greatest_size(services: Services) -> None:
    with pytest.raises((TooLarge, Invalid)):
        await services.fleet.create(a_pod(image="x" * (1536 * 1024)))


async def test_a_slot_takes_as_many_as_it_may(services: Services) -> None:
    slot = Slot(name="set-uid/node-1", limit=2)
    for name in ("a", "b"):
        await services.fleet.create(a_pod(name), slot=slot)
    with pytest.raises(Conflict, match="slot"):
        await services.fleet.create(a_pod("c"), slot=slot)
    await services.fleet.delete(POD, "a", "default")
    await services.fleet.create(a_pod("c"), slot=slot)


async def test_what_its_controller_let_go_of_takes_no_room_in_a_slot(services: Services) -> None:
    slot = Slot(name="set-uid/node-1", limit=1)
    owner = (await services.fleet.create(a_stateful_set())).object

    def owned(name: str) -> Pod:
        pod = a_pod(name)
        pod.metadata.owner_references.append(controller_reference(owner))
        return pod

    released = (await services.fleet.create(owned("a"), slot=slot)).object
    with pytest.raises(Conflict, match="slot"):
        await services.fleet.create(owned("b"), slot=slot)
    del released.metadata.owner_references[:]
    await services.fleet.update(released)
    await services.fleet.create(owned("b"), slot=slot)
    with pytest.raises(Conflict, match="slot"):
        await services.fleet.create(owned("c"), slot=slot)


async def test_of_creates_at_once_a_slot_takes_one(services: Services) -> None:
    slot = Slot(name="set-uid/node-1", limit=1)
    outcomes = await asyncio.gather(
        *(services.fleet.create(a_pod(f"pod-{number}"), slot=slot) for number in range(4)), return_exceptions=True
    )
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 3
