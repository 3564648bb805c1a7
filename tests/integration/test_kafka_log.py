"""What only a log in Kafka has: topics that others may have made, producers that are late, and a state kept in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.protocol.api import Request

from statefleet.coordination.local import LocalCoordination
from statefleet.errors import Internal, Invalid, Unavailable
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.rand import SystemRand
from statefleet.store.kafka_connection import Address, KafkaConnection
from statefleet.store.kafka_log import KafkaCluster, KafkaLog
from statefleet.store.kafka_messages import Produce
from statefleet.store.kafka_settings import KafkaSettings
from statefleet.store.keeper import SnapshotSettings
from statefleet.store.log import Appended
from statefleet.store.replica import Replica, ReplicaSettings
from support.stores import image_bytes, put, transaction


class Place:
    """Logs under a prefix of their own in the shared broker."""

    def __init__(self, stack: AsyncExitStack, address: str) -> None:
        self._stack = stack
        self.settings = KafkaSettings(
            (address,),
            topic_prefix=f"test-{SystemRand().suffix(10)}",
            replication_factor=1,
            min_insync_replicas=1,
            request_timeout_seconds=5.0,
        )

    async def cluster(self, **changes: Any) -> KafkaCluster:
        return await self._stack.enter_async_context(KafkaCluster(replace(self.settings, **changes)))

    async def admin(self) -> AIOKafkaAdminClient:
        client = AIOKafkaAdminClient(bootstrap_servers=list(self.settings.bootstrap_servers))
        self._stack.push_async_callback(client.close)
        await client.start()
        return client

    def topic(self, name: str) -> str:
        return f"{self.settings.topic_prefix}.{name}"

    async def make(self, name: str, partitions: int = 1, settings: Mapping[str, str] | None = None) -> None:
        """Make a topic as somebody else would."""
        safe = {"retention.ms": "-1", "max.message.bytes": "5000000"}
        topic = NewTopic(self.topic(name), partitions, 1, topic_configs=safe | dict(settings or {}))
        await (await self.admin()).create_topics([topic])


@pytest.fixture
async def place(kafka: str) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        yield Place(stack, kafka)


async def read(log: KafkaLog, offset: int, count: int) -> list[Appended]:
    records: list[Appended] = []
    async with asyncio.timeout(20), aclosing(log.read(offset)) as batches:
        async for batch in batches:
            records.extend(batch)
            if len(records) >= count:
                break
    return records


# --- topics ---


async def test_a_topic_that_somebody_made_well_is_taken(place: Place) -> None:
    await place.make("log")
    log = await KafkaLog.open(await place.cluster(), "log")
    assert await log.append(b"first") == 0


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("cleanup.policy", "compact"),
        ("retention.ms", "86400000"),
        ("unclean.leader.election.enable", "true"),
        ("max.message.bytes", "1000"),
    ],
)
async def test_a_topic_that_could_lose_records_is_refused(place: Place, setting: str, value: str) -> None:
    await place.make("log", settings={setting: value})
    with pytest.raises(Invalid, match=f"{setting} is {value} instead of .*--add-config {setting}=") as caught:
        await KafkaLog.open(await place.cluster(), "log")
    assert caught.value.subject is not None
    assert [cause.field for cause in caught.value.subject.causes] == [setting]


async def test_a_topic_of_several_partitions_is_refused(place: Place) -> None:
    await place.make("log", partitions=2)
    with pytest.raises(Invalid, match="partitions is 2 instead of 1"):
        await KafkaLog.open(await place.cluster(), "log")


async def test_more_replicas_than_brokers_are_refused_with_both_numbers(place: Place) -> None:
    cluster = await place.cluster(replication_factor=3, min_insync_replicas=2, request_timeout_seconds=1.0)
    with pytest.raises(Unavailable, match=r"replication_factor is 3 and Kafka has 1 broker"):
        await KafkaLog.open(cluster, "log")


async def test_a_kafka_that_is_not_there_is_told_with_its_address(place: Place) -> None:
    with pytest.raises(Unavailable, match=r"Kafka at 127\.0\.0\.1:1: .*Connect call failed"):
        await place.cluster(bootstrap_servers=("127.0.0.1:1",), request_timeout_seconds=0.5)


async def test_one_bootstrap_server_that_answers_is_enough(place: Place) -> None:
    cluster = await place.cluster(bootstrap_servers=("127.0.0.1:1", *place.settings.bootstrap_servers))
    assert await (await KafkaLog.open(cluster, "log")).append(b"first") == 0


# --- readers ---


async def test_a_reader_stops_where_the_topic_has_lost_records(place: Place) -> None:
    cluster = await place.cluster()
    log = await KafkaLog.open(cluster, "log")
    for number in range(5):
        await log.append(b"record %d" % number)
    async with asyncio.timeout(20), aclosing(log.read(0)) as batches:
        while (await anext(batches))[-1].offset < 4:
            pass
        await (await place.admin()).delete_topics([place.topic("log")])
        await KafkaLog.open(await place.cluster(), "log")
        with pytest.raises(Internal, match="has lost records: it ends at 0, and was read to 5"):
            await anext(batches)


async def test_a_reader_stops_at_what_is_not_a_record(place: Place) -> None:
    log = await KafkaLog.open(await place.cluster(), "log")
    await log.append(b"record")
    servers = list(place.settings.bootstrap_servers)
    async with AIOKafkaProducer(bootstrap_servers=servers, transactional_id=place.topic("foreign")) as foreign:
        async with foreign.transaction():
            await foreign.send_and_wait(place.topic("log"), b"foreign")
    with pytest.raises(Internal, match="a transaction's mark instead of a record at 2"):
        await read(log, 0, 3)


# --- producers ---


class Holding(KafkaConnection):
    """A connection whose writes are held back, as by a process that is paused, until they are let go."""

    def __init__(self, connection: KafkaConnection, answer_seconds: float) -> None:
        self._held = connection
        self._answer_seconds = answer_seconds
        self._all: list[Request[Any]] = []

    alive = True

    async def send(self, request: Request[Any]) -> Any:
        if not isinstance(request, Produce):
            return await self._held.send(request)
        self._all.append(request)
        await asyncio.sleep(self._answer_seconds)
        raise Unavailable("no answer in time")

    async def close(self) -> None:
        pass

    async def let_go(self) -> list[int]:
        """Send what was held back; return the brokers' error codes."""
        answers = [await self._held.send(request) for request in self._all]
        await self._held.close()
        return [answer.code for answer in answers]


async def paused_at(log: KafkaLog, cluster: KafkaCluster, payload: bytes) -> list[Holding]:
    """Append what is held back until it is given up; return what holds it."""
    held: list[Holding] = []
    connect = cluster.brokers.connect

    async def hold(address: Address, answer_seconds: float) -> KafkaConnection:
        held.append(Holding(await connect(address, 5.0), answer_seconds))
        return held[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster.brokers, "connect", hold)
        await log._writer._disconnect()
        with pytest.raises(Unavailable):
            await log.append(payload)
    return held


async def test_what_a_paused_producer_still_sends_is_refused_behind_what_came_later(place: Place) -> None:
    cluster = await place.cluster(request_timeout_seconds=1.0)
    log = await KafkaLog.open(cluster, "log")
    assert await log.append(b"before") == 0
    held = await paused_at(log, cluster, b"late")
    assert await log.append(b"after") == 1
    invalid_producer_epoch = 47
    codes = [code for holding in held for code in await holding.let_go()]
    assert codes
    assert set(codes) == {invalid_producer_epoch}
    assert await log.append(b"last") == 2
    assert [payload for _, payload in await read(log, 0, 3)] == [b"before", b"after", b"last"]


async def test_what_a_paused_producer_sends_before_what_comes_later_is_in_the_log_once(place: Place) -> None:
    cluster = await place.cluster(request_timeout_seconds=1.0)
    log = await KafkaLog.open(cluster, "log")
    assert await log.append(b"before") == 0
    for holding in await paused_at(log, cluster, b"late"):
        await holding.let_go()
    assert await log.append(b"after") == 2
    assert [payload for _, payload in await read(log, 0, 3)] == [b"before", b"late", b"after"]


async def test_appends_that_wait_when_the_cluster_is_left_are_answered(place: Place) -> None:
    async with KafkaCluster(place.settings) as cluster:
        log = await KafkaLog.open(cluster, "log")
        appends = [asyncio.ensure_future(log.append(b"x" * 100_000)) for _ in range(50)]
        await asyncio.sleep(0)
    answers = await asyncio.gather(*appends, return_exceptions=True)
    assert {type(answer) for answer in answers} <= {int, Unavailable}
    with pytest.raises(Unavailable, match="closed"):
        await log.append(b"too late")


# --- replicas ---


async def test_a_replica_starts_from_a_snapshot_and_goes_on_where_the_log_was_trimmed_behind_it(place: Place) -> None:
    settings = ReplicaSettings(snapshots=SnapshotSettings(window_seconds=0.0))

    async def start(stack: AsyncExitStack, member: str) -> Replica:
        cluster = await stack.enter_async_context(KafkaCluster(place.settings))
        log, snapshots = [await KafkaLog.open(cluster, f"store.{part}") for part in ("records", "snapshots")]
        clock, rand = SystemClock(), SystemRand()
        replica = Replica("store", log, snapshots, LocalCoordination(), clock, rand, member=member, settings=settings)
        return await stack.enter_async_context(replica)

    async with AsyncExitStack() as stack:
        leader = await start(stack, "a")
        await leader.leading()
        await asyncio.gather(*(leader.propose(transaction(put(f"p{n}"))) for n in range(100)))
        await leader.snapshot()
        await leader.propose(transaction(put("last")))
        before = image_bytes(leader.state.image())
    records = await KafkaLog.open(await place.cluster(), "store.records")
    assert await records.start() > 100
    async with AsyncExitStack() as stack:
        again = await start(stack, "b")
        await again.leading()
        assert len(again.state) == 101
        assert image_bytes(again.state.image()) != before, "the epoch is another"
        assert (await again.propose(transaction(put("next")))).version == again.state.version == 102
