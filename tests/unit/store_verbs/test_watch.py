"""Watching: the six guarantees, initial events, selectors, bookmarks and expiry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from statefleet.api.object.v1.verbs_pb2 import WatchEvent, WatchRequest, WatchResponse
from statefleet.api.workloads.v1.workload_store_pb2_grpc import WorkloadStoreStub
from statefleet.errors import BadRequest
from statefleet.objects.kinds import CONFIG_MAP, POD, STATEFUL_SET, WORKLOADS
from statefleet.store.replica import ReplicaSettings
from support.objects import a_budget, a_config_map, a_namespace, a_pod, running
from support.opened_services import Services, opened_services
from support.stores import settle

ADDED, MODIFIED, DELETED = WatchEvent.TYPE_ADDED, WatchEvent.TYPE_MODIFIED, WatchEvent.TYPE_DELETED
BOOKMARK, EXPIRED = WatchEvent.TYPE_BOOKMARK, WatchEvent.TYPE_EXPIRED


class Watch:
    def __init__(self, call: Any) -> None:
        self._messages = aiter(call)

    async def message(self) -> WatchResponse:
        found: WatchResponse = await anext(self._messages)
        return found

    async def events(self, count: int) -> list[WatchEvent]:
        events: list[WatchEvent] = []
        while len(events) < count:
            events += (await self.message()).events
        assert len(events) == count
        return events

    async def told(self, count: int) -> list[tuple[int, str]]:
        return [(event.type, name_of(event)) for event in await self.events(count)]


def name_of(event: WatchEvent) -> str:
    held = event.object.WhichOneof("kind")
    return getattr(event.object, held).metadata.name if held else ""


@asynccontextmanager
async def watching(services: Services, *kinds: str, **options: Any) -> AsyncIterator[Watch]:
    call = WorkloadStoreStub(services.channel).Watch(WatchRequest(kinds=kinds, **options))
    try:
        yield Watch(call)
    finally:
        call.cancel()


def now(services: Services) -> str:
    return str(services.workloads.replica.state.version)


async def test_without_a_version_it_begins_with_what_there_is(services: Services) -> None:
    for name in ("b", "a"):
        await services.fleet.create(a_config_map(name))
    async with watching(services, "ConfigMap") as watch:
        assert await watch.told(2) == [(ADDED, "a"), (ADDED, "b")]
        await services.fleet.delete(CONFIG_MAP, "a", "default")
        assert await watch.told(1) == [(DELETED, "a")]


@pytest.mark.surface("traps.watch-list")
async def test_initial_events_end_with_a_bookmark(services: Services) -> None:
    await services.fleet.create(a_config_map("a"))
    version = now(services)
    async with watching(
        services, "ConfigMap", send_initial_events=True, allow_bookmarks=True, resource_version=version
    ) as watch:
        added, bookmark = await watch.events(2)
        assert (added.type, bookmark.type) == (ADDED, BOOKMARK)
        assert bookmark.initial_events_end
        assert bookmark.resource_version == version
        assert not bookmark.HasField("object")
        await services.fleet.create(a_config_map("b"))
        assert await watch.told(1) == [(ADDED, "b")]


async def test_initial_events_of_nothing_are_only_the_bookmark(services: Services) -> None:
    async with watching(services, "StatefulSet", send_initial_events=True) as watch:
        (bookmark,) = await watch.events(1)
        assert bookmark.initial_events_end


async def test_initial_events_say_no_version_before_they_are_complete(services: Services) -> None:
    for number in range(501):
        await services.fleet.create(a_config_map(f"cm-{number:03}"))
    async with watching(services, "ConfigMap") as watch:
        first, second = await watch.message(), await watch.message()
        assert (len(first.events), first.resource_version) == (500, "")
        assert (len(second.events), second.resource_version) == (1, now(services))


@pytest.mark.surface("requests.resource-version")
async def test_it_goes_on_after_a_version_without_gap_or_repetition(services: Services) -> None:
    await services.fleet.create(a_config_map("a"))
    version = now(services)
    await services.fleet.update(a_config_map("a", data={"n": "1"}))
    async with watching(services, "ConfigMap", resource_version=version) as watch:
        (event,) = await watch.events(1)
        assert (event.type, event.object.config_map.data["n"]) == (MODIFIED, "1")
        await services.fleet.update(a_config_map("a", data={"n": "2"}))
        (event,) = await watch.events(1)
        assert event.object.config_map.data["n"] == "2"


async def test_events_are_ordered_and_carry_their_versions(services: Services) -> None:
    version = int(now(services))
    async with watching(services, "ConfigMap", "Pod", resource_version=now(services)) as watch:
        for number in range(5):
            await services.fleet.create(a_config_map(f"cm-{number}"))
            await services.fleet.create(a_pod(f"pod-{number}"))
        events = await watch.events(10)
    assert [int(event.resource_version) for event in events] == list(range(version + 1, version + 11))
    for event in events:
        held = getattr(event.object, event.object.WhichOneof("kind") or "")
        assert held.metadata.resource_version == event.resource_version


async def test_the_changes_of_one_write_come_in_one_message(services: Services) -> None:
    await services.fleet.create(a_pod(node="n1", app="web"))
    await services.fleet.update_status(running(a_pod()))
    budget = a_budget(app="web")
    await services.fleet.create(budget)
    budget.status.disruptions_allowed, budget.status.observed_generation = 1, 1
    await services.fleet.update_status(budget)
    async with watching(services, "Pod", "PodDisruptionBudget", resource_version=now(services)) as watch:
        await services.fleet.evict("web-0", "default")
        message = await watch.message()
    assert {name_of(event) for event in message.events} == {"web-0", "budget"}
    assert message.resource_version == now(services)


async def test_a_deleted_object_is_shown_as_it_last_was_at_the_version_of_its_deletion(services: Services) -> None:
    stored = (await services.fleet.create(a_config_map("a", data={"x": "y"}))).object
    async with watching(services, "ConfigMap", resource_version=now(services)) as watch:
        answer = await services.fleet.delete(CONFIG_MAP, "a", "default")
        (event,) = await watch.events(1)
    assert event.type == DELETED
    assert event.resource_version == answer.resource_version
    assert event.object.config_map.metadata.resource_version == answer.resource_version
    stored.metadata.resource_version = answer.resource_version
    assert event.object.config_map == stored


async def test_what_begins_to_match_is_added_and_what_ceases_to_is_deleted(services: Services) -> None:
    version = now(services)
    async with watching(services, "ConfigMap", label_selector="color=red", resource_version=version) as watch:
        await services.fleet.create(a_config_map("a", color="blue"))
        await services.fleet.update(a_config_map("a", color="red"))
        await services.fleet.update(a_config_map("a", data={"n": "1"}, color="red"))
        gone = (await services.fleet.update(a_config_map("a", color="blue"))).object
        await services.fleet.update(a_config_map("a", color="green"))
        await services.fleet.create(a_config_map("b", color="red"))
        events = await watch.events(4)
    assert [(event.type, name_of(event)) for event in events] == [
        (ADDED, "a"),
        (MODIFIED, "a"),
        (DELETED, "a"),
        (ADDED, "b"),
    ]
    assert events[2].object.config_map == gone


async def test_a_node_sees_the_pods_bound_to_it(services: Services) -> None:
    async with watching(services, "Pod", field_selector="spec.nodeName=n1", resource_version=now(services)) as watch:
        for name in ("mine", "other"):
            await services.fleet.create(a_pod(name))
        await services.fleet.bind("other", "default", "n2")
        await services.fleet.bind("mine", "default", "n1")
        assert await watch.told(1) == [(ADDED, "mine")]
        await services.fleet.update_status(running(a_pod("other")))
        await services.fleet.update_status(running(a_pod("mine")))
        assert await watch.told(1) == [(MODIFIED, "mine")]


async def test_only_the_namespace_asked_for(services: Services) -> None:
    await services.fleet.create(a_namespace("elsewhere"))
    async with watching(services, "ConfigMap", namespace="default", resource_version=now(services)) as watch:
        await services.fleet.create(a_config_map("a", "elsewhere"))
        await services.fleet.create(a_config_map("b"))
        assert await watch.told(1) == [(ADDED, "b")]


@pytest.mark.surface("requests.bookmarks")
async def test_an_idle_watcher_gets_bookmarks_that_pass_over_what_it_does_not_watch(services: Services) -> None:
    async with watching(services, "StatefulSet", allow_bookmarks=True, resource_version=now(services)) as watch:
        await settle()
        await services.fleet.create(a_config_map("a"))
        await services.clock.advance(61)
        (bookmark,) = await watch.events(1)
        assert (bookmark.type, bookmark.resource_version) == (BOOKMARK, now(services))
        assert not bookmark.initial_events_end


async def test_without_being_asked_for_there_are_no_bookmarks_but_progress(services: Services) -> None:
    async with watching(services, "StatefulSet", resource_version=now(services)) as watch:
        await settle()
        await services.fleet.create(a_config_map("a"))
        await services.clock.advance(61)
        message = await watch.message()
        assert not message.events
        assert message.resource_version == now(services)


async def test_a_claim_tells_watchers_at_once_how_far_they_are(services: Services) -> None:
    async with watching(services, "StatefulSet", resource_version=now(services)) as watch:
        await settle()
        await services.fleet.create(a_config_map("a"))
        claim = await services.fleet.claim_shard(WORKLOADS, "statefulset/0", "worker")
        message = await watch.message()
        assert message.resource_version == claim.resource_version == now(services)


async def test_a_forgotten_version_expires(services: Services) -> None:
    async with opened_services(settings=ReplicaSettings(history_most=2)) as forgetful:
        version = now(forgetful)
        for number in range(5):
            await forgetful.fleet.create(a_config_map(f"cm-{number}"))
        async with watching(forgetful, "ConfigMap", resource_version=version) as watch:
            (event,) = await watch.events(1)
            assert event.type == EXPIRED
            with pytest.raises(StopAsyncIteration):
                await watch.message()


@pytest.mark.parametrize(
    ("kinds", "text"),
    [([], "kinds"), (["Pod", "Event"], "events are watched alone"), (["Nothing"], 'no kind "Nothing"')],
)
async def test_watches_that_cannot_be(services: Services, kinds: list[str], text: str) -> None:
    async with watching(services, *kinds) as watch:
        with pytest.raises(Exception, match=text):
            await watch.message()


async def test_the_client_sees_the_same(services: Services) -> None:
    with pytest.raises(BadRequest):
        async for _ in services.fleet.watch([POD, STATEFUL_SET], resource_version="abc"):
            pass
