"""Measure how long nobody can write when the leader of three replicas dies or hands over. Prints JSON, in ms.

python tests/bench/failover.py [--times N] [--brokers N] [--servers N]

Real Kafka and ZooKeeper run in containers, the replicas as processes of this machine. Writers that ask anew at once
when they are not answered show the service; one with the client's own retries shows what a caller sees.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from bisect import bisect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import structlog

sys.path.insert(0, str(Path(__file__).parents[1]))

from statefleet.api.core.v1.config_pb2 import ConfigMap
from statefleet.app.authority import ADMIN, Identities
from statefleet.client.fleet import Fleet
from statefleet.coordination.zookeeper import ZooKeeperCoordination, ZooKeeperSettings
from statefleet.errors import FleetError
from statefleet.objects.kinds import WORKLOADS
from statefleet.rpc.channel import connect
from statefleet.rpc.tls import ClientTls
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.tasks import Tasks
from support import owned
from support.engine import ensure_engine
from support.kafka_servers import IMAGE as KAFKA
from support.kafka_servers import RUNS_FAST, running_kafka
from support.real_servers import provide_images
from support.replicated_parts import ReplicatedParts
from support.zookeeper_servers import IMAGE as ZOOKEEPER
from support.zookeeper_servers import TICK_MILLISECONDS, running_zookeeper
from support.zookeeper_view import ZooKeeperView, zookeeper_view

SERVICE, STORE = "workload-store", "workloads"
WRITERS = 4
IMPATIENT_SECONDS = 0.2
CALM_SECONDS = 1.0
"""How long writes must have gone well before the next fault, and after it."""


class Writers:
    """Writers of ConfigMaps, and the times at which they were answered."""

    def __init__(self, fleets: list[Fleet], timeout: float) -> None:
        self._fleets = fleets
        self._timeout = timeout
        self._written = 0
        self.answered: list[float] = []

    async def run(self, index: int) -> None:
        while True:
            self._written += 1
            message = ConfigMap(data={"value": "x"})
            message.metadata.name, message.metadata.namespace = f"bench-{id(self)}-{self._written}", "default"
            try:
                await self._fleets[index].create(message, timeout=self._timeout)
                self.answered.append(time.monotonic())
            except FleetError:
                continue

    async def calm(self, since: float) -> None:
        """Wait until writes have been answered for a while."""
        while not self._calm_after(since):
            await asyncio.sleep(0.05)

    def _calm_after(self, since: float) -> bool:
        late = self.answered[bisect(self.answered, since) :]
        return bool(late) and late[-1] - late[0] > CALM_SECONDS and self.pause(late[-1] - CALM_SECONDS) < 0.1

    def pause(self, since: float) -> float:
        """Return the longest time without an answer since a moment, in seconds."""
        times = [since, *self.answered[bisect(self.answered, since) :]]
        return max((later - earlier for earlier, later in pairwise(times)), default=0.0)


class Bench:
    """The replicas, the writers and a view of who leads."""

    def __init__(self, parts: ReplicatedParts, coordination: ZooKeeperCoordination, view: ZooKeeperView) -> None:
        self._parts = parts
        self.coordination = coordination
        self.view = view
        self.impatient: Writers
        self.usual: Writers

    async def measure(self, fault: Callable[[str], object]) -> tuple[float, float]:
        """Bring a fault on the leader, and heal it; return the pauses that writers saw, in seconds."""
        await self.impatient.calm(time.monotonic())
        address = await self.coordination.leader(STORE)
        [leader] = [name for name in self._parts.replicas(SERVICE) if self._parts.addresses[name] == address]
        began = time.monotonic()
        await asyncio.to_thread(fault, leader)
        await self.impatient.calm(began)
        await self.usual.calm(began)
        pauses = self.impatient.pause(began), self.usual.pause(began)
        await asyncio.to_thread(self._parts.start, leader)
        await self.view.until_standing(STORE, len(self._parts.replicas(SERVICE)))
        return pauses

    def kill(self, name: str) -> None:
        self._parts.processes[name].kill()

    def stop(self, name: str) -> None:
        assert self._parts.processes[name].stop() == 0, self._parts.processes[name].output


@asynccontextmanager
async def running_bench(parts: ReplicatedParts, hosts: str) -> AsyncIterator[Bench]:
    names = parts.replicas(SERVICE)
    settings = ZooKeeperSettings(hosts=hosts)
    try:
        for name in names:
            await asyncio.to_thread(parts.start, name)
        identities = Identities(parts.certificates, SystemClock())
        tls = ClientTls(identities.authority, identities.user(ADMIN))
        channels = [connect(parts.addresses[name], tls=tls) for name in names]
        async with (
            ZooKeeperCoordination(settings) as coordination,
            zookeeper_view(hosts, settings.root) as view,
            Tasks("bench") as tasks,
        ):
            bench = Bench(parts, coordination, view)
            fleets = [Fleet({WORKLOADS: channels}) for _ in range(WRITERS)]
            bench.impatient = Writers(fleets, IMPATIENT_SECONDS)
            bench.usual = Writers([Fleet({WORKLOADS: channels})], 30.0)
            for index in range(WRITERS):
                tasks.spawn(bench.impatient.run(index), "impatient writer")
            tasks.spawn(bench.usual.run(0), "usual writer")
            yield bench
        for channel in channels:
            await channel.close()
    finally:
        parts.kill_all()


async def measured(times: int, parts: ReplicatedParts, hosts: str) -> dict[str, Any]:
    async with running_bench(parts, hosts) as bench:
        await bench.view.until_standing(STORE, len(parts.replicas(SERVICE)))
        granted = bench.coordination.session_timeout_seconds
        assert granted is not None
        killed = [await bench.measure(bench.kill) for _ in range(times)]
        handed_over = [await bench.measure(bench.stop) for _ in range(times)]
    return {
        "session_timeout_ms": granted * 1e3,
        "tick_ms": TICK_MILLISECONDS,
        "killed": {**figures(killed), "goal_ms": granted * 1e3 + TICK_MILLISECONDS + 1e3},
        "handed_over": {**figures(handed_over), "goal_ms": 300},
    }


def figures(pauses: list[tuple[float, float]]) -> dict[str, Any]:
    service, caller = ([round(each * 1e3) for each in seen] for seen in zip(*pauses, strict=True))
    return {
        "times": len(pauses),
        "service": {"p50_ms": median(service), "max_ms": max(service)},
        "caller": {"p50_ms": median(caller), "max_ms": max(caller)},
    }


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--brokers", type=int, default=1)
    parser.add_argument("--servers", type=int, default=1, help="of ZooKeeper")
    options = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    ensure_engine()
    provide_images(KAFKA, ZOOKEEPER)
    owned.begin()
    owned.expect()
    try:
        with (
            tempfile.TemporaryDirectory() as directory,
            running_kafka(options.brokers, java=RUNS_FAST) as kafka,
            running_zookeeper(options.servers) as zookeeper,
        ):
            parts = ReplicatedParts(
                Path(directory), kafka=kafka.address, zookeeper=zookeeper.address, replicas=3, brokers=options.brokers
            )
            print(json.dumps(asyncio.run(measured(options.times, parts, zookeeper.address)), indent=2))
    finally:
        owned.end()


if __name__ == "__main__":
    main()
