"""Measure the suite over Kafka and ZooKeeper, every part in a process of its own, and print the figures.

python tests/bench/replicated.py [--rounds N] [--count N] [--nodes N ...] [--write README.md]

Kafka and ZooKeeper run in containers; everything else are processes of this machine. Writes and reads through the
workload store are timed beside a bare aiokafka and a bare grpc.aio in the same run (see write_path.py); a StatefulSet
of 100 pods is created and rolled on simulated nodes without delay, with one of everything and with three, after a
round that is not counted: in brokers that have just started, Java runs at half its pace. Then a DaemonSet is, on as
many nodes as are named, by two workers and two agents.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.daemonset import TENTH, Spread
from bench.pace import pace, paced
from bench.rollout import POLICIES, Stage, resident_mib, shown, write
from bench.write_path import CLIENTS, Timings, measure
from support import owned
from support.api import calling
from support.engine import ensure_engine
from support.kafka_servers import IMAGE as KAFKA
from support.kafka_servers import RUNS_FAST, running_kafka
from support.parts import running
from support.real_servers import provide_images
from support.replicated_parts import ReplicatedParts
from support.suite import INSTANT, ROOMY
from support.zookeeper_servers import IMAGE as ZOOKEEPER
from support.zookeeper_servers import running_zookeeper

PODS = 100
BEGIN, END = "<!-- replicated figures -->", "<!-- /replicated figures -->"

Row = tuple[str, str, str]


@contextmanager
def suite(servers: int, **options: int) -> Iterator[tuple[ReplicatedParts, str]]:
    """Run the suite over so many brokers and ZooKeeper servers; yields it and the brokers' addresses."""
    with (
        running_kafka(servers, java=RUNS_FAST, broker_session_timeout_ms=3000) as kafka,
        running_zookeeper(servers) as zookeeper,
        tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as name,
    ):
        parts = ReplicatedParts(
            Path(name),
            kafka=kafka.address,
            zookeeper=zookeeper.address,
            brokers=servers,
            agent_options=(*INSTANT, *ROOMY),
            **options,
        )
        with running(parts):
            yield parts, kafka.address


def writes(rounds: int, count: int) -> Iterator[Row]:
    """Yield what a write and a read through the workload store cost beside what they rest on."""
    with suite(1) as (parts, kafka):
        timings = asyncio.run(measure(parts, kafka, rounds, count))
    bare, echo, create, read = (timings[name] for name in ("kafka", "grpc", "create", "get"))
    ratio = create.p50(1) / bare.p50(1)
    yield "Write through a service, p50 / p99 ms", "≤ 2 × bare Kafka", f"{_latency(create, 1)}, {ratio:.1f} ×"
    yield "bare Kafka, written and read back, p50 / p99 ms", "", _latency(bare, 1)
    share = create.per_second(64) / min(bare.per_second(64), echo.per_second(64))
    goal = "≥ 60 % of the lower of bare Kafka and grpc.aio"
    for clients in CLIENTS[1:]:
        told = f"{create.per_second(clients):.0f}" + (f", {share:.0%}" if clients == CLIENTS[-1] else "")
        yield f"Writes a second, {clients} clients", goal if clients == CLIENTS[-1] else "", told
    yield "bare Kafka and bare grpc.aio, 64 clients", "", f"{bare.per_second(64):.0f} and {echo.per_second(64):.0f}"
    yield (
        "Linearizable reads a second, 1 and 64 clients",
        "",
        f"{read.per_second(1):.0f} and {read.per_second(64):.0f}",
    )


def rollouts(servers: int, rounds: int) -> Iterator[Row]:
    """Yield how long a StatefulSet takes to be created and rolled, with so many of everything."""
    with suite(servers, replicas=servers, workers=min(servers, 2), nodes=PODS) as (parts, _):
        taken = asyncio.run(_rolled(parts, rounds))
    for policy, times in taken.items():
        created, rolled = zip(*times, strict=True)
        goal = "≤ 25" if servers == 1 else ""
        yield f"`{policy}`, {servers} of each: create, ms a pod", "", shown(created)
        yield f"`{policy}`, {servers} of each: rolling update, ms a pod", goal, shown(rolled)


async def _rolled(parts: ReplicatedParts, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Return the milliseconds a pod takes, by policy, once a round that is not counted has warmed the brokers up."""
    taken: dict[str, list[tuple[float, float]]] = {policy: [] for policy in POLICIES}
    async with calling(parts.kubeconfig) as api:
        stage = Stage(api, PODS)
        for policy in POLICIES * (1 + rounds):
            created, rolled = await stage.create(policy), await stage.update()
            taken[policy].append((created / PODS * 1e3, rolled / PODS * 1e3))
            await stage.delete()
    return {policy: times[1:] for policy, times in taken.items()}


def daemons(nodes: int) -> Iterator[Row]:
    """Yield how long a DaemonSet takes on so many nodes, and what the processes hold."""
    with suite(1, workers=2, agents=2, nodes=nodes // 2) as (parts, _):
        created, rolled = asyncio.run(_spread(parts, nodes))
        held = {name: resident_mib(parts.processes[name].pid) for name in ("workload-store-0", "worker-0", "agent-0")}
    yield f"DaemonSet, {nodes} nodes: create, s", "", f"{created:.1f}"
    yield f"DaemonSet, {nodes} nodes: rolling update, {TENTH} at once, s", "", f"{rolled:.1f}"
    yield f"DaemonSet, {nodes} nodes: store, worker, agent, MiB", "", ", ".join(f"{mib:.0f}" for mib in held.values())


async def _spread(parts: ReplicatedParts, nodes: int) -> tuple[float, float]:
    async with calling(parts.kubeconfig) as api:
        spread = Spread(api, nodes)
        await spread.until_nodes()
        return await spread.create(TENTH), await spread.update()


def _latency(timings: Timings, clients: int) -> str:
    return f"{timings.p50(clients):.2f} / {timings.p99(clients):.1f}"


def table(rows: list[Row], paces: list[float]) -> str:
    """Return the table in Markdown."""
    lines = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join(["| | goal | here; of rollouts the median (best) |", "|---|---|---|", *lines, "", paced(*paces)])


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--nodes", type=int, nargs="*", default=[500, 2000, 5000])
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    owned.begin()
    ensure_engine()
    provide_images(KAFKA, ZOOKEEPER)
    owned.expect()
    rows: list[Row] = []
    paces = [pace()]
    try:
        for measured in (
            lambda: writes(options.rounds, options.count),
            lambda: rollouts(1, options.rounds),
            lambda: rollouts(3, 1),
            *(lambda nodes=nodes: daemons(nodes) for nodes in options.nodes),
        ):
            for row in measured():
                print(*row, sep=" | ", flush=True)
                rows.append(row)
            paces.append(pace())
    finally:
        owned.end()
    if options.write:
        write(options.write, table(rows, paces), BEGIN, END)


if __name__ == "__main__":
    main()
