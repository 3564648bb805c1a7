"""Measure a write and a linearizable read through the workload store beside what they rest on, in one run.

That is a bare aiokafka that writes a record and reads it back, and a bare grpc.aio server that echoes one. All
processes are up all the time; the callers are this process.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import grpc.aio

from bench.echo_server import METHOD, SERVICE
from bench.kafka_log import RECORD_BYTES, bare
from statefleet.api.core.v1.config_pb2 import ConfigMap
from statefleet.app.authority import ADMIN, Identities
from statefleet.client.fleet import Fleet
from statefleet.objects.kinds import CONFIG_MAP, WORKLOADS
from statefleet.rpc.channel import connect
from statefleet.rpc.tls import ClientTls
from statefleet.runtime.clock import SystemClock
from statefleet.store.kafka_log import KafkaCluster, KafkaLog
from statefleet.store.kafka_settings import KafkaSettings
from support.processes import Process, ended
from support.replicated_parts import ReplicatedParts, free_address

CLIENTS = (1, 8, 64)
VALUE_BYTES = 2_000
"""What makes a record of a ConfigMap about as large as those that bare Kafka is given."""
STORE = "workload-store-0"
_TICKS_PER_SECOND = 100

Operation = Callable[[int], Awaitable[object]]


class Timing(NamedTuple):
    """How an operation went: milliseconds, and how many a second."""

    p50: float
    p99: float
    per_second: float


@dataclass
class Timings:
    """The timings of one operation by the number of clients, one for each round."""

    by_clients: dict[int, list[Timing]] = field(default_factory=lambda: {clients: [] for clients in CLIENTS})

    def p50(self, clients: int) -> float:
        return median(timing.p50 for timing in self.by_clients[clients])

    def p99(self, clients: int) -> float:
        return median(timing.p99 for timing in self.by_clients[clients])

    def per_second(self, clients: int) -> float:
        return median(timing.per_second for timing in self.by_clients[clients])


async def timed(operation: Operation, clients: int, count: int) -> Timing:
    """Do an operation so many times, with so many under way."""
    seconds: list[float] = []
    numbers = iter(range(count))

    async def client() -> None:
        for number in numbers:
            began = time.perf_counter()
            await operation(number)
            seconds.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    elapsed = time.perf_counter() - began
    ordered = sorted(seconds)
    return Timing(ordered[count // 2] * 1e3, ordered[int(count * 0.99)] * 1e3, count / elapsed)


@asynccontextmanager
async def bare_kafka(kafka: str) -> AsyncIterator[Operation]:
    """aiokafka alone: a record is written, and read back by a consumer."""
    settings = KafkaSettings((kafka,), topic_prefix="bench", replication_factor=1, min_insync_replicas=1)
    async with KafkaCluster(settings) as cluster:
        await KafkaLog.open(cluster, "bare")
    async with bare(settings, "bench.bare") as (append, read_back):

        async def write(number: int) -> None:
            await read_back.wait(await append(b"%08d" % number + b"x" * RECORD_BYTES))

        yield write


@asynccontextmanager
async def bare_grpc() -> AsyncIterator[Operation]:
    """grpc.aio alone, in the clear: a message goes to another process and comes back."""
    address = free_address()
    server = Process([sys.executable, str(Path(__file__).with_name("echo_server.py")), address])
    with ended(server):
        await asyncio.to_thread(server.until, "^ready: ")
        async with grpc.aio.insecure_channel(address) as channel:
            call: Any = channel.unary_unary(f"/{SERVICE}/{METHOD}")
            payload = b"x" * RECORD_BYTES

            async def echo(_: int) -> None:
                await call(payload)

            yield echo


@asynccontextmanager
async def store(parts: ReplicatedParts) -> AsyncIterator[tuple[Operation, Operation]]:
    """The workload store as a client of it sees it: creating a ConfigMap, and reading one linearizably."""
    identities = Identities(parts.certificates, SystemClock())
    tls = ClientTls(identities.authority, identities.user(ADMIN))
    fleet = Fleet({WORKLOADS: connect(parts.addresses[STORE], tls=tls)})
    prefix = f"bench-{time.monotonic_ns()}"
    written = 0

    async def create(_: int) -> None:
        nonlocal written
        written += 1
        message = ConfigMap(data={"value": "x" * VALUE_BYTES})
        message.metadata.name, message.metadata.namespace = f"{prefix}-{written}", "default"
        await fleet.create(message)

    async def read(_: int) -> None:
        await fleet.get(CONFIG_MAP, f"{prefix}-1", "default")

    try:
        yield create, read
    finally:
        await fleet.close()


async def measure(parts: ReplicatedParts, kafka: str, rounds: int, count: int) -> dict[str, Timings]:
    """Time each operation in turn, so many rounds after one to warm up, the store's processes being up."""
    timings: dict[str, Timings] = {}
    async with AsyncExitStack() as stack:
        create, read = await stack.enter_async_context(store(parts))
        operations = {
            "kafka": await stack.enter_async_context(bare_kafka(kafka)),
            "grpc": await stack.enter_async_context(bare_grpc()),
            "create": create,
            "get": read,
        }
        for operation in operations.values():
            await timed(operation, CLIENTS[-1], count // 2)
        for _ in range(rounds):
            for clients in CLIENTS:
                for name, operation in operations.items():
                    times = timings.setdefault(name, Timings()).by_clients[clients]
                    times.append(await timed(operation, clients, count if clients > 1 else count // 4))
    return timings
