"""Namespaces: those that are always there, and how one goes."""

from __future__ import annotations

import pytest

from statefleet.api.core.v1.event_pb2 import Event
from statefleet.errors import Conflict, Forbidden, NotFound
from statefleet.objects.kinds import CONFIG_MAP, EVENT, NAMESPACE, SERVICE_ACCOUNT
from support.objects import a_config_map, a_namespace, meta
from support.opened_services import Services


async def test_every_fleet_has_some_from_the_start(services: Services) -> None:
    names = [each.metadata.name for each in (await services.fleet.list(NAMESPACE)).items]
    assert names == ["default", "kube-system"]
    assert (await services.fleet.get(SERVICE_ACCOUNT, "default", "default")).metadata.uid


async def test_a_new_one_is_active_and_held(services: Services) -> None:
    namespace = (await services.fleet.create(a_namespace("team"))).object
    assert namespace.status.phase == "Active"
    assert list(namespace.spec.finalizers) == ["kubernetes"]
    assert namespace.metadata.labels["kubernetes.io/metadata.name"] == "team"


async def test_an_update_does_not_let_go_of_it(services: Services) -> None:
    await services.fleet.create(a_namespace("team"))
    changed = a_namespace("team")
    changed.metadata.labels["a"] = "b"
    updated = (await services.fleet.update(changed)).object
    assert list(updated.spec.finalizers) == ["kubernetes"]
    assert updated.status.phase == "Active"


async def test_one_that_is_deleted_terminates_until_it_is_finalised(services: Services) -> None:
    created = (await services.fleet.create(a_namespace("team"))).object
    await services.fleet.create(a_config_map("cm", "team"))
    answer = await services.fleet.delete(NAMESPACE, "team")
    assert not answer.deleted
    assert answer.object.namespace.status.phase == "Terminating"
    assert answer.object.namespace.metadata.HasField("deletion_timestamp")
    assert not (await services.fleet.delete(NAMESPACE, "team")).deleted
    with pytest.raises(Conflict, match="the namespace still has configmaps"):
        await services.fleet.finalize_namespace("team", created.metadata.uid)
    await services.fleet.delete(CONFIG_MAP, "cm", "team")
    with pytest.raises(Conflict, match="UID in precondition"):
        await services.fleet.finalize_namespace("team", "other")
    assert (await services.fleet.finalize_namespace("team", created.metadata.uid)).deleted
    with pytest.raises(NotFound):
        await services.fleet.get(NAMESPACE, "team")


async def test_one_that_stays_is_not_finalised(services: Services) -> None:
    created = (await services.fleet.create(a_namespace("team"))).object
    with pytest.raises(Conflict, match="the namespace is not being deleted"):
        await services.fleet.finalize_namespace("team", created.metadata.uid)


async def test_its_own_finalizers_hold_it_longer(services: Services) -> None:
    namespace = a_namespace("team")
    namespace.metadata.finalizers.append("example.com/hold")
    created = (await services.fleet.create(namespace)).object
    await services.fleet.delete(NAMESPACE, "team")
    answer = await services.fleet.finalize_namespace("team", created.metadata.uid)
    assert not answer.deleted
    held = answer.object.namespace
    del held.metadata.finalizers[:]
    await services.fleet.update(held)
    with pytest.raises(NotFound):
        await services.fleet.get(NAMESPACE, "team")


async def test_its_events_go_with_it(services: Services) -> None:
    created = (await services.fleet.create(a_namespace("team"))).object
    for namespace in ("team", "default"):
        event = Event(metadata=meta("happened", namespace), reason="Tested", type="Normal")
        event.involved_object.kind, event.involved_object.namespace = "Pod", namespace
        await services.fleet.create(event)
    await services.fleet.delete(NAMESPACE, "team")
    await services.fleet.finalize_namespace("team", created.metadata.uid)
    assert [each.metadata.namespace for each in (await services.fleet.list(EVENT)).items] == ["default"]


@pytest.mark.parametrize("name", ["default", "kube-system"])
async def test_those_that_the_fleet_needs_stay(services: Services, name: str) -> None:
    with pytest.raises(Forbidden, match=f'namespaces "{name}" is forbidden: this namespace may not be deleted'):
        await services.fleet.delete(NAMESPACE, name)


async def test_a_name_can_be_used_again(services: Services) -> None:
    first = (await services.fleet.create(a_namespace("team"))).object
    await services.fleet.delete(NAMESPACE, "team")
    await services.fleet.finalize_namespace("team", first.metadata.uid)
    second = (await services.fleet.create(a_namespace("team"))).object
    assert second.metadata.uid != first.metadata.uid
    await services.fleet.create(a_config_map("cm", "team"))
