"""A log in Kafka while brokers fail: all that was acknowledged is there, in order and once; calls end in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from statefleet.errors import Unavailable
from statefleet.runtime.rand import SystemRand
from statefleet.store.kafka_brokers import Place
from statefleet.store.kafka_log import KafkaCluster, KafkaLog
from statefleet.store.kafka_settings import KafkaSettings
from support.containers import Server
from support.kafka_servers import Kafka, running_kafka
from support.kafka_traffic import Traffic

REQUEST_SECONDS = 4.0
SLACK_SECONDS = 2.0
"""How much later than its bound a call may be seen to end on a machine that is busy."""


@pytest.fixture(scope="module")
def brokers(real_servers: None) -> Iterator[Kafka]:
    with running_kafka(brokers=3, broker_session_timeout_ms=3000, broker_heartbeat_interval_ms=500) as kafka:
        yield kafka


@pytest.fixture(scope="module")
def lone_broker(real_servers: None) -> Iterator[Kafka]:
    with running_kafka(brokers=1) as kafka:
        yield kafka


@dataclass
class Opened:
    cluster: KafkaCluster
    log: KafkaLog
    kafka: Kafka
    topic: str

    async def leader(self) -> Server:
        """The broker that leads the log."""
        place = await self.cluster.brokers.place(self.topic)
        (leader,) = [server for server in self.kafka.servers if server.address == str(place.leader)]
        return leader

    async def follower(self) -> Server:
        place = await self.cluster.brokers.place(self.topic)
        return next(server for server in self.kafka.servers if server.address == str(place.followers[0]))


async def open_log(kafka: Kafka) -> AsyncIterator[Opened]:
    count = len(kafka.servers)
    settings = KafkaSettings(
        tuple(kafka.address.split(",")),
        topic_prefix=f"test-{SystemRand().suffix(10)}",
        replication_factor=count,
        min_insync_replicas=(count + 1) // 2,
        request_timeout_seconds=REQUEST_SECONDS,
    )
    async with KafkaCluster(settings) as cluster:
        yield Opened(cluster, await KafkaLog.open(cluster, "log"), kafka, f"{settings.topic_prefix}.log")


@pytest.fixture
async def replicated(brokers: Kafka) -> AsyncIterator[Opened]:
    async for opened in open_log(brokers):
        yield opened
    await asyncio.to_thread(brokers.until_ready)


@pytest.fixture
async def single(lone_broker: Kafka) -> AsyncIterator[Opened]:
    async for opened in open_log(lone_broker):
        yield opened


async def until_led_by_another(opened: Opened, leader: Server) -> None:
    async with asyncio.timeout(30):
        while True:
            opened.cluster.brokers.forget(opened.topic, await place_or_none(opened))
            if await place_or_none(opened) is not None and await opened.leader() is not leader:
                return
            await asyncio.sleep(0.1)


async def place_or_none(opened: Opened) -> Place | None:
    try:
        return await opened.cluster.brokers.place(opened.topic)
    except Unavailable:
        return None


async def test_a_leader_that_is_killed_is_replaced(replicated: Opened) -> None:
    async with Traffic(replicated.log) as traffic:
        await traffic.more()
        leader = await replicated.leader()
        leader.kill()
        await until_led_by_another(replicated, leader)
        await traffic.more()
        leader.start()
        await asyncio.to_thread(replicated.kafka.until_ready)
        await traffic.more()
        await traffic.check()
    assert traffic.longest_seconds < REQUEST_SECONDS + SLACK_SECONDS


async def test_a_leader_that_is_restarted_is_not_missed(replicated: Opened) -> None:
    async with Traffic(replicated.log) as traffic:
        await traffic.more()
        leader = await replicated.leader()
        await asyncio.to_thread(leader.stop)
        await traffic.more()
        leader.start()
        await asyncio.to_thread(replicated.kafka.until_ready)
        await traffic.more()
        await traffic.check()


async def test_a_follower_that_is_killed_delays_and_no_more(replicated: Opened) -> None:
    async with Traffic(replicated.log) as traffic:
        await traffic.more()
        follower = await replicated.follower()
        follower.kill()
        await traffic.more(500)
        follower.start()
        await asyncio.to_thread(replicated.kafka.until_ready)
        await traffic.more()
        await traffic.check()


async def test_a_leader_that_is_paused_and_resumed_tells_nobody_what_was_true_before(replicated: Opened) -> None:
    async with Traffic(replicated.log) as traffic:
        await traffic.more()
        leader = await replicated.leader()
        leader.pause()
        try:
            await until_led_by_another(replicated, leader)
            await traffic.more()
        finally:
            leader.resume()
        await asyncio.to_thread(replicated.kafka.until_ready)
        await traffic.more()
        await traffic.check()
    assert traffic.longest_seconds < REQUEST_SECONDS + SLACK_SECONDS


async def test_the_end_is_true_though_who_is_asked_does_not_know_that_another_leads(replicated: Opened) -> None:
    async with KafkaCluster(replicated.cluster.settings) as elsewhere:
        log = await KafkaLog.open(elsewhere, "log")
        last = await replicated.log.append(b"before")
        assert await log.end() == last + 1
        leader = await replicated.leader()
        leader.pause()
        try:
            await until_led_by_another(replicated, leader)
            last = await replicated.log.append(b"meanwhile")
            asked = asyncio.ensure_future(log.end())
            await asyncio.wait([asked], timeout=1.0)
        finally:
            leader.resume()
        assert await asked == last + 1
    await asyncio.to_thread(replicated.kafka.until_ready)


async def test_a_leader_that_is_cut_off_is_replaced(replicated: Opened) -> None:
    async with Traffic(replicated.log) as traffic:
        await traffic.more()
        leader = await replicated.leader()
        await asyncio.to_thread(leader.disconnect)
        try:
            await until_led_by_another(replicated, leader)
            await traffic.more()
        finally:
            await asyncio.to_thread(leader.connect)
        await asyncio.to_thread(replicated.kafka.until_ready)
        await traffic.more()
        await traffic.check()


async def test_without_a_majority_nothing_is_acknowledged_nor_answered(replicated: Opened) -> None:
    offset = await replicated.log.append(b"before")
    away = [server for server in replicated.kafka.servers if server is not await replicated.leader()]
    for server in away:
        server.kill()
    try:
        await assert_unavailable_in_time(replicated.log)
    finally:
        for server in away:
            server.start()
    await asyncio.to_thread(replicated.kafka.until_ready)
    assert await replicated.log.append(b"after") > offset


async def test_while_all_brokers_are_away_calls_end_in_time_and_then_all_goes_on(single: Opened) -> None:
    async with Traffic(single.log) as traffic:
        await traffic.more()
        single.kafka.servers[0].stop()
        await assert_unavailable_in_time(single.log)
        single.kafka.servers[0].start()
        await traffic.more()
        await traffic.check()
    assert traffic.unknown
    assert traffic.longest_seconds < REQUEST_SECONDS + SLACK_SECONDS
    assert traffic.end_longest_seconds < REQUEST_SECONDS + SLACK_SECONDS


async def test_a_broker_that_takes_nothing_any_more_holds_nobody_up(single: Opened) -> None:
    await single.log.append(b"before")
    (broker,) = single.kafka.servers
    broker.pause()
    try:
        async with asyncio.timeout(REQUEST_SECONDS + SLACK_SECONDS):
            appends = [single.log.append(b"x" * 4_000_000) for _ in range(5)]
            answers = await asyncio.gather(*appends, return_exceptions=True)
    finally:
        broker.resume()
    assert [type(answer) for answer in answers] == [Unavailable] * 5
    assert await single.log.append(b"after") >= 1


async def test_a_broker_that_is_restarted_has_all_that_was_acknowledged(single: Opened) -> None:
    async with Traffic(single.log) as traffic:
        await traffic.more()
        single.kafka.servers[0].kill()
        single.kafka.servers[0].start()
        await traffic.more()
        await traffic.check()


async def assert_unavailable_in_time(log: KafkaLog) -> None:
    async with asyncio.timeout(REQUEST_SECONDS + SLACK_SECONDS):
        calls = [log.append(b"never acknowledged"), log.end(), log.trim(1)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 3
