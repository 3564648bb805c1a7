"""Measure KafkaLog against bare aiokafka in the same run and print the figures as JSON: latencies in ms.

python tests/bench/kafka_log.py HOST:PORT[,HOST:PORT...] [--replicas N] [--count N] [--uvloop]

Both append records of a pod's size, so many at a time, and wait for each until it is durable and read back.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from statefleet.runtime.rand import SystemRand
from statefleet.store.kafka_log import KafkaCluster, KafkaLog
from statefleet.store.kafka_settings import KafkaSettings

RECORD_BYTES = 2500
IN_FLIGHT = (1, 64)

Append = Callable[[bytes], Awaitable[int]]


class ReadBack:
    """Tells when the record at an offset was read."""

    def __init__(self) -> None:
        self._seen: dict[int, asyncio.Future[None]] = {}

    def read(self, offset: int) -> None:
        self._at(offset).set_result(None)

    async def wait(self, offset: int) -> None:
        await self._at(offset)
        del self._seen[offset]

    def _at(self, offset: int) -> asyncio.Future[None]:
        return self._seen.setdefault(offset, asyncio.get_running_loop().create_future())


async def timed(count: int, in_flight: int, append: Append, read_back: ReadBack) -> dict[str, float]:
    """Append so many records, so many at a time; return the latencies and the throughput."""
    seconds: list[float] = []
    durable: list[float] = []
    numbers = iter(range(count))

    async def client() -> None:
        for number in numbers:
            began = time.perf_counter()
            offset = await append(b"%08d" % number + b"x" * RECORD_BYTES)
            durable.append(time.perf_counter() - began)
            await read_back.wait(offset)
            seconds.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(in_flight)))
    elapsed = time.perf_counter() - began
    return {**_quantiles("", seconds), **_quantiles("durable_", durable), "per_second": round(count / elapsed)}


def _quantiles(name: str, seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        f"{name}p50_ms": round(ordered[len(ordered) // 2] * 1e3, 3),
        f"{name}p99_ms": round(ordered[int(len(ordered) * 0.99)] * 1e3, 3),
    }


@asynccontextmanager
async def bare(settings: KafkaSettings, topic: str) -> AsyncIterator[tuple[Append, ReadBack]]:
    """aiokafka's own producer and consumer, set for low latency and the same safety."""
    producer = AIOKafkaProducer(
        bootstrap_servers=list(settings.bootstrap_servers), acks="all", enable_idempotence=True, linger_ms=0,
        max_batch_size=1024 * 1024,
    )  # fmt: skip
    consumer = AIOKafkaConsumer(bootstrap_servers=list(settings.bootstrap_servers), fetch_min_bytes=1)
    read_back = ReadBack()

    async def follow() -> None:
        async for record in consumer:
            read_back.read(record.offset)

    async def append(payload: bytes) -> int:
        delivery = await producer.send(topic, payload, partition=0)
        return int((await delivery).offset)

    async with producer, consumer:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_end(partition)
        await consumer.position(partition)
        follower = asyncio.get_running_loop().create_task(follow())
        yield append, read_back
        follower.cancel()


@asynccontextmanager
async def ours(log: KafkaLog) -> AsyncIterator[tuple[Append, ReadBack]]:
    """A log and one who follows it."""
    read_back = ReadBack()

    async def follow(start: int) -> None:
        async with aclosing(log.read(start)) as batches:
            async for batch in batches:
                for record in batch:
                    read_back.read(record.offset)

    follower = asyncio.get_running_loop().create_task(follow(await log.end()))
    yield log.append, read_back
    follower.cancel()


async def ends(log: KafkaLog, count: int) -> dict[str, float]:
    """Ask for the end of the log, one question after the other."""
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        await log.end()
        seconds.append(time.perf_counter() - began)
    return _quantiles("", seconds)


async def measure(settings: KafkaSettings, count: int) -> dict[str, Any]:
    """Measure both in turn, twice, the first time to warm up."""
    result: dict[str, Any] = {}
    async with KafkaCluster(settings) as cluster:
        log = await KafkaLog.open(cluster, "ours")
        await KafkaLog.open(cluster, "bare")
        for rounds in (count // 4, count):
            async with bare(settings, f"{settings.topic_prefix}.bare") as (append, read_back):
                result["bare"] = {str(n): await timed(rounds, n, append, read_back) for n in IN_FLIGHT}
            async with ours(log) as (append, read_back):
                result["kafka_log"] = {str(n): await timed(rounds, n, append, read_back) for n in IN_FLIGHT}
        result["end"] = await ends(log, count // 4)
    one, many = (str(n) for n in IN_FLIGHT)
    result["p50_to_bare"] = round(result["kafka_log"][one]["p50_ms"] / result["bare"][one]["p50_ms"], 2)
    result["throughput_to_bare"] = round(
        result["kafka_log"][many]["per_second"] / result["bare"][many]["per_second"], 2
    )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers")
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--uvloop", action="store_true")
    arguments = parser.parse_args()
    settings = KafkaSettings(
        tuple(arguments.servers.split(",")),
        topic_prefix=f"bench-{SystemRand().suffix(8)}",
        replication_factor=arguments.replicas,
        min_insync_replicas=max(1, arguments.replicas - 1),
    )
    if arguments.uvloop:
        import uvloop

        runner: Any = uvloop.run
    else:
        runner = asyncio.run
    print(json.dumps(runner(measure(settings, arguments.count)), indent=2))


if __name__ == "__main__":
    main()
