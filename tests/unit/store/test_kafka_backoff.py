"""Who cannot reach Kafka tries again less and less often, and soon enough to notice that it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from statefleet.errors import Unavailable
from statefleet.store import kafka_backoff
from statefleet.store.kafka_backoff import Backoff
from statefleet.store.kafka_bounds import KafkaBounds
from statefleet.store.kafka_brokers import KafkaBrokers
from statefleet.store.kafka_reader import KafkaReader
from statefleet.store.kafka_settings import KafkaSettings
from statefleet.store.kafka_topic import open_topic
from statefleet.store.kafka_writer import KafkaWriter
from support.stores import ManualClock

SETTINGS = KafkaSettings(("kafka:9092",))
OUTAGE_SECONDS = 30
STEP_SECONDS = 0.05


class Nobody(KafkaBrokers):
    """Brokers whose names fail to resolve, at once."""

    def __init__(self) -> None:
        super().__init__(SETTINGS)
        self.asked = 0

    async def ask_any(self, request: Any) -> Any:
        self.asked += 1
        raise Unavailable("Name or service not known")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    found = ManualClock()
    monkeypatch.setattr(kafka_backoff, "SystemClock", lambda: found)
    return found


async def test_pauses_grow_to_half_a_second_and_begin_anew_after_a_success(clock: ManualClock) -> None:
    backoff = Backoff()

    async def paused() -> float:
        began = clock.now()
        pausing = asyncio.ensure_future(backoff.pause())
        while not pausing.done():
            await clock.advance(0.01)
        return round(clock.now() - began, 2)

    pauses = [await paused() for _ in range(10)]
    assert pauses == sorted(pauses)
    assert 0.05 <= pauses[0] < 0.1
    assert 0.5 <= pauses[-1] < 0.52
    backoff.succeeded()
    assert await paused() == pauses[0]


async def read(brokers: KafkaBrokers) -> None:
    bounds = KafkaBounds(brokers, SETTINGS, "log")
    await anext(KafkaReader(brokers, "log", bounds.start, bounds.end, set()).batches(0))


async def write(brokers: KafkaBrokers) -> None:
    writer = KafkaWriter(brokers, "log", SETTINGS.request_timeout_seconds)
    writing = asyncio.ensure_future(writer.run())
    try:
        await writer.append(b"record")
    finally:
        writing.cancel()


@pytest.mark.parametrize(
    "act",
    [
        read,
        write,
        lambda brokers: KafkaBounds(brokers, SETTINGS, "log").end(),
        lambda brokers: brokers.meet(),
        lambda brokers: open_topic(brokers, SETTINGS, "log"),
    ],
    ids=["read", "write", "end", "meet", "open"],
)
async def test_a_cluster_whose_names_fail_at_once_is_asked_about_twice_a_second(
    clock: ManualClock, act: Callable[[KafkaBrokers], Coroutine[Any, Any, Any]]
) -> None:
    brokers = Nobody()
    trying = asyncio.ensure_future(act(brokers))
    for _ in range(round(OUTAGE_SECONDS / STEP_SECONDS)):
        await clock.advance(STEP_SECONDS)
    assert not trying.done()
    assert 2 * OUTAGE_SECONDS * 0.8 <= brokers.asked <= 2 * OUTAGE_SECONDS + 10
    trying.cancel()
    await asyncio.gather(trying, return_exceptions=True)


async def test_one_who_asks_where_the_log_ends_again_and_again_does_not_begin_anew(clock: ManualClock) -> None:
    brokers = Nobody()
    bounds = KafkaBounds(brokers, SETTINGS, "log")
    for _ in range(10):
        asking = asyncio.ensure_future(bounds.end())
        for _ in range(round(3 / STEP_SECONDS)):
            await clock.advance(STEP_SECONDS)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert brokers.asked <= 2 * OUTAGE_SECONDS + 20
