"""Watches: what is sent, in which form, and how they end."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from statefleet.api.core.v1.config_pb2 import ConfigMap
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.api.object.v1.verbs_pb2 import WatchEvent
from statefleet.errors import Expired, FleetError, NotLeader, Unavailable
from statefleet.objects.kinds import CONFIG_MAP, KINDS, Kind
from support.gateway_client import Client, serve
from support.memory_fleet import MemoryFleet

MAPS = "/api/v1/namespaces/n/configmaps"
WATCH_LIST = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"


@pytest.fixture
async def fleet() -> MemoryFleet:
    fleet = MemoryFleet()
    await fleet.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="n"), data={"k": "v"}))
    return fleet


@pytest.fixture
async def client(fleet: MemoryFleet) -> AsyncIterator[Client]:
    async with serve(fleet) as client:
        yield client


async def lines(response: aiohttp.ClientResponse, count: int) -> list[Any]:
    return [json.loads(await response.content.readline()) for _ in range(count)]


async def test_what_is_there_comes_first_and_then_each_change(client: Client, fleet: MemoryFleet) -> None:
    async with client.session.get(f"{MAPS}?watch=1") as response:
        (first,) = await lines(response, 1)
        assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "a")
        await fleet.update(ConfigMap(metadata=ObjectMeta(name="a", namespace="n"), data={"k": "w"}))
        (second,) = await lines(response, 1)
        assert (second["type"], second["object"]["data"]) == ("MODIFIED", {"k": "w"})


@pytest.mark.surface("requests.resource-version")
async def test_nothing_comes_first_after_a_version(client: Client, fleet: MemoryFleet) -> None:
    async with client.session.get(f"{MAPS}?watch=1&resourceVersion=1") as response:
        assert fleet.calls[-1][1]["resource_version"] == "1"
        await fleet.update(ConfigMap(metadata=ObjectMeta(name="a", namespace="n")))
        (first,) = await lines(response, 1)
        assert (first["type"], first["object"]["metadata"]["resourceVersion"]) == ("MODIFIED", "2")


async def test_no_initial_events_and_no_version_starts_now(client: Client, fleet: MemoryFleet) -> None:
    query = "watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan"
    async with client.session.get(f"{MAPS}?{query}") as response:
        assert response.status == 200
        assert fleet.calls[-1][1]["resource_version"] == "1"


@pytest.mark.parametrize("query", ["watch=1", "watch=1&resourceVersion=1", WATCH_LIST])
async def test_no_watch_begins_while_the_store_does_not_answer(
    client: Client, fleet: MemoryFleet, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    async def unanswered(*_: Any, **__: Any) -> Any:
        raise Unavailable("no replica answers")

    monkeypatch.setattr(fleet, "list", unanswered)
    async with client.session.get(f"{MAPS}?{query}") as response:
        told = await response.json()
    assert (response.status, told["reason"], response.headers["Retry-After"]) == (503, "ServiceUnavailable", "1")
    assert "watch" not in [name for name, _ in fleet.calls]


@pytest.mark.surface("traps.watch-list")
async def test_initial_events_end_with_a_bookmark(client: Client) -> None:
    async with client.session.get(f"{MAPS}?{WATCH_LIST}") as response:
        added, bookmark = await lines(response, 2)
    assert added["type"] == "ADDED"
    assert bookmark["type"] == "BOOKMARK"
    assert bookmark["object"]["kind"] == "ConfigMap"
    assert bookmark["object"]["metadata"]["resourceVersion"] == "1"
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_deletion_carries_the_last_state_at_the_version_of_the_deletion(
    client: Client, fleet: MemoryFleet
) -> None:
    async with client.session.get(f"{MAPS}?watch=1&resourceVersion=1") as response:
        await client.call("DELETE", f"{MAPS}/a")
        (event,) = await lines(response, 1)
    assert event["type"] == "DELETED"
    assert (event["object"]["data"], event["object"]["metadata"]["resourceVersion"]) == ({"k": "v"}, "2")


async def test_a_deletion_from_view_does_not_hide_the_object_of_that_version(
    client: Client, fleet: MemoryFleet
) -> None:
    """Who selects by a label sees what was there before the label went, who does not sees what is there after."""
    async with client.session.get(f"{MAPS}?watch=1&resourceVersion=1") as response:
        old = fleet.objects["ConfigMap", "n", "a"]
        fleet.tell(WatchEvent(type=WatchEvent.TYPE_DELETED, object=CONFIG_MAP.wrap(old), resource_version="2"))
        await fleet.update(ConfigMap(metadata=ObjectMeta(name="a", namespace="n"), data={"k": "w"}))
        gone, changed = await lines(response, 2)
    assert gone["object"]["data"] == {"k": "v"}
    assert changed["object"]["data"] == {"k": "w"}
    assert gone["object"]["metadata"]["resourceVersion"] == changed["object"]["metadata"]["resourceVersion"]


@pytest.mark.surface("requests.get-watch")
async def test_tables_name_their_columns_once(client: Client, fleet: MemoryFleet) -> None:
    headers = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    async with client.session.get(f"{MAPS}?watch=1", headers=headers) as response:
        await fleet.update(ConfigMap(metadata=ObjectMeta(name="a", namespace="n")))
        first, second = await lines(response, 2)
    assert first["object"]["kind"] == "Table"
    assert first["object"]["columnDefinitions"]
    assert not second["object"].get("columnDefinitions")
    assert second["object"]["rows"][0]["cells"][0] == "a"


@pytest.mark.parametrize("form", ["Table", "PartialObjectMetadata"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
async def test_bookmarks_of_every_kind_in_every_form(kind: Kind[Any], form: str) -> None:
    group = f"apis/{kind.group}" if kind.group else "api"
    headers = {"Accept": f"application/json;as={form};v=v1;g=meta.k8s.io"}
    async with serve(MemoryFleet()) as client:
        path = f"/{group}/{kind.version}/{kind.plural}?{WATCH_LIST}"
        async with client.session.get(path, headers=headers) as response:
            (event,) = await lines(response, 1)
    shown = event["object"]["rows"][0]["object"] if form == "Table" else event["object"]
    assert (event["type"], event["object"]["kind"]) == ("BOOKMARK", form)
    assert shown["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_forgotten_version_is_an_error_event_with_status_200(client: Client, fleet: MemoryFleet) -> None:
    async with client.session.get(f"{MAPS}?watch=1&resourceVersion=1") as response:
        fleet.tell(WatchEvent(type=WatchEvent.TYPE_EXPIRED, resource_version="9"))
        (event,) = await lines(response, 1)
    assert response.status == 200
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")


@pytest.mark.surface("requests.bookmarks")
async def test_bookmarks_only_for_who_wants_them(client: Client, fleet: MemoryFleet) -> None:
    async with client.session.get(f"{MAPS}?watch=1&resourceVersion=1") as response:
        fleet.tell(WatchEvent(type=WatchEvent.TYPE_BOOKMARK, resource_version="1"))
        await fleet.update(ConfigMap(metadata=ObjectMeta(name="a", namespace="n")))
        (event,) = await lines(response, 1)
    assert event["type"] == "MODIFIED"


@pytest.mark.surface("requests.timeout-seconds")
async def test_its_time_over_a_watch_ends_cleanly(client: Client) -> None:
    async with client.session.get(f"{MAPS}?watch=1&timeoutSeconds=1&resourceVersion=1") as response:
        async with asyncio.timeout(1.9):
            assert await response.read() == b""


async def test_a_client_that_goes_ends_its_watch(client: Client, fleet: MemoryFleet) -> None:
    async with client.session.get(f"{MAPS}?watch=1&resourceVersion=1") as response:
        response.close()
    async with asyncio.timeout(1):
        await fleet.unwatched.wait()


async def test_a_client_that_reads_nothing_does_not_hold_up_the_stop(fleet: MemoryFleet) -> None:
    large = ConfigMap(metadata=ObjectMeta(name="a", namespace="n"), data={"k": "x" * 1_000_000})
    async with serve(fleet) as client:
        async with client.session.get(f"{MAPS}?watch=1&resourceVersion=1") as response:
            for _ in range(20):
                await fleet.update(large)
            client.gateway.stop()
            async with asyncio.timeout(1):
                await fleet.unwatched.wait()
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()


@pytest.mark.parametrize("error", [Unavailable("the store has stopped"), NotLeader("another leads")])
async def test_a_store_that_goes_away_ends_the_stream_so_that_it_is_taken_up_again(
    client: Client, fleet: MemoryFleet, error: FleetError
) -> None:
    async with client.session.get(f"{MAPS}?watch=1") as response:
        await lines(response, 1)
        fleet.break_off(error)
        assert await response.read() == b""


async def test_what_no_repeat_would_mend_is_told_as_an_error(client: Client, fleet: MemoryFleet) -> None:
    async with client.session.get(f"{MAPS}?watch=1") as response:
        await lines(response, 1)
        fleet.break_off(Expired("the store was loaded anew"))
        (event,) = await lines(response, 1)
        assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


async def test_stopping_ends_watches_cleanly(client: Client) -> None:
    async with client.session.get(f"{MAPS}?watch=1") as response:
        await lines(response, 1)
        client.gateway.stop()
        async with asyncio.timeout(1):
            assert await response.read() == b""
    async with client.session.get(f"{MAPS}?watch=1&resourceVersion=1") as response:
        async with asyncio.timeout(1):
            assert await response.read() == b""
    async with client.session.get("/readyz") as response:
        assert response.status == 503


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("resourceVersion=abc", 500),
        ("labelSelector=a%20b", 400),
        ("fieldSelector=spec.foo%3Dx", 400),
        ("sendInitialEvents=true", 422),
        ("timeoutSeconds=soon", 400),
    ],
)
async def test_what_is_wrong_is_said_before_the_stream(client: Client, query: dict[str, str], code: int) -> None:
    assert (await client.call("GET", f"{MAPS}?watch=1&{query}"))[0] == code
