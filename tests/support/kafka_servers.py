"""A Kafka of n brokers in containers: KRaft, each of them broker and controller."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest
from testcontainers.core.network import Network

from support import claimed
from support.containers import Cluster, Server

IMAGE = "apache/kafka:4.4.0"
STARTS_SOON = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""Options of the JVM for brokers that live for a test: they start in a fraction of the time."""
RUNS_FAST = "-XX:+UseSerialGC"
"""Options of the JVM for brokers that are measured."""
DATA = "/tmp/kafka-logs"
"""Where a broker keeps its records."""
CLEANER_BYTES = 4 * 1024 * 1024
"""What the log cleaner takes of the heap at its start: by default 128 MiB, half of what these brokers have."""
_PLACES = 10
_HOST, _INSIDE, _CONTROLLER = 9092, 19092, 9093


class Kafka(Cluster):
    """Brokers that make one cluster; its addresses are those to bootstrap from."""

    def __init__(self, brokers: int, network: Network | None, java: str, settings: Mapping[str, object]) -> None:
        joined = network or claimed.new_network()
        servers = [
            Server(IMAGE, f"kafka-{number}", _PLACES + number, joined, published=_HOST, inner=_INSIDE)
            for number in range(1, brokers + 1)
        ]
        super().__init__(servers, joined, owns_network=network is None)
        self._java = java
        self._settings = settings

    def environment(self, number: int) -> Mapping[str, str]:
        """Return what tells a broker its part."""
        properties = self._cluster_wide() | self._of_one(number, self.servers[number - 1]) | dict(self._settings)
        return {
            **{f"KAFKA_{key.upper()}": str(value) for key, value in properties.items()},
            "KAFKA_HEAP_OPTS": "-Xms128m -Xmx256m",
            "KAFKA_JVM_PERFORMANCE_OPTS": self._java,
            "CLUSTER_ID": "c3RhdGVmbGVldC10ZXN0cw",
        }

    def serving(self) -> int:
        """Return how many brokers answer, provided that each of those knows of exactly those."""
        views = [view for server in self.servers if (view := asyncio.run(_brokers(server.address)))]
        return len(views) if all(len(view) == len(views) for view in views) else 0

    def _cluster_wide(self) -> dict[str, object]:
        voters = (f"{number}@{server.ip}:{_CONTROLLER}" for number, server in enumerate(self.servers, start=1))
        return {
            "process_roles": "broker,controller",
            "controller_quorum_voters": ",".join(voters),
            "controller_listener_names": "CONTROLLER",
            "inter_broker_listener_name": "INSIDE",
            "listener_security_protocol_map": "HOST:PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "offsets_topic_replication_factor": len(self.servers),
            "transaction_state_log_replication_factor": len(self.servers),
            "transaction_state_log_min_isr": min(len(self.servers), 2),
            "group_initial_rebalance_delay_ms": 0,
            "log_cleaner_dedupe_buffer_size": CLEANER_BYTES,
            "log_dirs": DATA,
        }

    @staticmethod
    def _of_one(number: int, server: Server) -> dict[str, object]:
        return {
            "node_id": number,
            "listeners": f"HOST://:{_HOST},INSIDE://:{_INSIDE},CONTROLLER://:{_CONTROLLER}",
            "advertised_listeners": f"HOST://{server.address},INSIDE://{server.inside}",
        }


def start_kafka(
    brokers: int = 3, network: Network | None = None, java: str = STARTS_SOON, **settings: object
) -> Kafka:
    """Start a Kafka; settings are brokers' own, such as log_retention_ms=60000."""
    kafka = Kafka(brokers, network, java, settings)
    kafka.start()
    return kafka


@contextmanager
def running_kafka(
    brokers: int = 3, network: Network | None = None, java: str = STARTS_SOON, **settings: object
) -> Iterator[Kafka]:
    """Run a Kafka for as long as the block lasts."""
    kafka = start_kafka(brokers, network, java, **settings)
    try:
        yield kafka
    finally:
        kafka.remove()


async def _brokers(address: str) -> frozenset[int]:
    """Return the brokers that one broker knows of: none where it does not answer."""
    host, _, port = address.partition(":")
    try:
        connection = await create_conn(host, int(port), request_timeout_ms=1_000)
    except (KafkaError, OSError):
        return frozenset()
    try:
        return frozenset(broker[0] for broker in (await connection.send(MetadataRequest([]))).brokers)
    except (KafkaError, OSError):
        return frozenset()
    finally:
        connection.close()
