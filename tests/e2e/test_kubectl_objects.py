"""Stock kubectl against the gateway and the services: what it does to objects, without workers."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import yaml

from support.kubectl import EXAMPLES, find_kubectl
from support.tls_gateway import tls_gateway
from support.whole_fleet import whole_fleet


class Kubectl:
    """Runs kubectl. A call answers what it printed; it is to fail where `fails`, where None either will do."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self._environment = {**os.environ, "KUBECONFIG": str(config), "HOME": str(config.parent)}

    async def __call__(self, *arguments: str, stdin: str = "", fails: bool | None = False) -> str:
        process = await asyncio.create_subprocess_exec(
            find_kubectl(),
            *arguments,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(30):
            output, errors = await process.communicate(stdin.encode())
        assert fails is None or (process.returncode != 0) == fails, errors.decode()
        return errors.decode() if fails else output.decode()


@pytest.fixture
async def kubectl(tmp_path: Path) -> AsyncIterator[Kubectl]:
    async with whole_fleet() as fleet, tls_gateway(fleet, tmp_path) as config:
        yield Kubectl(config)


async def test_the_examples_are_applied_changed_and_deleted(kubectl: Kubectl) -> None:
    current = str(EXAMPLES / "current")
    assert "statefulset.apps/zk created" in await kubectl("apply", "-f", current)
    assert "service/zk-hs unchanged" in await kubectl("apply", "-f", current)
    rows = (await kubectl("get", "statefulsets")).splitlines()
    assert rows[0].split() == ["NAME", "READY", "AGE"]
    assert [row.split()[:2] for row in rows[1:]] == [["kafka", "0/3"], ["zk", "0/3"]]
    await kubectl("scale", "statefulset/zk", "--replicas=5")
    await kubectl("set", "image", "statefulset/zk", "kubernetes-zookeeper=zk:2")
    await kubectl("label", "statefulset/zk", "tier=base")
    await kubectl("rollout", "restart", "statefulset/zk")
    changed = json.loads(await kubectl("get", "statefulset", "zk", "-o", "json"))
    assert changed["spec"]["replicas"] == 5
    assert changed["spec"]["template"]["spec"]["containers"][0]["image"] == "zk:2"
    assert changed["metadata"]["labels"] == {"tier": "base"}
    assert changed["metadata"]["generation"] == 4
    changes = await kubectl("diff", "-f", str(EXAMPLES / "current" / "zookeeper.yaml"), fails=None)
    assert "+  replicas: 3" in changes
    await kubectl("delete", "-f", current)
    assert await kubectl("get", "statefulsets,daemonsets,services,poddisruptionbudgets", "-o", "name") == ""


@pytest.mark.surface("versions.same-objects")
async def test_manifests_of_old_versions(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", str(EXAMPLES / "classic"))
    assert (await kubectl("get", "daemonset.v1beta1.extensions", "-o", "name")).split() == [
        "daemonset.extensions/node-exporter"
    ]
    names = (await kubectl("get", "statefulsets,daemonsets", "-o", "name")).split()
    assert names == ["statefulset.apps/kafka", "statefulset.apps/zk", "daemonset.apps/node-exporter"]


@pytest.mark.surface("traps.protobuf-bodies")
async def test_what_kubectl_creates_in_protobuf(kubectl: Kubectl) -> None:
    await kubectl("create", "configmap", "c", "--from-literal=k=v")
    await kubectl("create", "secret", "generic", "s", "--from-literal=k=v")
    await kubectl("create", "namespace", "n")
    await kubectl("create", "service", "clusterip", "svc", "--tcp=80:80")
    assert await kubectl("get", "configmap", "c", "-o", "jsonpath={.data}") == '{"k":"v"}'
    assert await kubectl("get", "secret", "s", "-o", "jsonpath={.data.k}") == "dg=="
    assert "admin" in await kubectl("auth", "whoami")
    assert await kubectl("auth", "can-i", "delete", "pods") == "yes\n"


async def test_a_node_is_cordoned_and_a_pod_waited_for(kubectl: Kubectl) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}}
    await kubectl("create", "-f", "-", stdin=yaml.safe_dump(node))
    await kubectl("cordon", "a")
    assert "SchedulingDisabled" in await kubectl("get", "nodes")
    await kubectl("taint", "node", "a", "k=v:NoSchedule")
    await kubectl("run", "p", "--image=i")
    waited, _ = await asyncio.gather(
        kubectl("wait", "--for=jsonpath={.metadata.labels.go}=now", "pod/p", "--timeout=20s"),
        kubectl("label", "pod", "p", "go=now"),
    )
    assert "condition met" in waited
    await kubectl("delete", "pod", "p")
    assert "NotFound" in await kubectl("get", "pod", "p", fails=True)


async def test_errors_as_kubernetes_words_them(kubectl: Kubectl) -> None:
    manifest = (EXAMPLES / "current" / "zookeeper.yaml").read_text(encoding="utf-8")
    refused = await kubectl("apply", "-f", "-", stdin=manifest.replace("replicas: 3", "replicas: -3"), fails=True)
    assert 'The StatefulSet "zk" is invalid: spec.replicas: Invalid value: -3' in refused
    refused = await kubectl("create", "-f", "-", stdin=manifest.replace("replicas: 3", "replicaz: 3"), fails=True)
    assert 'strict decoding error: unknown field "spec.replicaz"' in refused
    assert 'statefulsets.apps "nope" not found' in await kubectl("get", "statefulset", "nope", fails=True)


async def test_explain_prints_the_schema(kubectl: Kubectl) -> None:
    assert "FIELD: partition <integer>" in await kubectl(
        "explain", "statefulset.spec.updateStrategy.rollingUpdate.partition"
    )


async def test_without_a_certificate_nobody_is_served(kubectl: Kubectl) -> None:
    cluster = yaml.safe_load(kubectl.config.read_text(encoding="utf-8"))["clusters"][0]["cluster"]
    trust = ssl.create_default_context(cafile=str(kubectl.config.parent / "ca.crt"))
    connector = aiohttp.TCPConnector(ssl=trust)
    async with aiohttp.ClientSession(cluster["server"], connector=connector) as session:
        async with session.get("/api/v1/pods") as response:
            assert response.status == 401
        async with session.get("/healthz") as response:
            assert response.status == 200
