"""The suite in one process, killed again and again in the middle of a rolling update."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from support.api import CONFIG_MAPS, MERGE, PODS, SETS, STRATEGIC, Api, Event, calling
from support.manifests import IMAGE, stateful_set
from support.processes import PATIENCE_SECONDS
from support.rolling import RollingUpdate
from support.suite import ROOMY, Suite, running_suite

KILLS = 9
REPLICAS = 10
DELAYS = ("--start-delay=0.2", "--ready-delay=0.2", "--stop-delay=0.1")
"""An update takes five seconds at least: longer than the lives between the kills together."""


class Writer:
    """Creates ConfigMaps and changes every second one, until told to stop. It insists on every write."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.stopping = False
        self.acknowledged: dict[str, str] = {}
        """The last value of each that was acknowledged."""

    async def run(self) -> None:
        number = 0
        while not self.stopping:
            name = f"written-{number:05d}"
            await self._write("POST", CONFIG_MAPS, name, "first", (201, 409))
            if number % 2:
                await self._write("PATCH", f"{CONFIG_MAPS}/{name}", name, "second", (200,))
            number += 1

    async def _write(self, method: str, path: str, name: str, value: str, wanted: tuple[int, ...]) -> None:
        kind = "application/json" if method == "POST" else MERGE
        body = {"metadata": {"name": name}, "data": {"value": value}}
        code, answer = await self._api.persist(method, path, body, kind)
        assert code in wanted, answer
        self.acknowledged[name] = value


async def kill_and_start(suite: Suite, moments: random.Random, update: RollingUpdate) -> int:
    """Let the suite live and die KILLS times, at times before it is ready, and start it for good.

    Return how many of the kills came before the update was done.
    """
    hits = 0
    for _ in range(KILLS):
        await asyncio.sleep(moments.uniform(0.05, 0.6))
        hits += not update.done
        await asyncio.to_thread(suite.process.kill)
        if moments.random() < 0.3:
            suite.launch()
            await asyncio.sleep(moments.uniform(0.0, 0.6))
            await asyncio.to_thread(suite.process.kill)
        await asyncio.to_thread(suite.start)
    return hits


async def watch(events: AsyncGenerator[Event, None], update: RollingUpdate) -> None:
    async with aclosing(events):
        async for event in events:
            update.take(event)
            if update.done:
                return


@pytest.mark.parametrize("seed", [1, 2])
async def test_an_update_is_finished_in_order_and_no_write_is_lost(tmp_path: Path, seed: int) -> None:
    with running_suite(tmp_path, *DELAYS, *ROOMY) as suite:
        async with calling(suite.kubeconfig) as api:
            await api.persist("POST", SETS, stateful_set(replicas=REPLICAS, podManagementPolicy="Parallel"))
            await asyncio.to_thread(suite.kubectl(), "rollout status sts/web --timeout=20s")
            listing = await api.get(PODS)
            update = RollingUpdate(listing["items"], REPLICAS, f"{IMAGE}:2")
            writer = Writer(api)
            writing = asyncio.create_task(writer.run())
            events = api.follow(PODS, listing["metadata"]["resourceVersion"])
            change = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": f"{IMAGE}:2"}]}}}}
            await api.persist("PATCH", f"{SETS}/web", change, STRATEGIC)
            watching = asyncio.create_task(watch(events, update))
            hits = await kill_and_start(suite, random.Random(seed), update)
            async with asyncio.timeout(PATIENCE_SECONDS):
                await watching
            writer.stopping = True
            await writing
            assert hits == KILLS
            assert update.violations == []
            assert update.deleted == list(reversed(range(REPLICAS)))
            stored = {item["metadata"]["name"]: item["data"] for item in (await api.get(CONFIG_MAPS))["items"]}
            lost = {
                name: value for name, value in writer.acknowledged.items() if stored.get(name) != {"value": value}
            }
            assert lost == {}
            assert len(writer.acknowledged) > KILLS
