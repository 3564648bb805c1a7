"""Events: in a log of their own, few and recent."""

from __future__ import annotations

import pytest

from statefleet.api.core.v1.event_pb2 import Event
from statefleet.errors import BadRequest, TooManyRequests
from statefleet.objects.kinds import EVENT
from statefleet.workloads.events import EVENTS_AT_ONCE, EventSettings, due_events
from support.objects import meta
from support.opened_services import Services, opened_services


def an_event(name: str, at: float) -> Event:
    event = Event(metadata=meta(name), reason="Tested", type="Normal", count=1)
    event.involved_object.kind, event.involved_object.namespace = "Pod", "default"
    event.last_timestamp.seconds = int(at)
    return event


async def names(services: Services) -> list[str]:
    return [each.metadata.name for each in (await services.fleet.list(EVENT)).items]


async def test_they_do_not_touch_the_other_objects_log(services: Services) -> None:
    before = services.workloads.replica.state.version
    await services.fleet.create(an_event("a", services.clock.now()))
    assert services.workloads.replica.state.version == before
    assert await names(services) == ["a"]


async def test_events_recorded_together_are_all_there_each_under_its_name(services: Services) -> None:
    now = services.clock.now()
    await services.fleet.record_events([an_event("a", now), an_event("b", now)])
    again = an_event("b", now)
    again.count = 2
    assert await services.fleet.record_events([again, an_event("c", now)]) == {}
    found = {each.metadata.name: each for each in (await services.fleet.list(EVENT)).items}
    assert {name: event.count for name, event in found.items()} == {"a": 1, "b": 2, "c": 1}
    assert found["b"].metadata.creation_timestamp.seconds == int(now)


async def test_an_event_that_is_refused_keeps_no_other_from_being_recorded(services: Services) -> None:
    now = services.clock.now()
    lost = an_event("lost", now)
    lost.metadata.namespace = "nowhere"
    refused = await services.fleet.record_events([an_event("a", now), lost, an_event("b", now)])
    assert refused == {1: 'namespaces "nowhere" not found'}
    assert await names(services) == ["a", "b"]


async def test_more_events_than_fit_are_refused_whole(services: Services) -> None:
    events = [an_event(f"e{number}", services.clock.now()) for number in range(EVENTS_AT_ONCE + 1)]
    with pytest.raises(BadRequest, match="at most 500"):
        await services.fleet.record_events(events)
    assert await names(services) == []


async def test_an_hour_after_its_last_occurrence_one_goes(services: Services) -> None:
    start = services.clock.now()
    for name in ("once", "again"):
        await services.fleet.create(an_event(name, start))
    await services.clock.advance(1800)
    await services.fleet.update(an_event("again", services.clock.now()))
    await services.clock.advance(1799)
    assert await names(services) == ["again", "once"]
    await services.clock.advance(31)
    assert await names(services) == ["again"]
    await services.clock.advance(1800)
    assert await names(services) == []


async def test_above_the_capacity_the_oldest_go_and_far_above_none_is_taken() -> None:
    async with opened_services(events=EventSettings(capacity=4)) as services:
        for number in range(5):
            await services.fleet.create(an_event(f"e{number}", services.clock.now()))
        with pytest.raises(TooManyRequests, match="too many events"):
            await services.fleet.create(an_event("e5", services.clock.now()))
        await services.clock.advance(31)
        assert await names(services) == ["e1", "e2", "e3", "e4"]
        await services.fleet.create(an_event("e5", services.clock.now()))


async def test_a_sweep_is_bounded(services: Services) -> None:
    for number in range(5):
        await services.fleet.create(an_event(f"e{number}", services.clock.now()))
    state = services.workloads.home("Event").replica.state
    due = list(due_events(state, services.clock.now() + 4000, EventSettings(sweep_most=2)))
    assert [entry.key.name for entry in due] == ["e0", "e1"]
