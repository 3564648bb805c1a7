"""What every coordinator keeps. A new one joins by adding its name to COORDINATORS and a way to reach it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from statefleet.coordination.door import Coordination, Leadership
from statefleet.coordination.local import LocalCoordination


class LocalPlace:
    """One coordinator that all members of the test share."""

    def __init__(self) -> None:
        self._coordination = LocalCoordination()

    async def member(self) -> Coordination:
        """Return the coordination as one more process sees it."""
        return self._coordination

    async def expire_leader(self, name: str) -> None:
        """End the leading process's session behind its back."""
        self._coordination.revoke(name)


COORDINATORS = ["local"]


@pytest.fixture(params=COORDINATORS)
def place() -> LocalPlace:
    return LocalPlace()


async def soon(awaitable: Any) -> Any:
    return await asyncio.wait_for(awaitable, 10)


async def campaigning(place: LocalPlace, count: int, name: str = "store") -> list[asyncio.Task[Leadership]]:
    """Candidates that stand in line in their order."""
    tasks = []
    for index in range(count):
        coordination = await place.member()
        tasks.append(asyncio.ensure_future(coordination.campaign(name, f"member-{index}")))
        await asyncio.sleep(0)
    return tasks


async def test_one_leads_and_the_others_wait(place: LocalPlace) -> None:
    first, second, third = await campaigning(place, 3)
    leadership = await soon(first)
    assert not leadership.lost.is_set()
    done, _ = await asyncio.wait([second, third], timeout=0.05)
    assert not done
    assert await (await place.member()).leader("store") == "member-0"
    for task in (second, third):
        task.cancel()


async def test_after_a_resignation_the_next_in_line_leads_with_a_greater_hint(place: LocalPlace) -> None:
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


async def test_one_who_gives_up_waiting_leaves_the_line(place: LocalPlace) -> None:
    first, second, third = await campaigning(place, 3)
    second.cancel()
    await (await soon(first)).resign()
    await soon(third)
    assert await (await place.member()).leader("store") == "member-2"


async def test_a_leader_whose_session_ends_is_told_and_the_next_leads(place: LocalPlace) -> None:
    first, second = await campaigning(place, 2)
    leadership = await soon(first)
    await place.expire_leader("store")
    await soon(leadership.lost.wait())
    await soon(second)
    await leadership.resign()
    assert await (await place.member()).leader("store") == "member-1"


async def test_names_are_led_apart(place: LocalPlace) -> None:
    coordination = await place.member()
    await soon(coordination.campaign("one", "a"))
    await soon(coordination.campaign("two", "b"))
    assert await coordination.leader("one") == "a"
    assert await coordination.leader("three") == ""


async def test_members_are_seen_as_they_come_and_go(place: LocalPlace) -> None:
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


async def test_a_watcher_that_was_away_sees_who_is_there_now(place: LocalPlace) -> None:
    coordination = await place.member()
    async with aclosing(coordination.members("worker")) as changes:
        await soon(anext(changes))
        for name in "abc":
            await coordination.join("worker", name)
        assert await soon(anext(changes)) == ("a", "b", "c")
