"""Measure how fast the suite creates and rolls a StatefulSet of 100 pods on 100 nodes without delay.

python tests/bench/rollout.py [--runs N] [--pods N] [--write README.md]

Each run starts `statefleet up` in a new directory below the current one, so that the disk is the one that is meant,
and goes through the Kubernetes API with a watch, from the request to the last pod's readiness. What is shown is the
median of the runs and, behind it, the best of them: others on the machine can only slow a run down. `c` is the median
time of one commit of a pod's size to a SQLite file there, set up as the log is.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.pace import pace, paced
from statefleet.store.sqlite_rows import insert, open_file, open_table
from support.api import PODS, SETS, STRATEGIC, Api, Event, Json, calling
from support.manifests import IMAGE, stateful_set
from support.rolling import is_ready
from support.suite import INSTANT, ROOMY, Suite

COMMIT_BYTES = 2500
COMMITS = 400
POLICIES = ("Parallel", "OrderedReady")
BEGIN, END = "<!-- figures -->", "<!-- /figures -->"
HEADING = "| | goal | here: median (best) | Kubernetes 1.20 |"


@dataclass
class Figures:
    """What was measured: milliseconds a pod where nothing else is said; a value for each run."""

    commit_ms: list[float] = field(default_factory=list)
    parallel: list[float] = field(default_factory=list)
    ordered: list[float] = field(default_factory=list)
    update: list[float] = field(default_factory=list)
    ready_seconds: list[float] = field(default_factory=list)
    resident_mib: list[float] = field(default_factory=list)


class Line(NamedTuple):
    """One line of the table. The goal depends on how long a commit takes."""

    what: str
    goal: Callable[[float], float]
    formula: str
    figure: Callable[[Figures], list[float]]
    reference: str


LINES = (
    Line("`Parallel`: create to Ready, ms a pod", lambda _: 5, "", lambda it: it.parallel, "50 / 7.5"),
    Line(
        "`OrderedReady`: create to Ready, ms a pod",
        lambda c: 3 * c + 5,
        "3c + 5",
        lambda it: it.ordered,
        "122 / 18.5",
    ),
    Line("Rolling update, ms a pod", lambda c: 5 * c + 6, "5c + 6", lambda it: it.update, "289 / 37"),
    Line("Process start to ready, s", lambda _: 1.5, "", lambda it: it.ready_seconds, "2.9"),
    Line("Resident memory afterwards, MiB", lambda _: 200, "", lambda it: it.resident_mib, "740"),
)


def commit_milliseconds(directory: Path) -> float:
    """Return the median time of a commit in a directory."""
    took = []
    connection = sqlite3.connect(directory / "commits.db", isolation_level=None)
    try:
        open_file(connection, relaxed=False)
        log = open_table(connection, "commits")
        for _ in range(COMMITS):
            began = time.perf_counter()
            insert(connection, {log: [b"x" * COMMIT_BYTES]})
            took.append(time.perf_counter() - began)
            log.next_offset += 1
    finally:
        connection.close()
    return median(took) * 1e3


class Stage:
    """A set and the pods that a watch tells of."""

    def __init__(self, api: Api, pods: int) -> None:
        self._api = api
        self._count = pods

    async def create(self, policy: str) -> float:
        """Create the set; return the seconds until all its pods are ready."""
        return await self._timed(
            "POST", SETS, stateful_set(replicas=self._count, podManagementPolicy=policy), "application/json", "1"
        )

    async def update(self) -> float:
        """Change the image; return the seconds until all pods are updated and ready."""
        template = {"spec": {"containers": [{"name": "app", "image": f"{IMAGE}:2"}]}}
        return await self._timed("PATCH", f"{SETS}/web", {"spec": {"template": template}}, STRATEGIC, "2")

    async def delete(self) -> None:
        """Delete the set; return when its pods are gone."""
        await self._api.persist("DELETE", f"{SETS}/web", {})
        while (await self._api.get(PODS))["items"]:
            await asyncio.sleep(0.05)

    async def _timed(self, method: str, path: str, body: Json, content_type: str, tag: str) -> float:
        ready: set[str] = set()

        def all_ready(event: Event) -> bool:
            pod, name = event.object, event.object["metadata"]["name"]
            is_new = pod["spec"]["containers"][0]["image"] == f"{IMAGE}:{tag}"
            if is_new and event.type != "DELETED" and is_ready(pod):
                ready.add(name)
            else:
                ready.discard(name)
            return len(ready) == self._count

        return await timed(self._api, PODS, all_ready, method, path, body, content_type)


async def timed(
    api: Api, watched: str, reached: Callable[[Event], bool], method: str, path: str, body: Json, content_type: str
) -> float:
    """Return the seconds from a request until an event of what is watched tells that its end is reached."""
    version = (await api.get(watched))["metadata"]["resourceVersion"]
    async with aclosing(api.follow(watched, version)) as events:
        began = time.perf_counter()
        code, answer = await api.call(method, path, body, content_type)
        assert code < 300, answer
        async for event in events:
            if event.type != "BOOKMARK" and reached(event):
                break
        return time.perf_counter() - began


async def measure(pods: int, figures: Figures) -> None:
    """Add the figures of one run."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as name:
        directory = Path(name)
        suite = Suite(directory, *INSTANT, *ROOMY, f"--nodes={pods}")
        began = time.perf_counter()
        suite.launch()
        try:
            await asyncio.to_thread(suite.process.until, "ready in")
            figures.ready_seconds.append(time.perf_counter() - began)
            async with calling(suite.kubeconfig) as api:
                await roll(Stage(api, pods), pods, figures)
            figures.resident_mib.append(resident_mib(suite.process.pid))
        finally:
            suite.process.stop()
        figures.commit_ms.append(commit_milliseconds(directory))


async def roll(stage: Stage, pods: int, figures: Figures) -> None:
    """Create and update a set under each policy."""
    for policy, created in zip(POLICIES, (figures.parallel, figures.ordered), strict=True):
        created.append(await stage.create(policy) / pods * 1e3)
        figures.update.append(await stage.update() / pods * 1e3)
        await stage.delete()


def resident_mib(pid: int) -> float:
    """Return how much memory a process has."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    (found,) = (line.split()[1] for line in lines if line.startswith("VmRSS"))
    return int(found) / 1024


def table(figures: Figures, paces: list[float]) -> str:
    """Return the table in Markdown."""
    commit = median(figures.commit_ms)
    rows = [
        HEADING,
        "|---|---|---|---|",
        *(
            f"| {line.what} | ≤ {line.formula and line.formula + ' = '}{line.goal(commit):.3g} "
            f"| {shown(line.figure(figures))} | {line.reference} |"
            for line in LINES
        ),
    ]
    note = [
        f"c, the time of one commit to the disk, was {commit:.2f} ms. Where Kubernetes has two figures, the first is",
        "with its client limits as shipped, the second with them raised.",
        paced(*paces),
    ]
    return "\n".join([*rows, "", *note])


def shown(values: Sequence[float]) -> str:
    """Return the median of a figure's values, one for each run, and the least of them."""
    return f"**{median(values):.3g}** ({min(values):.3g})"


def write(file: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Put a table between two marks in a file."""
    before, _, rest = file.read_text(encoding="utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{file} has no {begin} and {end}")
    file.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pods", type=int, default=100)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    figures = Figures()
    paces = [pace()]
    for _ in range(options.runs):
        asyncio.run(measure(options.pods, figures))
        paces.append(pace())
    for name, values in vars(figures).items():
        print(f"{name:<14}", *(f"{value:.2f}" for value in values))
    print(f"\n{table(figures, paces)}")
    if options.write:
        write(options.write, table(figures, paces))


if __name__ == "__main__":
    main()
