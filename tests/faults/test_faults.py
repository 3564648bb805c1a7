"""Whatever breaks: what was acknowledged is there, reads are linearizable, watches keep their word, order is kept."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from faults.faults import FAULTS, HIDDEN, Act, Scene
from faults.load import REPLICAS, Load, fleets, following
from faults.table import FaultTable
from statefleet.runtime.tasks import Tasks
from support.api import calling
from support.deployment import Deployment, running_deployment
from support.kafka_servers import DATA, STARTS_SOON, Kafka
from support.kafka_servers import IMAGE as KAFKA
from support.kubectl import Kubectl
from support.log_follower import LogFollower
from support.manifests import IMAGE, stateful_set
from support.small_disk import SmallDisk
from support.zookeeper_servers import running_zookeeper

TIMES = int(os.environ.get("STATEFLEET_FAULT_TIMES", "1"))
PATIENCE = "60s"
DISK_MEGABYTES = 256


@pytest.fixture(scope="module")
def disks(real_servers: None) -> Iterator[dict[str, SmallDisk]]:
    found = {f"kafka-{number}": SmallDisk(f"disk-{number}", DISK_MEGABYTES, KAFKA, user=1000) for number in (1, 2, 3)}
    yield found
    for disk in found.values():
        disk.remove()


@pytest.fixture(scope="module")
def kafka3(disks: dict[str, SmallDisk]) -> Iterator[Kafka]:
    """Run brokers that are missed soon when they are gone, each with a small disk of its own."""
    settings = {"broker_session_timeout_ms": 3000, "broker_heartbeat_interval_ms": 500}
    kafka = Kafka(3, None, STARTS_SOON, settings)
    try:
        for server in kafka.servers:
            server.mount(disks[server.name].volume, DATA)
        kafka.start()
        yield kafka
    finally:
        kafka.remove()


@pytest.fixture(scope="module")
def deployment(kafka3: Kafka, suite_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    directory = tmp_path_factory.mktemp("deployment")
    with running_zookeeper(3) as zookeeper, running_deployment(directory, suite_image, kafka3, zookeeper) as running:
        yield running


@pytest.fixture
async def follower(deployment: Deployment) -> AsyncIterator[LogFollower]:
    async with following(deployment) as found:
        yield found


@pytest.mark.parametrize("round_", range(TIMES))
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_nothing_acknowledged_is_lost_and_order_is_kept(
    fault: Act,
    round_: int,
    deployment: Deployment,
    follower: LogFollower,
    disks: dict[str, SmallDisk],
    fault_table: FaultTable,
) -> None:
    kubectl = Kubectl(deployment.kubeconfig)
    if not kubectl.pods():
        kubectl.apply(stateful_set(replicas=REPLICAS))
    kubectl(f"rollout status sts/web --timeout={PATIENCE}")
    scene = Scene(deployment, follower, disks)
    name = f"{fault.__name__.replace('_', '-')}-{round_}"
    async with fleets(deployment) as opened, calling(deployment.kubeconfig) as api, Tasks("load") as tasks:
        load = Load(opened, follower, api, name)
        await load(tasks, f"{IMAGE}:{name}")
        await load.writes_again(time.monotonic())
        await load.rolls()
        await fault(scene)
        await load.writes_again(time.monotonic())
        outcome = await load.end()
    fault_table.add(fault.__name__, outcome)
    if fault in HIDDEN:
        assert outcome.unknown == 0
