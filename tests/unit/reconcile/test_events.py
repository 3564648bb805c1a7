"""Events: counted where they repeat, and nobody waits for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from statefleet.errors import Unavailable
from statefleet.objects.kinds import EVENT
from statefleet.reconcile.events import (
    AGGREGATION_SECONDS,
    GATHER_SECONDS,
    LARGEST_BATCH,
    LONGEST_QUEUE,
    EventRecorder,
    EventSink,
)
from statefleet.runtime.tasks import Tasks
from support.fleet_objects import pod
from support.stores import ManualClock, settle
from support.worker_fleet import WorkerFleet


class Bench:
    def __init__(self, tasks: Tasks) -> None:
        self.fleet = WorkerFleet()
        self.clock = ManualClock()
        self.sink = EventSink(self.fleet, self.clock)
        self.recorder: EventRecorder = self.sink.recorder("statefulset-controller")
        self.about = self.fleet.put(pod("web-0"))
        self.tasks = tasks

    def start(self) -> None:
        self.tasks.spawn(self.sink.run(), "events")

    async def events(self) -> list[Any]:
        """Return the events once those are written that were recorded."""
        await settle()
        await self.clock.advance(GATHER_SECONDS)
        await settle()
        return self.fleet.all(EVENT)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Tasks("test") as tasks:
        yield Bench(tasks)


async def test_an_event_tells_what_happened_to_whom(bench: Bench) -> None:
    bench.start()
    bench.recorder.normal(bench.about, "SuccessfulCreate", "create Pod web-0 in StatefulSet web successful")
    (event,) = await bench.events()
    assert event.metadata.name.startswith("web-0.")
    assert event.metadata.namespace == "default"
    involved = event.involved_object
    assert (involved.kind, involved.name, involved.uid, involved.api_version) == ("Pod", "web-0", "uid-1", "v1")
    assert (event.type, event.reason, event.count) == ("Normal", "SuccessfulCreate", 1)
    assert event.source.component == event.reporting_component == "statefulset-controller"
    assert event.first_timestamp.seconds == event.last_timestamp.seconds == 1_000_000


async def test_repetitions_are_counted(bench: Bench) -> None:
    bench.start()
    for _ in range(3):
        bench.recorder.warning(bench.about, "FailedCreate", "no")
        await bench.clock.advance(60)
    (event,) = await bench.events()
    assert (event.count, event.first_timestamp.seconds, event.last_timestamp.seconds) == (3, 1_000_000, 1_000_120)


async def test_repetitions_before_the_write_are_one_write(bench: Bench) -> None:
    for _ in range(3):
        bench.recorder.warning(bench.about, "FailedCreate", "no")
    bench.start()
    assert [event.count for event in await bench.events()] == [3]
    assert len(bench.fleet.writes) == 1


async def test_repetitions_during_the_write_are_counted_too(bench: Bench) -> None:
    repeated: list[str] = []

    def repeat(verb: str, _message: Any) -> None:
        if verb == "record_events" and not repeated:
            repeated.append(verb)
            bench.recorder.warning(bench.about, "FailedCreate", "no")

    bench.fleet.before = repeat
    bench.start()
    bench.recorder.warning(bench.about, "FailedCreate", "no")
    assert [event.count for event in await bench.events()] == [2]


async def test_after_a_long_silence_it_is_a_new_event(bench: Bench) -> None:
    bench.start()
    bench.recorder.normal(bench.about, "Pulled", "image")
    await bench.events()
    await bench.clock.advance(AGGREGATION_SECONDS + 1)
    bench.recorder.normal(bench.about, "Pulled", "image")
    assert [event.count for event in await bench.events()] == [1, 1]


async def test_other_messages_are_other_events(bench: Bench) -> None:
    bench.start()
    bench.recorder.normal(bench.about, "Pulled", "one image")
    bench.recorder.normal(bench.about, "Pulled", "another image")
    assert len(await bench.events()) == 2


async def test_an_event_that_expired_is_written_anew(bench: Bench) -> None:
    bench.start()
    bench.recorder.normal(bench.about, "Pulled", "image")
    (event,) = await bench.events()
    bench.fleet.remove(EVENT, event.metadata.name)
    bench.recorder.normal(bench.about, "Pulled", "image")
    assert [event.count for event in await bench.events()] == [2]


async def test_what_comes_about_the_same_time_is_written_together(bench: Bench) -> None:
    bench.start()
    for number in range(LARGEST_BATCH + 1):
        bench.recorder.normal(bench.about, "Pulled", f"image {number}")
        await settle()
    assert len(await bench.events()) == LARGEST_BATCH + 1
    assert bench.fleet.writes == [f"record_events {LARGEST_BATCH}", "record_events 1"]


async def test_a_flood_is_cut(bench: Bench) -> None:
    for number in range(LONGEST_QUEUE + 5):
        bench.recorder.normal(bench.about, "Pulled", f"image {number}")
    assert bench.sink.dropped == 5


async def test_an_event_that_cannot_be_written_stops_no_other(bench: Bench) -> None:
    def fail(_verb: str, message: Any) -> None:
        if message.reason == "Bad":
            raise Unavailable("down")

    bench.fleet.before = fail
    bench.start()
    bench.recorder.normal(bench.about, "Bad", "x")
    bench.recorder.normal(bench.about, "Good", "x")
    assert [event.reason for event in await bench.events()] == ["Good"]
