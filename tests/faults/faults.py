"""The faults: what each does to a deployment, and how it is mended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from testcontainers.core.network import Network

from statefleet.reconcile.keys import Key, shard_of
from statefleet.statefulset.controller import StatefulSetController
from statefleet.store.kafka_log import KafkaCluster
from statefleet.store.kafka_settings import KafkaSettings
from support.containers import Server
from support.deployment import Deployment, Part
from support.log_follower import LogFollower
from support.small_disk import SmallDisk

WORKLOADS = "workload-store"
SESSION_SECONDS = 4.0
"""How long a process may be silent before ZooKeeper gives its places away."""
HELD_SECONDS = SESSION_SECONDS + 4.0
"""How long a fault lasts that is to outlast a session."""


@dataclass
class Scene:
    """What a fault acts on."""

    deployment: Deployment
    follower: LogFollower
    disks: Mapping[str, SmallDisk]
    """The disk of each broker."""
    set_name: str = "web"

    def leader(self) -> Part:
        """Return the replica of the workload store that leads, as the log has it."""
        return self.deployment.parts[self.follower.leader.partition(":")[0]]

    def worker(self) -> Part:
        """Return the worker that works on the set, as the log has it."""
        shard = f"statefulset/{shard_of(Key('default', self.set_name), StatefulSetController.shards)}"
        holder = self.follower.state.claims[shard].holder
        return self.deployment.parts[holder.rpartition("-")[0]]

    async def log_broker(self) -> Server:
        """Return the broker that leads the topic of the workload store's records."""
        settings = KafkaSettings(tuple(server.address for server in self.deployment.kafka.servers))
        async with KafkaCluster(settings) as cluster:
            leader = (await cluster.brokers.place("statefleet.workloads.records")).leader
        (broker,) = (server for server in self.deployment.kafka.servers if server.address == str(leader))
        return broker


Act = Callable[[Scene], Awaitable[None]]


async def leader_killed(scene: Scene) -> None:
    """The leader's process ends as by a crash, and is started again."""
    epoch, leader = scene.follower.state.epoch, scene.leader()
    await off(leader.kill)
    await scene.follower.until_epoch(epoch + 1)
    await off(leader.start)


async def leader_hands_over(scene: Scene) -> None:
    """The leader is told to stop, as in a rolling restart."""
    epoch, leader = scene.follower.state.epoch, scene.leader()
    await off(leader.stop)
    await scene.follower.until_epoch(epoch + 1)
    await off(leader.start)


async def rolling_restart(scene: Scene) -> None:
    """Every replica, worker and gateway is told to stop, one by one, and started again."""
    for name, part in scene.deployment.parts.items():
        if not name.startswith("agent"):
            await off(part.stop)
            await off(part.start)
            await off(scene.deployment.until_ready, name)


async def leader_paused(scene: Scene) -> None:
    """The leader stands still until its session is over and another leads, then goes on where it was."""
    epoch, leader = scene.follower.state.epoch, scene.leader()
    await off(leader.pause)
    await scene.follower.until_epoch(epoch + 1)
    await asyncio.sleep(2)
    await off(leader.resume)


async def session_expired(scene: Scene) -> None:
    """ZooKeeper hears nothing of the leader until its session has expired, and hears of it again."""
    epoch, leader = scene.follower.state.epoch, scene.leader()
    network = scene.deployment.zookeeper.network
    await off(leader.leave, network)
    await scene.follower.until_epoch(epoch + 1)
    await off(leader.join, network)


async def quorum_lost(scene: Scene) -> None:
    """Two of three ZooKeeper servers crash and come back."""
    servers = scene.deployment.zookeeper.servers[:2]
    for server in servers:
        await off(server.kill)
    await asyncio.sleep(HELD_SECONDS)
    for server in servers:
        await off(server.start)
    await off(scene.deployment.zookeeper.until_ready)


async def broker_restarted(scene: Scene) -> None:
    """The broker that leads the log's topic is restarted."""
    broker = await scene.log_broker()
    await off(broker.stop)
    await off(broker.start)
    await off(scene.deployment.kafka.until_ready)


async def brokers_down(scene: Scene) -> None:
    """All brokers crash at once and come back."""
    for broker in scene.deployment.kafka.servers:
        await off(broker.kill)
    await asyncio.sleep(3)
    for broker in scene.deployment.kafka.servers:
        await off(broker.start)
    await off(scene.deployment.kafka.until_ready)


async def leader_without_zookeeper(scene: Scene) -> None:
    """The leader reaches everything but ZooKeeper."""
    await _cut_for_a_while(scene, scene.deployment.zookeeper.network)


async def leader_without_kafka(scene: Scene) -> None:
    """The leader reaches everything but Kafka, and so cannot lead: another must."""
    await _cut_for_a_while(scene, scene.deployment.kafka.network)


async def leader_without_the_others(scene: Scene) -> None:
    """The leader reaches ZooKeeper, Kafka and some clients, but no other replica reaches it."""
    leader = scene.leader()
    await off(leader.disconnect)
    await asyncio.sleep(HELD_SECONDS)
    await off(leader.connect)


async def worker_killed(scene: Scene) -> None:
    """The worker that rolls the set out crashes, and is started again."""
    worker = scene.worker()
    await off(worker.kill)
    await asyncio.sleep(HELD_SECONDS)
    await off(worker.start)


async def worker_paused(scene: Scene) -> None:
    """The worker that rolls the set out stands still past its session, and goes on with what it was about to do."""
    worker = scene.worker()
    await off(worker.pause)
    await asyncio.sleep(HELD_SECONDS)
    await off(worker.resume)


async def gateway_killed(scene: Scene) -> None:
    """The gateway through which the set was changed crashes, and is started again."""
    gateway = scene.deployment.parts["gateway-0"]
    await off(gateway.kill)
    await asyncio.sleep(1)
    await off(gateway.start)


async def disk_full(scene: Scene) -> None:
    """The disk of the broker that leads the log's topic is full until somebody makes room."""
    broker = await scene.log_broker()
    disk = scene.disks[broker.name]
    await off(disk.fill)
    await asyncio.sleep(HELD_SECONDS)
    await off(disk.make_room)
    await off(broker.stop)
    await off(broker.start)
    await off(scene.deployment.kafka.until_ready)


async def _cut_for_a_while(scene: Scene, network: Network) -> None:
    leader = scene.leader()
    await off(leader.leave, network)
    await asyncio.sleep(HELD_SECONDS)
    await off(leader.join, network)


async def off(act: Callable[..., object], *arguments: object) -> None:
    """Do what blocks beside the loop, on which clients and watchers go on."""
    await asyncio.to_thread(act, *arguments)


HIDDEN = (leader_hands_over, rolling_restart)
"""What is planned: no client is told of it, beyond what its own repetitions hide."""

FAULTS: tuple[Act, ...] = (
    leader_killed,
    leader_hands_over,
    rolling_restart,
    leader_paused,
    session_expired,
    quorum_lost,
    broker_restarted,
    brokers_down,
    leader_without_zookeeper,
    leader_without_kafka,
    leader_without_the_others,
    disk_full,
    worker_killed,
    worker_paused,
    gateway_killed,
)
