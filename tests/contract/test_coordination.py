"""What every coordinator keeps. A new one joins by adding its name to COORDINATORS and a way to reach it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from typing import Any, Protocol

import pytest

from statefleet.coordination.door import Coordination, Leadership
from statefleet.coordination.local import LocalCoordination
from statefleet.coordination.zookeeper import ZooKeeperCoordination, ZooKeeperSettings
from support.zookeeper_view import ZooKeeperView, expire, zookeeper_view


class Place(Protocol):
    """One coordinator that all members of the test share."""

    async def member(self) -> Coordination:
        """Return the coordination as one more process sees it."""

    async def until_in_line(self, name: str, members: list[str]) -> None:
        """Wait until these stand in line for a name, in their order."""

    async def expire_leader(self, name: str) -> None:
        """End the leading process's session behind its back."""


class LocalPlace:
    def __init__(self) -> None:
        self._coordination = LocalCoordination()

    async def member(self) -> Coordination:
        return self._coordination

    async def until_in_line(self, name: str, members: list[str]) -> None:
        await asyncio.sleep(0)
        assert list(self._coordination._lines[name].values()) == members

    async def expire_leader(self, name: str) -> None:
        self._coordination.revoke(name)


class ZooKeeperPlace:
    def __init__(self, settings: ZooKeeperSettings, stack: AsyncExitStack, view: ZooKeeperView) -> None:
        self._settings = settings
        self._stack = stack
        self._view = view
        self._members: list[ZooKeeperCoordination] = []

    async def member(self) -> Coordination:
        member = await self._stack.enter_async_context(ZooKeeperCoordination(self._settings))
        self._members.append(member)
        return member

    async def until_in_line(self, name: str, members: list[str]) -> None:
        await self._view.until_line(name, members)

    async def expire_leader(self, name: str) -> None:
        owner = await self._view.owner_of_first(name)
        [leading] = [member for member in self._members if member._client.current.session == owner]  # type: ignore[union-attr]
        await expire(leading, self._settings.hosts)


@asynccontextmanager
async def local(_: pytest.FixtureRequest) -> AsyncIterator[Place]:
    yield LocalPlace()


@asynccontextmanager
async def zookeeper(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    hosts = request.getfixturevalue("zookeeper")
    settings = ZooKeeperSettings(hosts=hosts, root=f"/contract-{uuid.uuid4()}", session_timeout_seconds=2)
    async with AsyncExitStack() as stack:
        view = await stack.enter_async_context(zookeeper_view(hosts, settings.root))
        yield ZooKeeperPlace(settings, stack, view)


COORDINATORS: dict[str, Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Place]]] = {
    "local": local,
    "zookeeper": zookeeper,
}


@pytest.fixture(params=COORDINATORS)
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    async with COORDINATORS[request.param](request) as made:
        yield made


async def soon(awaitable: Any) -> Any:
    return await asyncio.wait_for(awaitable, 10)


async def campaigning(place: Place, count: int, name: str = "store") -> list[asyncio.Task[Leadership]]:
    """Candidates that stand in line in their order."""
    tasks = []
    for index in range(count):
        coordination = await place.member()
        tasks.append(asyncio.ensure_future(coordination.campaign(name, f"member-{index}")))
        await place.until_in_line(name, [f"member-{each}" for each in range(index + 1)])
    return tasks


async def test_one_leads_and_the_others_wait(place: Place) -> None:
    first, second, third = await campaigning(place, 3)
    leadership = await soon(first)
    assert not leadership.lost.is_set()
    done, _ = await asyncio.wait([second, third], timeout=0.05)
    assert not done
    assert await (await place.member()).leader("store") == "member-0"
    for task in (second, third):
        task.cancel()


async def test_after_a_resignation_the_next_in_line_leads_with_a_greater_hint(place: Place) -> None:
    first, second, third = await campaigning(place, 3)
    one = await soon(first)
    await one.resign()
    two = await soon(second)
    assert two.epoch_hint > one.epoch_hint
    assert one.lost.is_set()
    assert not third.done()
    await one.resign()
    assert not third.done(), "resigning again takes nothing from the next"
    third.cancel()


async def test_one_who_gives_up_waiting_leaves_the_line(place: Place) -> None:
    first, second, third = await campaigning(place, 3)
    second.cancel()
    await (await soon(first)).resign()
    await soon(third)
    assert await (await place.member()).leader("store") == "member-2"


async def test_a_leader_whose_session_ends_is_told_and_the_next_leads(place: Place) -> None:
    first, second = await campaigning(place, 2)
    leadership = await soon(first)
    await place.expire_leader("store")
    await soon(leadership.lost.wait())
    await soon(second)
    await leadership.resign()
    assert await (await place.member()).leader("store") == "member-1"


async def test_names_are_led_apart(place: Place) -> None:
    coordination = await place.member()
    await soon(coordination.campaign("one", "a"))
    await soon(coordination.campaign("two", "b"))
    assert await coordination.leader("one") == "a"
    assert await coordination.leader("three") == ""


async def test_members_are_seen_as_they_come_and_go(place: Place) -> None:
    coordination, watching = await place.member(), await place.member()
    async with aclosing(watching.members("worker")) as changes:
        assert await soon(anext(changes)) == ()
        b = await coordination.join("worker", "b")
        assert await soon(anext(changes)) == ("b",)
        await coordination.join("worker", "a")
        assert await soon(anext(changes)) == ("a", "b")
        await coordination.join("agent", "c")
        await b.leave()
        await b.leave()
        assert await soon(anext(changes)) == ("a",)


async def test_a_watcher_that_was_away_sees_who_is_there_now(place: Place) -> None:
    coordination = await place.member()
    async with aclosing(coordination.members("worker")) as changes:
        await soon(anext(changes))
        for name in "abc":
            await coordination.join("worker", name)
        assert await soon(anext(changes)) == ("a", "b", "c")
