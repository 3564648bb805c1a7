"""Clients, watchers and a rolling update that go on through a fault, and what is checked of them afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from statefleet.app.peers import Peers
from statefleet.app.processes import connected
from statefleet.client.fleet import Fleet
from statefleet.runtime.tasks import Tasks
from statefleet.store.kafka_log import KafkaCluster, KafkaLog
from statefleet.store.kafka_settings import KafkaSettings
from support.api import PODS, SETS, STRATEGIC, Api
from support.deployment import Deployment
from support.history import Client, History
from support.log_follower import LogFollower
from support.log_truth import check_acknowledged
from support.parts import SERVICES
from support.rolling import RollingUpdate
from support.watch_recording import WatchRecorder

CLIENTS = 6
OBJECTS = 5
REPLICAS = 5
PAUSE_SECONDS = 0.01
PATIENCE_SECONDS = 60.0


@dataclass
class Outcome:
    """One line of the table of faults."""

    acknowledged: int
    unknown: int
    longest_pause: float
    watched: int


@dataclass
class Load:
    """What goes on: `history` of the clients, and a rolling update of the set to an image."""

    fleets: list[Fleet]
    follower: LogFollower
    api: Api
    name: str
    history: History = field(default_factory=History)

    async def __call__(self, tasks: Tasks, image: str) -> None:
        """Begin."""
        names = [f"{self.name}-{number}" for number in range(OBJECTS)]
        self.clients = [
            Client(fleet, self.history, f"{self.name}-client-{number}", names)
            for number, fleet in enumerate(self.fleets[:CLIENTS])
        ]
        self.watchers = [WatchRecorder(fleet) for fleet in self.fleets[CLIENTS:]]
        self._working = [tasks.spawn(client.run(PAUSE_SECONDS), "client", awaited=True) for client in self.clients]
        for watcher in self.watchers:
            tasks.spawn(watcher.run(), "watcher")
        listing = await self.api.get(PODS)
        self.update = RollingUpdate(listing["items"], REPLICAS, image)
        self._rolling = tasks.spawn(self._watch(listing["metadata"]["resourceVersion"]), "rollout", awaited=True)
        template = {"spec": {"containers": [{"name": "app", "image": image}]}}
        answer = await self.api.persist("PATCH", f"{SETS}/web", {"spec": {"template": template}}, STRATEGIC)
        assert answer.code == 200, answer

    async def rolls(self) -> None:
        """Return once the update has begun."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not self.update.deleted:
                await asyncio.sleep(0.02)

    async def writes_again(self, since: float) -> None:
        """Return once a write that began after a moment was acknowledged."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not any(operation.begin > since for _, operation in self.history.acknowledged):
                await asyncio.sleep(0.05)

    async def end(self) -> Outcome:
        """End it, and check all of it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._rolling
            for client in self.clients:
                client.stopping = True
            await asyncio.gather(*self._working)
        assert self.update.violations == []
        assert sorted(self.update.deleted, reverse=True) == self.update.deleted
        await self.follower.catch_up()
        truth = self.follower.truth
        acknowledged = check_acknowledged(self.history, truth)
        self.history.check(seconds=30)
        last = max(c.version for changes in truth for c in changes if c.key.kind == "ConfigMap")
        watched = 0
        for watcher in self.watchers:
            await watcher.until(last)
            watched += watcher.check(truth)
        return Outcome(acknowledged, self.history.unknown, self.history.longest_pause(), watched)

    async def _watch(self, version: str) -> None:
        async with aclosing(self.api.follow(PODS, version)) as events:
            async for event in events:
                self.update.take(event)
                if self.update.done:
                    return


@asynccontextmanager
async def following(deployment: Deployment) -> AsyncIterator[LogFollower]:
    """Follow the log of the workload store."""
    settings = KafkaSettings(
        tuple(server.address for server in deployment.kafka.servers),
        replication_factor=len(deployment.kafka.servers),
        min_insync_replicas=deployment.min_insync_replicas,
    )
    async with KafkaCluster(settings) as cluster, Tasks("follower") as tasks:
        follower = LogFollower(await KafkaLog.open(cluster, "workloads.records"))
        tasks.spawn(follower.run(), "log")
        await follower.catch_up()
        yield follower


@asynccontextmanager
async def fleets(deployment: Deployment) -> AsyncIterator[list[Fleet]]:
    """Connect the clients, each to all replicas, and one watcher to each replica alone."""
    everywhere = {service: deployment.addresses(service) for service in SERVICES}
    places = [everywhere] * CLIENTS
    places += [{**everywhere, "workload-store": [address]} for address in everywhere["workload-store"]]
    opened = [connected(Peers(place, deployment.authority), "admin") for place in places]
    entered = [await context.__aenter__() for context in opened]
    try:
        yield entered
    finally:
        for context in reversed(opened):
            await context.__aexit__(None, None, None)
