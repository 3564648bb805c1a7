"""Every part in a process of its own, over mutual TLS: together they do what one process does, whoever crashes."""

from __future__ import annotations

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config, watch

from statefleet.api.core.v1.config_pb2 import ConfigMap
from statefleet.app.addresses import Address
from statefleet.app.peers import SERVICES, Peers
from statefleet.app.processes import connected
from statefleet.objects.kinds import CONFIG_MAP
from support.api import CONFIG_MAPS, PODS, SETS, STRATEGIC, Api, calling
from support.kubectl import images
from support.manifests import IMAGE, stateful_set
from support.parts import PARTS, Parts, running_parts
from support.pod_stream import replacements
from support.processes import PATIENCE_SECONDS, until
from support.rolling import RollingUpdate
from support.suite import QUICK, ROOMY

REPLICAS = 4


def test_a_set_is_created_and_rolled_in_order(tmp_path: Path) -> None:
    slow = ("--start-delay=0.1", "--ready-delay=0.1", "--stop-delay=0.05")
    with running_parts(tmp_path, *slow, *ROOMY) as parts:
        kubectl = parts.kubectl()
        kubectl.apply(stateful_set())
        kubectl("rollout status sts/web --timeout=20s")
        with kubectl.stream() as pods:
            kubectl(f"set image sts/web app={IMAGE}:2")
            kubectl("rollout status sts/web --timeout=20s")
            assert pods.until_stage("Running 1/1", "web-0") == replacements("web-2", "web-1", "web-0")
        assert images(kubectl.pods()) == [f"{IMAGE}:2"] * 3
        until(lambda: kubectl.run("top nodes").output.count("node-") == 3, "what nodes use")
        assert kubectl("rollout undo sts/web") == "statefulset.apps/web rolled back\n"
        kubectl("rollout status sts/web --timeout=20s")
        kubectl("delete sts web")
        kubectl("wait pods --for=delete --all --timeout=20s")


async def test_an_update_goes_on_in_order_whichever_part_is_killed(tmp_path: Path) -> None:
    with running_parts(tmp_path, *QUICK, *ROOMY) as parts:
        async with calling(parts.kubeconfig) as api:
            await api.persist("POST", SETS, stateful_set(replicas=REPLICAS))
            await asyncio.to_thread(parts.kubectl(), "rollout status sts/web --timeout=20s")
            for number, part in enumerate(PARTS, start=2):
                await roll_while_killing(parts, api, part, f"{IMAGE}:{number}")


async def roll_while_killing(parts: Parts, api: Api, part: str, image: str) -> None:
    """Update the set; once the second pod is on its way, kill a part and start it again."""
    listing = await api.get(PODS)
    update = RollingUpdate(listing["items"], REPLICAS, image)
    container = {"name": "app", "image": image}
    change = {"spec": {"template": {"spec": {"containers": [container]}}}}
    await api.persist("PATCH", f"{SETS}/web", change, STRATEGIC)
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as killing:
        async with aclosing(api.follow(PODS, listing["metadata"]["resourceVersion"])) as events:
            async for event in events:
                deleted = len(update.deleted)
                update.take(event)
                if deleted < len(update.deleted) == 2:
                    killing.create_task(asyncio.to_thread(kill_and_start, parts, part))
                if update.done:
                    break
    assert update.violations == [], part
    assert update.deleted == [3, 2, 1, 0], part


def kill_and_start(parts: Parts, part: str) -> None:
    parts.kill(part)
    parts.start(part)


async def test_a_watch_goes_on_where_it_was_when_the_gateway_is_back(tmp_path: Path) -> None:
    with running_parts(tmp_path, *QUICK) as parts:
        peers = Peers({name: [Address.parse(parts.addresses[name])] for name in SERVICES}, parts.certificates)
        async with calling(parts.kubeconfig) as api, connected(peers, "statefleet") as fleet:
            begun = (await api.get(CONFIG_MAPS))["metadata"]["resourceVersion"]
            events = api.follow(CONFIG_MAPS, begun)

            async def create(name: str) -> None:
                made = ConfigMap()
                made.metadata.name, made.metadata.namespace = name, "default"
                await fleet.create(made)

            await create("before")
            seen = [await anext(events)]
            await asyncio.to_thread(parts.kill, "gateway")
            await create("meanwhile")
            await fleet.delete(CONFIG_MAP, "before", "default")
            await asyncio.to_thread(parts.start, "gateway")
            await create("after")
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(seen) < 4:
                    seen.append(await anext(events))
            assert [(event.type, event.object["metadata"]["name"]) for event in seen] == [
                ("ADDED", "before"),
                ("ADDED", "meanwhile"),
                ("DELETED", "before"),
                ("ADDED", "after"),
            ]
            versions = [int(event.version) for event in seen]
            assert versions == sorted(set(versions))


@pytest.mark.surface("requests.resource-version")
def test_python_watches_on_when_the_store_is_back(tmp_path: Path) -> None:
    """It asks once, and is not sent away to ask over and over while nobody can answer."""
    with ThreadPoolExecutor(1) as waiting, running_parts(tmp_path, *QUICK) as parts:
        kubectl, asked_after = parts.kubectl(), []
        settings = client.Configuration()
        config.load_kube_config(str(parts.kubeconfig), client_configuration=settings)
        with client.ApiClient(settings) as api:
            list_maps = client.CoreV1Api(api).list_namespaced_config_map

            @functools.wraps(list_maps)
            def noted(*args: Any, **options: Any) -> Any:
                asked_after.append(options["resource_version"])
                return list_maps(*args, **options)

            begun = list_maps("default").metadata.resource_version
            events = watch.Watch().stream(noted, "default", resource_version=begun)
            kubectl("create cm before")
            before = next(events)
            parts.kill("workload-store")
            next_event = waiting.submit(next, events)
            until(lambda: len(asked_after) == 2, "another watch")
            parts.start("workload-store")
            kubectl("create cm after")
            after = next_event.result(PATIENCE_SECONDS)
            events.close()
            api.rest_client.pool_manager.clear()
        assert [(event["type"], event["object"].metadata.name) for event in (before, after)] == [
            ("ADDED", "before"),
            ("ADDED", "after"),
        ]
        assert asked_after == [begun, before["object"].metadata.resource_version]


def test_parts_may_start_in_any_order(tmp_path: Path) -> None:
    callers_first = ("agent", "workers", "gateway", *SERVICES)
    with running_parts(tmp_path, *QUICK) as parts:
        for part in callers_first:
            parts.kill(part)
        for part in callers_first:
            parts.start(part)
        kubectl = parts.kubectl()
        kubectl.apply(stateful_set(replicas=1))
        kubectl("rollout status sts/web --timeout=20s")
