"""The servers that tests run against keep what is written, and a cluster of them outlives each of its members."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from typing import Self

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from kazoo.client import KazooClient
from kazoo.retry import KazooRetry

from support import owned
from support.kafka_servers import IMAGE as KAFKA
from support.kafka_servers import Kafka, running_kafka
from support.zookeeper_servers import ZooKeeper, running_zookeeper


@pytest.fixture(scope="module")
def brokers(real_servers: None) -> Iterator[Kafka]:
    with running_kafka(brokers=3, broker_session_timeout_ms=3_000, broker_heartbeat_interval_ms=500) as kafka:
        yield kafka


@pytest.fixture(scope="module")
def ensemble(real_servers: None) -> Iterator[ZooKeeper]:
    with running_zookeeper(servers=3) as zookeeper:
        yield zookeeper


async def test_a_record_is_read_back_from_the_shared_broker(kafka: str) -> None:
    await _create(kafka, "shared", replicas=1)

    await _produce(kafka, "shared", b"one")

    assert await _consume(kafka, "shared", 1) == [b"one"]


async def test_a_cluster_goes_on_without_one_of_three_brokers(brokers: Kafka) -> None:
    await _create(brokers.address, "kept", replicas=3)
    await _produce(brokers.address, "kept", b"before")

    brokers.servers[0].kill()
    await asyncio.to_thread(brokers.until_ready, 2)
    await _produce(brokers.address, "kept", b"without")
    brokers.servers[0].start()
    await asyncio.to_thread(brokers.until_ready)

    assert await _consume(brokers.address, "kept", 2) == [b"before", b"without"]


async def test_a_broker_that_was_cut_off_joins_again(brokers: Kafka) -> None:
    await _create(brokers.address, "parted", replicas=3)

    brokers.servers[2].disconnect()
    await asyncio.to_thread(brokers.until_ready, 2)
    await _produce(brokers.address, "parted", b"meanwhile")
    brokers.servers[2].connect()
    await asyncio.to_thread(brokers.until_ready)

    assert await _consume(brokers.servers[2].address, "parted", 1) == [b"meanwhile"]


async def test_other_containers_of_the_network_reach_the_brokers(brokers: Kafka) -> None:
    assert brokers.network.name is not None
    await _create(brokers.address, "listed", replicas=3)
    mark = [f"--label={name}={value}" for name, value in owned.labels().items()]
    container = ["docker", "run", "--rm", "--network", brokers.network.name, *mark, KAFKA]
    command = ["/opt/kafka/bin/kafka-topics.sh", "--bootstrap-server", brokers.inside, "--list"]

    listed = subprocess.run([*container, *command], capture_output=True, check=False)

    assert listed.returncode == 0, listed.stderr
    assert b"listed" in listed.stdout


def test_a_znode_is_read_back_from_the_shared_zookeeper(zookeeper: str) -> None:
    with _Client(zookeeper) as client:
        client.create("/shared", b"one")

        assert client.get("/shared")[0] == b"one"


def test_an_ensemble_goes_on_without_its_leader(ensemble: ZooKeeper) -> None:
    with _Client(ensemble.address) as client:
        client.create("/kept", b"before")
        leader, retry = ensemble.leader(), KazooRetry(max_tries=20)

        leader.stop()
        ensemble.until_ready(2)
        retry(client.set, "/kept", b"without")
        leader.start()
        ensemble.until_ready()

        assert retry(client.get, "/kept")[0] == b"without"


def test_a_paused_server_is_missed_and_comes_back(ensemble: ZooKeeper) -> None:
    paused = ensemble.leader()

    paused.pause()
    ensemble.until_ready(2)
    assert ensemble.leader() is not paused
    paused.resume()
    ensemble.until_ready()


def test_a_server_that_was_cut_off_joins_again(ensemble: ZooKeeper) -> None:
    parted = ensemble.leader()

    parted.disconnect()
    ensemble.until_ready(2)
    parted.connect()
    ensemble.until_ready()

    with _Client(parted.address) as client:
        assert client.exists("/") is not None


class _Client(KazooClient):
    """A client of ZooKeeper for a block."""

    def __init__(self, hosts: str) -> None:
        super().__init__(hosts, timeout=10, connection_retry={"max_tries": -1})

    def __enter__(self) -> Self:
        self.start(timeout=30)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.close()


async def _create(address: str, topic: str, replicas: int) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=address)
    await client.start()
    try:
        await client.create_topics([NewTopic(topic, num_partitions=1, replication_factor=replicas)])
    finally:
        await client.close()


async def _produce(address: str, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=address, acks="all") as producer:
        await producer.send_and_wait(topic, value)


async def _consume(address: str, topic: str, count: int) -> list[bytes | None]:
    async with AIOKafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest") as consumer:
        return [(await consumer.getone()).value for _ in range(count)]
