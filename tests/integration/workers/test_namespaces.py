"""Namespaces are furnished, emptied and finalised, over the real services."""

import pytest

from statefleet.errors import Forbidden, NotFound
from statefleet.objects.kinds import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    ENDPOINTS,
    KINDS,
    NAMESPACE,
    POD,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
)
from statefleet.objects.pods import is_ready
from support.objects import a_config_map, a_namespace, a_pod, a_service, a_stateful_set


async def test_a_new_namespace_gets_its_service_account_and_gets_it_back(working):
    await working.create(a_namespace("new"))
    account = await working.until_shown(SERVICE_ACCOUNT, "default", namespace="new")
    await working.fleet.delete(SERVICE_ACCOUNT, "default", "new")
    await working.until_shown(
        SERVICE_ACCOUNT, "default", lambda found: found.metadata.uid != account.metadata.uid, namespace="new"
    )


async def test_an_empty_namespace_goes_at_once(working):
    await working.create(a_namespace("empty"))
    await working.until_shown(NAMESPACE, "empty")
    await working.fleet.delete(NAMESPACE, "empty")
    await working.until_gone(NAMESPACE, "empty")


async def test_a_namespace_that_is_deleted_takes_everything_in_it_along(working):
    await working.with_nodes("a", "b")
    await working.create(a_namespace("full"))
    for message in (
        a_stateful_set("web", "full", replicas=2),
        a_service("web", "full"),
        a_config_map("settings", "full"),
        a_pod("alone", "full"),
    ):
        await working.create(message)
    await working.until_shown(POD, "web-1", is_ready, namespace="full")
    await working.until_shown(ENDPOINTS, "web", namespace="full")
    await working.until(lambda: working.list(CONTROLLER_REVISION, "full"))
    await working.fleet.delete(NAMESPACE, "full")

    def is_empty() -> bool:
        working.clock.leap(1.0)  # Sweeps are kept apart by a pause.
        return working.get(NAMESPACE, "full") is None

    await working.until(is_empty)
    await working.calm()
    for kind in KINDS.values():
        if kind.namespaced:
            assert (await working.fleet.list(kind, "full")).items == []
    assert working.get(NAMESPACE, "default") is not None


async def test_what_holds_an_object_holds_its_namespace_and_nothing_new_comes_in(working):
    await working.create(a_namespace("held"))
    await working.until_shown(NAMESPACE, "held")
    message = a_config_map("held", "held")
    message.metadata.finalizers.append("example.com/hold")
    await working.create(message)
    await working.fleet.delete(NAMESPACE, "held")
    namespace = await working.until_shown(NAMESPACE, "held", lambda found: found.status.phase == "Terminating")
    with pytest.raises(Forbidden):
        await working.create(a_config_map("late", "held"))
    working.clock.leap(1.0)
    await working.calm()
    assert await working.is_stored(namespace)
    await working.change(CONFIG_MAP, "held", lambda found: found.metadata.ClearField("finalizers"), "held")
    working.clock.leap(1.0)
    await working.until_gone(NAMESPACE, "held")


async def test_a_namespace_made_anew_starts_empty(working):
    first = await working.create(a_namespace("again"))
    await working.create(a_stateful_set("web", "again"))
    await working.until_shown(STATEFUL_SET, "web", namespace="again")
    await working.fleet.delete(NAMESPACE, "again")

    def is_gone() -> bool:
        working.clock.leap(1.0)
        return working.get(NAMESPACE, "again") is None

    await working.until(is_gone)
    second = await working.create(a_namespace("again"))
    assert second.metadata.uid != first.metadata.uid
    with pytest.raises(NotFound):
        await working.fleet.get(STATEFUL_SET, "web", "again")
    await working.until_shown(SERVICE_ACCOUNT, "default", namespace="again")
