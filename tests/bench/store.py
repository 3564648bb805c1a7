"""Measure the replicated store on this machine and print the figures as JSON: latencies in ms, costs in µs.

python tests/bench/store.py [--uvloop] [--count N] [--switch-interval SECONDS]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog

from statefleet.api.log.v1.log_pb2 import Change, Record, Transaction
from statefleet.api.object.v1.object_pb2 import Object, ObjectKey
from statefleet.coordination.local import LocalCoordination
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.rand import SystemRand
from statefleet.store.log import Log
from statefleet.store.memory_log import MemoryLog
from statefleet.store.replica import Replica
from statefleet.store.sqlite_file import SqliteFile
from statefleet.store.sqlite_log import SqliteLog
from statefleet.store.state import State

POD_BYTES = 2500


def creation(index: int) -> Transaction:
    """A transaction that creates a pod of about POD_BYTES."""
    name = f"pod-{index}"
    wrapped = Object()
    wrapped.pod.metadata.name = name
    wrapped.pod.metadata.namespace = "bench"
    wrapped.pod.metadata.annotations["filler"] = "x" * POD_BYTES
    key = ObjectKey(kind="Pod", namespace="bench", name=name)
    return Transaction(changes=[Change(key=key, object=wrapped.SerializeToString())])


async def timed(count: int, in_flight: int, act: Callable[[int], Awaitable[Any]]) -> dict[str, float]:
    """Run `act` for 0 to count - 1, so many at a time; return its latencies and the throughput."""
    seconds: list[float] = []
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            began = time.perf_counter()
            await act(number)
            seconds.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    elapsed = time.perf_counter() - began
    seconds.sort()
    return {
        "p50_ms": round(seconds[count // 2] * 1e3, 3),
        "p99_ms": round(seconds[int(count * 0.99)] * 1e3, 3),
        "per_second": round(count / elapsed),
    }


async def appends(log: Log, count: int) -> dict[str, Any]:
    """Append, wait until durable, read back."""
    seen: dict[int, asyncio.Future[None]] = {}
    start = await log.end()

    async def follow() -> None:
        async for batch in log.read(start):
            for offset, _ in batch:
                reached(offset).set_result(None)

    def reached(offset: int) -> asyncio.Future[None]:
        return seen.setdefault(offset, asyncio.get_running_loop().create_future())

    async def append_and_read(number: int) -> None:
        offset = await log.append(b"%08d" % number + b"x" * POD_BYTES)
        await reached(offset)
        del seen[offset]

    follower = asyncio.get_running_loop().create_task(follow())
    result = {str(n): await timed(count, n, append_and_read) for n in (1, 64)}
    follower.cancel()
    return result


async def proposals(log: Log, snapshots: Log, count: int) -> dict[str, Any]:
    """Propose, wait until applied here and delivered to a watcher."""
    result: dict[str, Any] = {}
    async with Replica("bench", log, snapshots, LocalCoordination(), SystemClock(), SystemRand()) as replica:
        await replica.leading()
        watched: dict[int, asyncio.Future[None]] = {}

        def reached(version: int) -> asyncio.Future[None]:
            return watched.setdefault(version, asyncio.get_running_loop().create_future())

        async def watch() -> None:
            async for delivery in replica.hub.subscribe(
                ["Pod"], replica.state.version, lambda changed: changed.version
            ):
                for version in delivery.events:
                    reached(version).set_result(None)

        watcher = asyncio.get_running_loop().create_task(watch())
        await asyncio.sleep(0)
        for in_flight in (1, 64):
            base = len(replica.state)

            async def propose(number: int, base: int = base) -> None:
                outcome = await replica.propose(creation(base + number), request_id=f"request-{base + number:028d}")
                await reached(outcome.version)
                del watched[outcome.version]

            result[str(in_flight)] = await timed(count, in_flight, propose)
        watcher.cancel()
    return result


def apply_cost(count: int) -> dict[str, float]:
    """Apply creations to a state, with and without reading the record."""
    state = State()
    claim = Record(epoch=1)
    claim.epoch_claim.replica = "bench"
    state.apply(claim)
    records = [
        Record(epoch=1, time_ns=n * 10**6, request_id=f"r-{n:034d}", transaction=creation(n)) for n in range(count)
    ]
    payloads = [record.SerializeToString() for record in records]
    began = time.perf_counter()
    parsed = [Record.FromString(payload) for payload in payloads]
    read = time.perf_counter()
    for record in parsed:
        state.apply(record)
    done = time.perf_counter()
    return {"read_us": round((read - began) / count * 1e6, 2), "apply_us": round((done - read) / count * 1e6, 2)}


async def fan_out(watchers: int, count: int) -> dict[str, float]:
    """Propose pods on nodes, each node watched by one watcher, and pods that every one of some watchers wants."""
    async with Replica(
        "bench", MemoryLog(), MemoryLog(), LocalCoordination(), SystemClock(), SystemRand(), places={"Pod": _node_of}
    ) as replica:
        await replica.leading()
        for index in range(watchers):
            replica.hub.subscribe(["Pod"], 0, lambda changed: changed, place=f"node-{index}")
        began = time.perf_counter()
        for index in range(count):
            await replica.propose(creation(index))
        placed = time.perf_counter() - began
        for _ in range(watchers):
            replica.hub.subscribe(["Pod"], replica.state.version, lambda changed: changed)
        began = time.perf_counter()
        for index in range(count, count + 100):
            await replica.propose(creation(index))
        broad = time.perf_counter() - began
    return {
        "indexed_us_per_change": round(placed / count * 1e6, 1),
        "broad_us_per_change": round(broad / 100 * 1e6, 1),
    }


def _node_of(entry: Any) -> str:
    return str(entry.message.spec.node_name)


async def measure(count: int) -> dict[str, Any]:
    """Run every measurement."""
    result: dict[str, Any] = {"apply": apply_cost(count)}
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        for name, relaxed in (("sqlite", False), ("sqlite_relaxed", True)):
            async with SqliteFile(Path(folder) / f"{name}.db", relaxed=relaxed) as file:
                result[f"append_{name}"] = await appends(await SqliteLog.open(file, "appends"), count)
                log, snapshots = await SqliteLog.open(file, "log"), await SqliteLog.open(file, "snapshots")
                result[f"propose_{name}"] = await proposals(log, snapshots, count)
    result["propose_memory"] = await proposals(MemoryLog(), MemoryLog(), count)
    result["fan_out_1000_watchers"] = await fan_out(1000, 500)
    return result


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uvloop", action="store_true")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--switch-interval", type=float, default=sys.getswitchinterval())
    options = parser.parse_args()
    sys.setswitchinterval(options.switch_interval)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if options.uvloop:
        import uvloop

        result = uvloop.run(measure(options.count))
    else:
        result = asyncio.run(measure(options.count))
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
