"""Measure a store over Kafka that holds many pods and print the figures as JSON, in seconds.

python tests/bench/kafka_start.py HOST:PORT[,HOST:PORT...] [--replicas N] [--pods N]

How long a snapshot takes, and commits meanwhile; how long a start takes from the records, and from a snapshot.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog

from statefleet.api.log.v1.log_pb2 import Change, Transaction
from statefleet.api.object.v1.object_pb2 import Object, ObjectKey
from statefleet.coordination.local import LocalCoordination
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.rand import SystemRand
from statefleet.store.kafka_log import KafkaCluster, KafkaLog
from statefleet.store.kafka_settings import KafkaSettings
from statefleet.store.keeper import SnapshotSettings
from statefleet.store.replica import Replica, ReplicaSettings

IN_FLIGHT = 64
POD_BYTES = 2500


def creation(number: int) -> Transaction:
    """A transaction that creates a pod of about POD_BYTES."""
    wrapped = Object()
    wrapped.pod.metadata.name = f"pod-{number}"
    wrapped.pod.metadata.annotations["filler"] = "x" * POD_BYTES
    key = ObjectKey(kind="Pod", namespace="bench", name=f"pod-{number}")
    return Transaction(changes=[Change(key=key, object=wrapped.SerializeToString())])


@asynccontextmanager
async def led(settings: KafkaSettings) -> AsyncIterator[Replica]:
    """A replica that leads; it writes no snapshot by itself."""
    snapshots = SnapshotSettings(records=10**9, seconds=1e9, window_seconds=0.0)
    async with KafkaCluster(settings) as cluster:
        logs = await KafkaLog.open(cluster, "bench.records"), await KafkaLog.open(cluster, "bench.snapshots")
        coordination, clock, rand = LocalCoordination(), SystemClock(), SystemRand()
        options = ReplicaSettings(snapshots=snapshots)
        async with Replica("bench", logs[0], logs[1], coordination, clock, rand, settings=options) as replica:
            await replica.leading()
            yield replica


async def create(replica: Replica, pods: range) -> None:
    numbers = iter(pods)

    async def client() -> None:
        for number in numbers:
            await replica.propose(creation(number), request_id=f"request-{number:028d}")

    await asyncio.gather(*(client() for _ in range(IN_FLIGHT)))


async def start(settings: KafkaSettings) -> float:
    began = time.perf_counter()
    async with led(settings):
        return round(time.perf_counter() - began, 3)


async def snapshot(replica: Replica, first: int) -> dict[str, float]:
    """Write a snapshot while one client after the other commits."""
    seconds: list[float] = []

    async def commit() -> None:
        number = first
        while True:
            began = time.perf_counter()
            await replica.propose(creation(number))
            seconds.append(time.perf_counter() - began)
            number += 1

    committing = asyncio.get_running_loop().create_task(commit())
    began = time.perf_counter()
    await replica.snapshot()
    elapsed = time.perf_counter() - began
    committing.cancel()
    await asyncio.wait([committing])
    seconds.sort()
    return {
        "seconds": round(elapsed, 3),
        "commit_p50": round(seconds[len(seconds) // 2], 4),
        "commit_longest": round(seconds[-1], 4),
    }


async def measure(settings: KafkaSettings, pods: int) -> dict[str, Any]:
    async with led(settings) as replica:
        await create(replica, range(pods))
    from_records = await start(settings)
    async with led(settings) as replica:
        figures = await snapshot(replica, pods)
    return {"pods": pods, "start_from_records": from_records, "snapshot": figures, "start": await start(settings)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers")
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--pods", type=int, default=10_000)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    settings = KafkaSettings(
        tuple(arguments.servers.split(",")),
        topic_prefix=f"bench-{SystemRand().suffix(8)}",
        replication_factor=arguments.replicas,
        min_insync_replicas=max(1, arguments.replicas - 1),
    )
    print(json.dumps(asyncio.run(measure(settings, arguments.pods)), indent=2))


if __name__ == "__main__":
    main()
