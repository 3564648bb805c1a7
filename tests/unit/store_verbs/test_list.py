"""Listing: pages of one version, selectors, and which version is shown."""

from __future__ import annotations

import pytest

from statefleet.api.object.v1.verbs_pb2 import ListRequest, ListResponse
from statefleet.api.workloads.v1.workload_store_pb2_grpc import WorkloadStoreStub
from statefleet.errors import BadRequest, Expired, NotFound, Timeout
from statefleet.objects.kinds import CONFIG_MAP, POD
from statefleet.store.replica import Replica, ReplicaSettings
from support.objects import a_config_map, a_namespace, a_pod
from support.opened_services import Services, opened_services


async def fill(services: Services, count: int) -> None:
    for number in range(count):
        await services.fleet.create(a_config_map(f"cm-{number:03}", parity="even" if number % 2 == 0 else "odd"))


async def test_objects_come_by_namespace_and_name(services: Services) -> None:
    await services.fleet.create(a_namespace("a-first"))
    for name, namespace in (("b", "default"), ("a", "default"), ("z", "a-first")):
        await services.fleet.create(a_config_map(name, namespace))
    listing = await services.fleet.list(CONFIG_MAP)
    found = [(item.metadata.namespace, item.metadata.name) for item in listing.items]
    assert found == [("a-first", "z"), ("default", "a"), ("default", "b")]
    only = await services.fleet.list(CONFIG_MAP, "default")
    assert [item.metadata.name for item in only.items] == ["a", "b"]


@pytest.mark.surface("requests.limit-continue")
async def test_pages_show_one_version_while_writes_go_on(services: Services) -> None:
    await fill(services, 10)
    first = await services.fleet.list(CONFIG_MAP, "default", limit=4)
    assert first.remaining == 6
    await services.fleet.delete(CONFIG_MAP, "cm-005", "default")
    await services.fleet.update(a_config_map("cm-006", data={"changed": "yes"}))
    await services.fleet.create(a_config_map("cm-0055"))
    second = await services.fleet.list(CONFIG_MAP, "default", limit=4, continue_token=first.continue_token)
    third = await services.fleet.list(CONFIG_MAP, "default", limit=4, continue_token=second.continue_token)
    names = [item.metadata.name for page in (first, second, third) for item in page.items]
    assert names == [f"cm-{number:03}" for number in range(10)]
    assert not any(item.data for item in second.items)
    assert {page.resource_version for page in (first, second, third)} == {first.resource_version}
    assert (third.continue_token, third.remaining) == ("", 0)


async def test_a_page_that_ends_with_the_list_has_no_token(services: Services) -> None:
    await fill(services, 4)
    assert not (await services.fleet.list(CONFIG_MAP, "default", limit=4)).continue_token


async def test_a_list_that_has_not_changed_is_not_sent_again(services: Services) -> None:
    async def asked_again() -> tuple[bool, list[str]]:
        again = await services.fleet.list(CONFIG_MAP, unless_unchanged_since=first.resource_version)
        return again.unchanged, [item.metadata.name for item in again.items]

    await fill(services, 2)
    first = await services.fleet.list(CONFIG_MAP)
    assert not first.unchanged
    await services.fleet.create(a_namespace("another"))
    again = await services.fleet.list(CONFIG_MAP, "default", unless_unchanged_since=first.resource_version)
    assert (again.unchanged, again.items) == (True, [])
    assert int(again.resource_version) > int(first.resource_version)
    await services.fleet.delete(CONFIG_MAP, "cm-000", "default")
    assert await asked_again() == (False, ["cm-001"])
    first = await services.fleet.list(CONFIG_MAP)
    await services.fleet.update(a_config_map("cm-001", data={"changed": "yes"}))
    assert await asked_again() == (False, ["cm-001"])


async def test_a_list_of_a_version_to_come_is_sent(services: Services) -> None:
    await fill(services, 2)
    version = int((await services.fleet.list(CONFIG_MAP)).resource_version)
    listing = await services.fleet.list(CONFIG_MAP, unless_unchanged_since=str(version + 1))
    assert (listing.unchanged, len(listing.items)) == (False, 2)


async def test_a_list_at_one_version_is_sent_though_nothing_has_changed(services: Services) -> None:
    await fill(services, 2)
    version = (await services.fleet.list(CONFIG_MAP)).resource_version
    listing = await services.fleet.list(
        CONFIG_MAP, resource_version=version, resource_version_match="Exact", unless_unchanged_since=version
    )
    assert (listing.unchanged, len(listing.items)) == (False, 2)


async def test_pages_of_a_selection(services: Services) -> None:
    await fill(services, 10)
    names, token = [], ""
    while True:
        page = await services.fleet.list(
            CONFIG_MAP, "default", label_selector="parity=odd", limit=2, continue_token=token
        )
        names += [item.metadata.name for item in page.items]
        assert page.remaining == 0
        token = page.continue_token
        if not token:
            break
    assert names == ["cm-001", "cm-003", "cm-005", "cm-007", "cm-009"]


async def test_an_expired_token_comes_with_a_fresh_one() -> None:
    async with opened_services(settings=ReplicaSettings(history_most=3)) as services:
        await fill(services, 6)
        first = await services.fleet.list(CONFIG_MAP, "default", limit=2)
        for number in range(6):
            await services.fleet.update(a_config_map("cm-004", data={"n": str(number)}))
        with pytest.raises(Expired, match="The provided continue parameter is too old") as caught:
            await services.fleet.list(CONFIG_MAP, "default", limit=2, continue_token=first.continue_token)
        assert caught.value.subject is not None
        (cause,) = caught.value.subject.causes
        assert cause.field == "metadata.continue"
        rest = await services.fleet.list(CONFIG_MAP, "default", continue_token=cause.message)
        assert [item.metadata.name for item in rest.items] == ["cm-002", "cm-003", "cm-004", "cm-005"]


@pytest.mark.parametrize("token", ["x", "e30", "WzEsMiwzXQ", "☃"])
async def test_a_token_that_was_not_given_out_is_refused(services: Services, token: str) -> None:
    with pytest.raises(BadRequest, match="continue key is not valid"):
        await services.fleet.list(CONFIG_MAP, "default", continue_token=token)


@pytest.mark.surface("requests.resource-version-match")
async def test_an_exact_version_is_shown_as_it_was(services: Services) -> None:
    await fill(services, 2)
    version = (await services.fleet.list(CONFIG_MAP, "default")).resource_version
    await services.fleet.delete(CONFIG_MAP, "cm-000", "default")
    then = await services.fleet.list(CONFIG_MAP, "default", resource_version=version, resource_version_match="Exact")
    assert [item.metadata.name for item in then.items] == ["cm-000", "cm-001"]
    assert then.resource_version == version
    for match in ("NotOlderThan", ""):
        now = await services.fleet.list(CONFIG_MAP, "default", resource_version=version, resource_version_match=match)
        assert [item.metadata.name for item in now.items] == ["cm-001"]
        assert int(now.resource_version) > int(version)


async def test_a_limit_with_a_version_means_that_version(services: Services) -> None:
    await fill(services, 2)
    version = (await services.fleet.list(CONFIG_MAP, "default")).resource_version
    await services.fleet.delete(CONFIG_MAP, "cm-000", "default")
    page = await services.fleet.list(CONFIG_MAP, "default", resource_version=version, limit=5)
    assert len(page.items) == 2


@pytest.mark.parametrize(
    ("version", "match", "text"),
    [
        ("", "Exact", "resourceVersionMatch is forbidden unless resourceVersion is provided"),
        ("0", "Exact", 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
        ("1", "Sometimes", 'Unsupported value: "Sometimes"'),
        ("abc", "", 'Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax'),
    ],
)
async def test_versions_that_mean_nothing(services: Services, version: str, match: str, text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        await services.fleet.list(CONFIG_MAP, resource_version=version, resource_version_match=match)
    assert text in caught.value.message


@pytest.mark.parametrize(
    ("labels", "fields", "text"),
    [
        ("a b", "", "unable to parse requirement: found 'b', expected: '=', '!=', '==', 'in', notin'"),
        ("", "spec.foo=x", "field label not supported: spec.foo"),
    ],
)
async def test_selectors_that_mean_nothing(services: Services, labels: str, fields: str, text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        await services.fleet.list(POD, "default", label_selector=labels, field_selector=fields)
    assert caught.value.message == text


async def test_a_version_ahead_is_waited_for_and_then_refused(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = services.workloads.replica.state.version + 1
    wait = Replica.wait_for

    async def impatient(replica: Replica, version: int, timeout: float = 0.05) -> None:
        await wait(replica, version, timeout)

    monkeypatch.setattr(Replica, "wait_for", impatient)
    with pytest.raises(Timeout, match="Too large resource version") as caught:
        await services.fleet.list(CONFIG_MAP, resource_version=str(version))
    assert caught.value.subject is not None
    assert caught.value.subject.causes[0].reason == "ResourceVersionTooLarge"
    await services.fleet.create(a_config_map())
    assert len((await services.fleet.list(CONFIG_MAP, resource_version=str(version))).items) == 1


async def test_get_can_ask_for_a_uid_and_a_version(services: Services) -> None:
    stored = (await services.fleet.create(a_pod())).object
    assert await services.fleet.get(POD, "web-0", "default", uid=stored.metadata.uid) == stored
    assert await services.fleet.get(POD, "web-0", "default", resource_version="0") == stored
    with pytest.raises(NotFound, match='pods "web-0" not found'):
        await services.fleet.get(POD, "web-0", "default", uid="other")


async def test_a_kind_of_another_service_is_not_served(services: Services) -> None:
    stub = WorkloadStoreStub(services.channel)
    with pytest.raises(Exception, match='no kind "Node" is stored here'):
        async for _ in stub.List(ListRequest(kind="Node")):
            pass


async def test_a_page_comes_in_messages_that_are_not_too_large(services: Services) -> None:
    for number in range(5):
        await services.fleet.create(a_config_map(f"large-{number}", data={"x": "y" * 400_000}))
    stub = WorkloadStoreStub(services.channel)
    request = ListRequest(kind="ConfigMap", limit=4)
    messages: list[ListResponse] = [message async for message in stub.List(request)]
    assert [len(message.objects) for message in messages] == [2, 2]
    assert [bool(message.continue_token) for message in messages] == [False, True]
    assert len({message.resource_version for message in messages}) == 1


async def test_many_small_objects_come_by_the_hundred(services: Services) -> None:
    await fill(services, 501)
    stub = WorkloadStoreStub(services.channel)
    messages = [message async for message in stub.List(ListRequest(kind="ConfigMap"))]
    assert [len(message.objects) for message in messages] == [500, 1]
