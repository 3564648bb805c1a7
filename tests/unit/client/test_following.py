from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from structlog.testing import capture_logs

from statefleet.client.fleet import Fleet
from statefleet.client.following import Change, ChangeType
from statefleet.errors import VERSION_TOO_LARGE, Cause, Forbidden, Subject, Timeout, Unavailable
from statefleet.objects.kinds import POD, WORKLOADS
from statefleet.runtime.rand import SystemRand
from support.fake_services import FakeService, event, initial, pod, serve_fake, told


class NoWait:
    """A clock whose sleeps take no time."""

    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        assert 0.04 < seconds <= 10
        await asyncio.sleep(0)


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
async def fleet(service: FakeService) -> AsyncIterator[Fleet]:
    server = await serve_fake(WORKLOADS, service)
    yield Fleet({WORKLOADS: server.channel()}, clock=NoWait(), rand=SystemRand(1))
    await server.stop(None)


async def told_of(fleet: Fleet, **options: Any) -> list[tuple[str, str, str]]:
    """Return what is told until the service forbids: type, name and version of each change."""
    changes: list[Change] = []

    async def follow() -> None:
        async with aclosing(fleet.follow([POD], **options)) as source:
            async for change in source:
                changes.append(change)  # noqa: PERF401 -- what came before an error counts

    with pytest.raises(Forbidden):
        await follow()
    return [
        (change.type.value, change.message.metadata.name if change.message else "", change.resource_version)
        for change in changes
    ]


END = [Forbidden("enough")]


async def test_all_there_is_then_the_changes(fleet: Fleet, service: FakeService) -> None:
    service.answer(
        [
            initial([pod("a", 1), pod("b", 3)], 4),
            told(event("MODIFIED", pod("a", 5))),
            told(event("DELETED", pod("b", 6)), event("ADDED", pod("c", 7))),
            told(event("BOOKMARK", version=8)),
        ],
        END,
    )
    assert await told_of(fleet, label_selector="app=web") == [
        ("added", "a", "1"),
        ("added", "b", "3"),
        ("synced", "", "4"),
        ("modified", "a", "5"),
        ("deleted", "b", "6"),
        ("added", "c", "7"),
    ]
    assert service.requests[0][1].send_initial_events
    assert service.requests[0][1].label_selector == "app=web"


@pytest.mark.parametrize("error", [Unavailable("restart"), Timeout("slow")])
async def test_a_break_is_resumed_where_it_was(fleet: Fleet, service: FakeService, error: Exception) -> None:
    service.answer(
        [initial([pod("a", 1)], 1), told(event("BOOKMARK", version=9)), error],
        [told(event("MODIFIED", pod("a", 10)))],
        END,
    )
    assert await told_of(fleet) == [("added", "a", "1"), ("synced", "", "1"), ("modified", "a", "10")]
    assert [request.resource_version for _, request in service.requests] == ["", "9", "10"]
    assert not service.requests[1][1].send_initial_events


async def test_a_break_before_all_was_told_starts_anew(fleet: Fleet, service: FakeService) -> None:
    service.answer([told(event("ADDED", pod("a", 1))), Unavailable("restart")], [initial([pod("a", 1)], 2)], END)
    assert await told_of(fleet) == [("added", "a", "1"), ("synced", "", "2")]


async def test_after_an_expiry_only_the_difference_is_told(fleet: Fleet, service: FakeService) -> None:
    service.answer(
        [initial([pod("same", 1), pod("changed", 2), pod("gone", 3)], 3), told(event("EXPIRED", version=50))],
        [initial([pod("same", 1), pod("changed", 60), pod("new", 61)], 62)],
        END,
    )
    assert (await told_of(fleet))[4:] == [
        ("deleted", "gone", "62"),
        ("modified", "changed", "60"),
        ("added", "new", "61"),
        ("synced", "", "62"),
    ]


async def test_a_store_that_went_back_is_listed_anew(fleet: Fleet, service: FakeService) -> None:
    changed = pod("b", 2)
    changed.metadata.labels["written"] = "after the restore"
    too_large = Subject(causes=(Cause(VERSION_TOO_LARGE, "Too large resource version"),), retry_after_seconds=1)
    service.answer(
        [initial([pod("a", 1), pod("b", 2), pod("c", 3)], 3)],
        Timeout("Timeout: Too large resource version: 3, current: 2", too_large),
        [initial([pod("a", 1), changed], 2), told(event("ADDED", pod("d", 3)))],
        END,
    )
    with capture_logs() as logs:
        assert (await told_of(fleet))[4:] == [
            ("deleted", "c", "2"),
            ("modified", "b", "2"),
            ("synced", "", "2"),
            ("added", "d", "3"),
        ]
    (warned,) = [log for log in logs if log["log_level"] == "warning"]
    assert warned["event"] == "store is behind what was followed, listing anew"
    assert [request.send_initial_events for _, request in service.requests] == [True, False, True, False]


async def test_an_object_that_was_never_told_is_not_told_to_be_gone(fleet: Fleet, service: FakeService) -> None:
    service.answer([initial([], 1), told(event("DELETED", pod("unknown", 2)))], END)
    assert await told_of(fleet) == [("synced", "", "1")]


async def test_changes_while_all_is_being_told(fleet: Fleet, service: FakeService) -> None:
    service.answer(
        [
            told(event("ADDED", pod("a", 1)), event("ADDED", pod("b", 2))),
            told(event("DELETED", pod("a", 3)), event("MODIFIED", pod("b", 4))),
            told(event("BOOKMARK", version=4, initial_end=True), event("ADDED", pod("c", 5))),
        ],
        END,
    )
    assert await told_of(fleet) == [("added", "b", "4"), ("synced", "", "4"), ("added", "c", "5")]


async def test_leaving_ends_the_watch(service: FakeService) -> None:
    ended = asyncio.Event()

    class Endless(FakeService):
        async def stream(self, method: str, request: Any) -> AsyncIterator[Any]:
            try:
                yield initial([], 1)
                await asyncio.Event().wait()
            finally:
                ended.set()

    server = await serve_fake(WORKLOADS, Endless())
    fleet = Fleet({WORKLOADS: server.channel()})
    async with aclosing(fleet.follow([POD])) as changes:
        assert (await anext(changes)).type is ChangeType.SYNCED
    async with asyncio.timeout(1):
        await ended.wait()
