"""Measure how many requests a second the Kubernetes API of the suite answers, and how soon watchers hear of a change.

python tests/bench/api.py [--seconds N] [--write README.md]

Writes are creations, merge patches and deletions of small ConfigMaps, every one on disk before it is answered; reads
are of one ConfigMap, and of all 500. The clients are tasks of this one process, which takes its share of the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.pace import pace, paced
from bench.rollout import write
from support.api import CONFIG_MAPS, MERGE, Api, Json, calling
from support.suite import INSTANT, Suite

CLIENTS = (1, 8, 64)
LISTED = 500
WATCHERS = 100
CHANGES = 200
CHANGES_A_SECOND = 50
VALUE = "x" * 200

BEGIN, END = "<!-- api figures -->", "<!-- /api figures -->"

KUBERNETES = {
    "writes, 1 client": "523/s, 1.8 / 4.0",
    "writes, 8 clients": "1198/s, 5.8 / 21",
    "writes, 64 clients": "2112/s, 27 / 80",
    "reads, 1 client": "931/s",
    "reads, 8 clients": "2872/s",
    "reads, 64 clients": "4949/s",
    "lists of 500, 8 clients": "787/s",
    "100 watchers: answer to event": "1.5 / 4.9",
}
"""Kubernetes 1.20 with its client limits raised, on such a machine: requests a second, and p50 / p99 in ms."""

Act = Callable[[int], Awaitable[None]]


class Rate(NamedTuple):
    """What clients were served with."""

    per_second: float
    milliseconds: list[float]

    def __str__(self) -> str:
        return f"{self.per_second:.0f}/s, {percentiles(self.milliseconds)}"


def percentiles(milliseconds: list[float]) -> str:
    """Return the median and the 99th percentile."""
    return f"{median(milliseconds):.2g} / {quantiles(milliseconds, n=100)[98]:.2g}"


def config_map(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": VALUE}}


async def rate(clients: int, seconds: float, *acts: Act) -> Rate:
    """Have each client do the acts in turn, again and again, each round with a number of its own."""
    took: list[float] = []
    numbers = itertools.count()
    end = time.perf_counter() + seconds

    async def client() -> None:
        while time.perf_counter() < end:
            number = next(numbers)
            for act in acts:
                began = time.perf_counter()
                await act(number)
                took.append((time.perf_counter() - began) * 1e3)

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return Rate(len(took) / (time.perf_counter() - began), took)


class Bench:
    """The requests that are measured."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def create(self, number: int) -> None:
        await self._send("POST", CONFIG_MAPS, config_map(f"w-{number}"))

    async def patch(self, number: int) -> None:
        await self._send("PATCH", f"{CONFIG_MAPS}/w-{number}", {"data": {"k": VALUE.upper()}}, MERGE)

    async def delete(self, number: int) -> None:
        await self._send("DELETE", f"{CONFIG_MAPS}/w-{number}")

    async def read(self, number: int) -> None:
        await self._read(f"{CONFIG_MAPS}/r-{number % LISTED}")

    async def list_all(self, _: int) -> None:
        await self._read(f"{CONFIG_MAPS}?resourceVersion=0")

    async def fill(self) -> None:
        """Create what is read."""
        for number in range(LISTED):
            await self._send("POST", CONFIG_MAPS, config_map(f"r-{number}"))

    async def fan_out(self) -> list[float]:
        """Return how long after the answer to its change each watcher heard of it, in milliseconds."""
        version = (await self._api.get(f"{CONFIG_MAPS}?limit=1"))["metadata"]["resourceVersion"]
        answered, heard = [0.0] * CHANGES, [[0.0] * CHANGES for _ in range(WATCHERS)]
        watchers = [asyncio.ensure_future(self._hear(version, times)) for times in heard]
        begin = time.perf_counter()
        for number in range(CHANGES):
            await asyncio.sleep(max(0.0, begin + number / CHANGES_A_SECOND - time.perf_counter()))
            await self._send("PATCH", f"{CONFIG_MAPS}/r-0", {"data": {"n": str(number)}}, MERGE)
            answered[number] = time.perf_counter()
        await asyncio.gather(*watchers)
        return [(times[number] - answered[number]) * 1e3 for times in heard for number in range(CHANGES)]

    async def _hear(self, version: str, times: list[float]) -> None:
        async with aclosing(self._api.watch(CONFIG_MAPS, version)) as events:
            async for event in events:
                if event.type == "MODIFIED":
                    number = int(event.object["data"]["n"])
                    times[number] = time.perf_counter()
                    if number == CHANGES - 1:
                        return
        raise RuntimeError("the watch ended before the last change")

    async def _send(
        self, method: str, path: str, body: Json | None = None, content_type: str = "application/json"
    ) -> None:
        code, answer = await self._api.call(method, path, body, content_type)
        if code >= 300:
            raise RuntimeError(answer)

    async def _read(self, path: str) -> None:
        if not await self._api.fetch(path):
            raise RuntimeError(f"{path}: empty")


def plural(count: int) -> str:
    return f"{count} client" if count == 1 else f"{count} clients"


async def measure(kubeconfig: Path, seconds: float) -> dict[str, str]:
    """Return the figures by what they are of."""
    found: dict[str, str] = {}
    async with calling(kubeconfig) as api:
        bench = Bench(api)
        for clients in CLIENTS:
            made = await rate(clients, seconds, bench.create, bench.patch, bench.delete)
            found[f"writes, {plural(clients)}"] = str(made)
        await bench.fill()
        for clients in CLIENTS:
            found[f"reads, {plural(clients)}"] = str(await rate(clients, seconds, bench.read))
        found[f"lists of {LISTED}, 8 clients"] = str(await rate(8, seconds, bench.list_all))
        found[f"{WATCHERS} watchers: answer to event"] = percentiles(await bench.fan_out())
    return found


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    paces = [pace()]
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as name:
        suite = Suite(Path(name), *INSTANT, "--nodes=0")
        suite.start()
        try:
            found = asyncio.run(measure(suite.kubeconfig, options.seconds))
        finally:
            suite.process.stop()
    paces.append(pace())
    print(table(found, paces))
    if options.write:
        write(options.write, table(found, paces), BEGIN, END)


def table(found: dict[str, str], paces: list[float]) -> str:
    """Return the table in Markdown."""
    rows = [f"| {what} | {figure} | {KUBERNETES[what]} |" for what, figure in found.items()]
    head = ["| requests a second, p50 / p99 in ms | here | Kubernetes 1.20 |", "|---|---|---|"]
    return "\n".join([*head, *rows, "", paced(*paces)])


if __name__ == "__main__":
    main()
