"""Measure how fast the suite spreads a DaemonSet over nodes without delay, and rolls it, in one process.

python tests/bench/daemonset.py [--nodes N ...] [--runs N] [--write README.md]

In each run and for each number of nodes `statefleet up` starts in a new directory below the current one; a DaemonSet
is created there and updated, with a tenth of its pods at once and with one. What is shown, and `c`, are as in
rollout.py.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.pace import pace, paced
from bench.rollout import HEADING, commit_milliseconds, resident_mib, shown, timed, write
from support.api import STRATEGIC, Api, Event, Json, calling
from support.manifests import IMAGE, daemon_set
from support.suite import INSTANT, ROOMY, Suite

DAEMON_SETS = "/apis/apps/v1/namespaces/default/daemonsets"
PODS = "/api/v1/namespaces/default/pods"
TENTH = "10%"
BEGIN, END = "<!-- daemonset figures -->", "<!-- /daemonset figures -->"
PATIENCE_SECONDS = 300.0


class Spread:
    """A DaemonSet on so many nodes."""

    def __init__(self, api: Api, nodes: int) -> None:
        self._api = api
        self._nodes = nodes

    async def until_nodes(self) -> None:
        """Return when all nodes are there."""
        await self._until("/api/v1/nodes?limit=1", lambda it: _count(it) >= self._nodes)

    async def create(self, max_unavailable: int | str) -> float:
        """Create the set; return the seconds until all its pods are available."""
        declared = daemon_set(updateStrategy={"rollingUpdate": {"maxUnavailable": max_unavailable}})
        return await self._timed(
            "POST", DAEMON_SETS, declared, "application/json", lambda it: it.get("numberAvailable", 0) == self._nodes
        )

    async def update(self) -> float:
        """Change the image; return the seconds until all pods are updated and available."""
        template = {"spec": {"containers": [{"name": "app", "image": f"{IMAGE}:2"}]}}
        return await self._timed(
            "PATCH",
            f"{DAEMON_SETS}/agent",
            {"spec": {"template": template}},
            STRATEGIC,
            lambda it: it.get("updatedNumberScheduled", 0) == it.get("numberAvailable", 0) == self._nodes,
        )

    async def delete(self) -> None:
        """Delete the set; return when its pods are gone."""
        await self._api.persist("DELETE", f"{DAEMON_SETS}/agent", {})
        await self._until(f"{PODS}?limit=1", lambda it: not it["items"])

    async def _timed(
        self, method: str, path: str, body: Json, content_type: str, reached: Callable[[Json], bool]
    ) -> float:
        """Return the seconds from a request until the set's status, of what was asked for, tells the end."""

        def tells(event: Event) -> bool:
            meta, status = event.object["metadata"], event.object.get("status", {})
            return status.get("observedGeneration") == meta.get("generation", 0) and reached(status)

        async with asyncio.timeout(PATIENCE_SECONDS):
            return await timed(self._api, DAEMON_SETS, tells, method, path, body, content_type)

    async def _until(self, path: str, reached: Callable[[Json], object]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not reached(await self._api.get(path)):
                await asyncio.sleep(0.05)


class Figures(NamedTuple):
    """What was measured at one number of nodes: seconds, milliseconds for `commit`, MiB for `resident`."""

    created: float
    tenth: float
    one: float
    commit: float
    resident: float


def measure(nodes: int) -> Figures:
    """Measure at one number of nodes."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as name:
        suite = Suite(Path(name), *INSTANT, *ROOMY, f"--nodes={nodes}")
        suite.start()
        try:
            created, tenth, one = asyncio.run(_measure(suite.kubeconfig, nodes))
            resident = resident_mib(suite.process.pid)
        finally:
            suite.process.stop()
        return Figures(created, tenth, one, commit_milliseconds(Path(name)), resident)


async def _measure(kubeconfig: Path, nodes: int) -> tuple[float, float, float]:
    async with calling(kubeconfig) as api:
        spread = Spread(api, nodes)
        await spread.until_nodes()
        created, tenth = await spread.create(TENTH), await spread.update()
        await spread.delete()
        await spread.create(1)
        return created, tenth, await spread.update()


def table(measured: dict[int, list[Figures]], paces: list[float]) -> str:
    """Return the table in Markdown."""
    rows = [HEADING, "|---|---|---|---|"]
    commits = {nodes: median(run.commit for run in runs) for nodes, runs in measured.items()}
    for nodes, runs in measured.items():
        one = shown([run.one / nodes * 1e3 for run in runs])
        if nodes <= 100:
            goal = f"≤ 5c + 6 = {5 * commits[nodes] + 6:.3g}"
            tenth = shown([run.tenth / nodes * 1e3 for run in runs])
            rows += [
                f"| {nodes} nodes, one at once, ms a pod | {goal} | {one} | 217 / 35 |",
                f"| {nodes} nodes, 10 % at once, ms a pod | ≤ 6 | {tenth} | 100 / 14 |",
            ]
        else:
            created, tenth, resident = (
                shown(values)
                for values in zip(*((run.created, run.tenth, run.resident) for run in runs), strict=True)
            )
            rows += [
                f"| {nodes} nodes: create, s | ≤ 4 | {created} | 50 / 7.1 |",
                f"| {nodes} nodes, 10 % at once, s | ≤ 7 | {tenth} | 100 / 13.3 |",
                f"| {nodes} nodes, one at once, ms a pod | ≤ 2 × that of 100 | {one} | – / 93 |",
                f"| {nodes} nodes: resident memory, MiB | ≤ 400 | {resident} | 1500 / 2060 |",
            ]
    took = " and ".join(f"{commit:.2f}" for commit in commits.values())
    return "\n".join([*rows, "", f"c was {took} ms. {paced(*paces)}"])


def _count(listing: Json) -> int:
    return len(listing["items"]) + int(listing["metadata"].get("remainingItemCount", 0))


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="*", default=[100, 1000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    measured, paces = {}, [pace()]
    for nodes in options.nodes:
        runs = []
        for _ in range(options.runs):
            runs.append(measure(nodes))
            print(nodes, runs[-1], flush=True)
            paces.append(pace())
        measured[nodes] = runs
    print(f"\n{table(measured, paces)}")
    if options.write:
        write(options.write, table(measured, paces), BEGIN, END)


if __name__ == "__main__":
    main()
