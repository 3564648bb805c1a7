"""A release is replaced by the next one, part by part, under load: nothing is lost, and nobody is told."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest
from docker.client import from_env

from faults.load import REPLICAS, Load, fleets, following
from statefleet.runtime.tasks import Tasks
from statefleet.store.state import FEATURE_LEVEL
from support.api import calling
from support.deployment import Deployment, running_deployment
from support.kafka_servers import running_kafka
from support.kubectl import Kubectl
from support.manifests import IMAGE, stateful_set
from support.zookeeper_servers import running_zookeeper

OLD = "statefleet:before"
_DOCKERFILE = f"""
FROM statefleet:latest
USER root
RUN sed -i 's/^FEATURE_LEVEL = {FEATURE_LEVEL}$/FEATURE_LEVEL = {FEATURE_LEVEL - 1}/' \\
    /opt/statefleet/lib/python3*/site-packages/statefleet/store/state.py
USER statefleet
"""


@pytest.fixture(scope="module")
def old_image(suite_image: str) -> Iterator[str]:
    """Make an image of a release that does not know the newest rules."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(_DOCKERFILE)
        archive.addfile(entry, io.BytesIO(_DOCKERFILE.encode()))
    context.seek(0)
    client: Any = from_env()
    client.images.build(fileobj=context, custom_context=True, tag=OLD, rm=True)
    yield OLD
    client.images.remove(OLD, force=True)
    client.close()


@pytest.fixture(scope="module")
def deployment(old_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    directory = tmp_path_factory.mktemp("upgraded")
    with running_kafka(1) as kafka, running_zookeeper(1) as zookeeper:
        with running_deployment(directory, old_image, kafka, zookeeper) as running:
            yield running


async def test_an_upgrade_part_by_part_loses_nothing_and_ends_with_the_new_rules(
    deployment: Deployment, suite_image: str
) -> None:
    kubectl = Kubectl(deployment.kubeconfig)
    kubectl.apply(stateful_set(replicas=REPLICAS))
    kubectl("rollout status sts/web --timeout=25s")
    async with (
        following(deployment) as follower,
        fleets(deployment) as opened,
        calling(deployment.kubeconfig) as api,
        Tasks("load") as tasks,
    ):
        load = Load(opened, follower, api, "upgrade")
        await load(tasks, f"{IMAGE}:2")
        for name in list(deployment.parts):
            await asyncio.to_thread(deployment.replace, name, suite_image)
            if name == "workload-store-0":
                assert follower.state.feature_level == FEATURE_LEVEL - 1
        await follower.until_level(FEATURE_LEVEL)
        outcome = await load.end()
    assert outcome.unknown == 0
    assert outcome.acknowledged > 0
