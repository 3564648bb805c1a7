"""Updating: what is carried over, what counts as a change, which version it rests on."""

from __future__ import annotations

import asyncio

import pytest

from statefleet.client.fleet import Written
from statefleet.errors import Conflict, Invalid, MethodNotAllowed, NotFound
from statefleet.objects.kinds import CONFIG_MAP, POD, STATEFUL_SET
from support.objects import a_config_map, a_pod, a_stateful_set, running
from support.opened_services import Services


async def test_what_only_the_server_writes_is_carried_over(services: Services) -> None:
    stored = (await services.fleet.create(a_stateful_set())).object
    updated = (await services.fleet.update(a_stateful_set(replicas=5))).object
    assert updated.metadata.uid == stored.metadata.uid
    assert updated.metadata.creation_timestamp == stored.metadata.creation_timestamp
    assert updated.spec.replicas == 5


async def test_the_generation_counts_changes_of_the_spec_only(services: Services) -> None:
    await services.fleet.create(a_stateful_set())
    labelled = a_stateful_set()
    labelled.metadata.labels["a"] = "b"
    assert (await services.fleet.update(labelled)).object.metadata.generation == 1
    assert (await services.fleet.update(a_stateful_set(replicas=4))).object.metadata.generation == 2


async def test_an_update_leaves_the_status_and_a_status_update_leaves_the_rest(services: Services) -> None:
    await services.fleet.create(a_stateful_set())
    asked = a_stateful_set(replicas=9)
    asked.status.replicas = 3
    after_status = (await services.fleet.update_status(asked)).object
    assert after_status.status.replicas == 3
    assert after_status.spec.replicas == 3
    assert after_status.metadata.generation == 1
    asked.status.replicas = 8
    after_update = (await services.fleet.update(asked)).object
    assert after_update.spec.replicas == 9
    assert after_update.status.replicas == 3


async def test_what_changes_nothing_writes_nothing(services: Services) -> None:
    stored = (await services.fleet.create(a_stateful_set())).object
    again = (await services.fleet.update(a_stateful_set())).object
    status = (await services.fleet.update_status(stored)).object
    assert again == stored
    assert status == stored
    assert services.workloads.replica.state.version == int(stored.metadata.resource_version)


@pytest.mark.surface("texts.conflict")
async def test_a_version_that_is_named_must_be_the_newest(services: Services) -> None:
    stored = (await services.fleet.create(a_config_map("x"))).object
    await services.fleet.update(a_config_map("x", data={"a": "1"}))
    stored.data["a"] = "2"
    with pytest.raises(Conflict) as caught:
        await services.fleet.update(stored)
    assert caught.value.message == (
        'Operation cannot be fulfilled on configmaps "x": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


async def test_of_writes_at_one_named_version_one_wins(services: Services) -> None:
    stored = (await services.fleet.create(a_config_map("x"))).object
    asked = []
    for number in range(4):
        change = a_config_map("x", data={"by": str(number)})
        change.metadata.resource_version = stored.metadata.resource_version
        asked.append(services.fleet.update(change))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 3


async def test_writes_that_name_no_version_all_come_through(services: Services) -> None:
    await services.fleet.create(a_pod())
    await asyncio.gather(
        *(services.fleet.update(a_pod(by=str(number))) for number in range(40)),
        services.fleet.update_status(running(a_pod())),
    )
    pod = await services.fleet.get(POD, "web-0", "default")
    assert pod.status.phase == "Running"
    assert int(pod.metadata.labels["by"]) in range(40)


async def test_a_delete_comes_through_however_many_write(services: Services) -> None:
    await services.fleet.create(a_config_map("x"))
    updates = [services.fleet.update(a_config_map("x", data={"by": str(number)})) for number in range(40)]
    *updated, deleted = await asyncio.gather(
        *updates, services.fleet.delete(CONFIG_MAP, "x", "default"), return_exceptions=True
    )
    assert not isinstance(deleted, BaseException)
    assert {type(outcome) for outcome in updated} <= {Written, NotFound}


async def test_another_uid_is_a_conflict(services: Services) -> None:
    stored = (await services.fleet.create(a_config_map("x"))).object
    asked = a_config_map("x")
    asked.metadata.uid = "other"
    with pytest.raises(Conflict) as caught:
        await services.fleet.update(asked)
    assert f"UID in precondition: other, UID in object meta: {stored.metadata.uid}" in caught.value.message


@pytest.mark.surface("texts.not-found")
async def test_what_does_not_exist_is_not_found(services: Services) -> None:
    with pytest.raises(NotFound) as caught:
        await services.fleet.update(a_stateful_set("nope"))
    assert caught.value.message == 'statefulsets.apps "nope" not found'


async def test_an_immutable_field_is_named(services: Services) -> None:
    await services.fleet.create(a_stateful_set())
    changed = a_stateful_set()
    changed.spec.service_name = "other"
    with pytest.raises(Invalid, match="spec: Forbidden: updates to statefulset spec for fields other than"):
        await services.fleet.update(changed)


async def test_kinds_without_status_have_no_status_update(services: Services) -> None:
    await services.fleet.create(a_config_map("x"))
    with pytest.raises(MethodNotAllowed):
        await services.fleet.update_status(a_config_map("x"))


async def test_a_dry_run_shows_the_outcome_and_keeps_what_is(services: Services) -> None:
    stored = (await services.fleet.create(a_stateful_set())).object
    shown = (await services.fleet.update(a_stateful_set(replicas=5), dry_run=True)).object
    assert shown.spec.replicas == 5
    assert shown.metadata.generation == 2
    assert await services.fleet.get(STATEFUL_SET, "web", "default") == stored


async def test_an_answer_is_not_what_later_answers_share(services: Services) -> None:
    written = (await services.fleet.create(a_config_map("x", data={"a": "1"}))).object
    written.data["a"] = "changed by the caller"
    assert (await services.fleet.get(CONFIG_MAP, "x", "default")).data["a"] == "1"
