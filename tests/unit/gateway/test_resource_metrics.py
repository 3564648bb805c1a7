"""metrics.k8s.io, in front of a fleet in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from statefleet.api.nodes.v1.usage_pb2 import ContainerUsage, NodeUsage, PodUsage
from statefleet.gateway.authentication import Authenticator
from statefleet.objects.times import go_duration
from statefleet.rpc.identity import AUTHENTICATED_GROUP, VIEWERS_GROUP, Identity
from support.gateway_client import Client, serve
from support.memory_fleet import MemoryFleet
from support.objects import a_node, a_pod

ROOT = "/apis/metrics.k8s.io/v1beta1"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


async def add_pod(fleet: MemoryFleet, name: str, namespace: str = "db", *, node: str = "n1", **labels: str) -> None:
    """Add a pod whose uid is uid-1 for the first object that was made, and so on."""
    await fleet.create(a_pod(name, namespace, node=node, **labels))


def uses(uid: str, *memory: int, namespace: str = "db", window: int = 15_000) -> PodUsage:
    containers = [
        ContainerUsage(name=f"c{number}", cpu_nanocores=250_000_000, memory_bytes=each)
        for number, each in enumerate(memory)
    ]
    return PodUsage(namespace=namespace, uid=uid, time_millis=1_500, window_millis=window, containers=containers)


@pytest.fixture
async def fleet() -> MemoryFleet:
    """Two nodes and three pods, all of which use something but for the pod `new` and the node n2."""
    found = MemoryFleet()
    node = a_node("n1")
    node.metadata.labels["zone"] = "a"
    await found.create(node)
    await found.create(a_node("n2"))
    await add_pod(found, "a", app="one")
    await add_pod(found, "b", "web")
    await add_pod(found, "new")
    pods = [uses("uid-3", 1 << 20, 1 << 10), uses("uid-4", 3, namespace="web")]
    usage = {"cpu_nanocores": 123, "memory_bytes": 5 << 20, "time_millis": 61_000, "window_millis": 90_500}
    found.usages = [NodeUsage(node="n1", pods=pods, **usage)]
    return found


@pytest.fixture
async def client(fleet: MemoryFleet) -> AsyncIterator[Client]:
    async with serve(fleet) as client:
        yield client


async def names(client: Client, path: str) -> list[str]:
    code, answer = await client.call("GET", f"{ROOT}/{path}")
    assert code == 200, answer
    return [item["metadata"]["name"] for item in answer["items"]]


async def test_what_a_node_uses(client: Client) -> None:
    code, answer = await client.call("GET", f"{ROOT}/nodes/n1")
    assert answer["metadata"].pop("creationTimestamp")
    assert (code, answer) == (
        200,
        {
            "kind": "NodeMetrics",
            "apiVersion": "metrics.k8s.io/v1beta1",
            "metadata": {"name": "n1", "labels": {"zone": "a"}},
            "timestamp": "1970-01-01T00:01:01Z",
            "window": "1m30.5s",
            "usage": {"cpu": "123n", "memory": "5Mi"},
        },
    )


async def test_what_a_pod_uses(client: Client) -> None:
    code, answer = await client.call("GET", f"{ROOT}/namespaces/db/pods/a")
    assert answer["metadata"].pop("creationTimestamp")
    assert (code, answer) == (
        200,
        {
            "kind": "PodMetrics",
            "apiVersion": "metrics.k8s.io/v1beta1",
            "metadata": {"name": "a", "namespace": "db", "labels": {"app": "one"}},
            "timestamp": "1970-01-01T00:00:01Z",
            "window": "15s",
            "containers": [
                {"name": "c0", "usage": {"cpu": "250m", "memory": "1Mi"}},
                {"name": "c1", "usage": {"cpu": "250m", "memory": "1Ki"}},
            ],
        },
    )


async def test_lists(client: Client) -> None:
    code, answer = await client.call("GET", f"{ROOT}/nodes")
    assert (code, answer["kind"], answer["metadata"]) == (200, "NodeMetricsList", {})
    assert [item["metadata"]["name"] for item in answer["items"]] == ["n1"]
    assert (await client.call("GET", f"{ROOT}/pods"))[1]["kind"] == "PodMetricsList"
    assert await names(client, "pods") == ["a", "b"]
    assert await names(client, "namespaces/web/pods") == ["b"]
    assert await names(client, "namespaces/nowhere/pods") == []


@pytest.mark.parametrize(
    ("path", "selected"),
    [
        ("pods?labelSelector=app%3Done", ["a"]),
        ("pods?labelSelector=app%3Dtwo", []),
        ("pods?fieldSelector=metadata.namespace%3Dweb", ["b"]),
        ("pods?fieldSelector=metadata.name!%3Db", ["a"]),
        ("nodes?labelSelector=zone", ["n1"]),
        ("nodes?labelSelector=!zone", []),
        ("nodes?fieldSelector=metadata.name%3Dn1", ["n1"]),
        ("nodes?fieldSelector=metadata.name%3Dn2", []),
    ],
)
async def test_labels_and_names_select(client: Client, path: str, selected: list[str]) -> None:
    assert await names(client, path) == selected


NOT_FOUND = {
    "nodes/n3": 'nodes "n3" not found',
    "nodes/n2": 'nodemetrics.metrics.k8s.io "n2" not found',
    "namespaces/db/pods/x": 'pods "x" not found',
    "namespaces/web/pods/a": 'pods "a" not found',
    "namespaces/db/pods/new": 'podmetrics.metrics.k8s.io "db/new" not found',
}


@pytest.mark.parametrize("path", NOT_FOUND)
async def test_what_is_not_there_or_not_measured_is_not_found(client: Client, path: str) -> None:
    code, answer = await client.call("GET", f"{ROOT}/{path}")
    assert (code, answer["reason"], answer["message"]) == (404, "NotFound", NOT_FOUND[path])


async def test_a_pod_that_was_deleted_or_has_no_node_uses_nothing(client: Client, fleet: MemoryFleet) -> None:
    del fleet.objects["Pod", "web", "b"]
    await add_pod(fleet, "waiting", node="")
    fleet.usages[0].pods.append(uses(f"uid-{fleet.version}", 1))
    assert await names(client, "pods") == ["a"]
    assert (await client.call("GET", f"{ROOT}/namespaces/db/pods/waiting"))[0] == 404


async def test_an_agent_is_not_believed_about_pods_of_other_nodes(client: Client, fleet: MemoryFleet) -> None:
    fleet.usages = [NodeUsage(node="n2", pods=fleet.usages[0].pods), NodeUsage(node="n1")]
    assert await names(client, "pods") == []
    assert (await client.call("GET", f"{ROOT}/namespaces/db/pods/a"))[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "code", "message"),
    [
        ("POST", "pods", 405, "the server does not allow this method on the requested resource"),
        ("DELETE", "nodes/n1", 405, "the server does not allow this method on the requested resource"),
        ("GET", "pods?watch=1", 405, 'watch is not supported on resources of kind "pods.metrics.k8s.io"'),
        ("GET", "pods?labelSelector=a%20b", 400, "unable to parse requirement"),
        (
            "GET",
            "pods?fieldSelector=spec.nodeName%3Dn1",
            400,
            '"spec.nodeName" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
    ],
)
async def test_what_cannot_be_asked(client: Client, method: str, path: str, code: int, message: str) -> None:
    found, answer = await client.call(method, f"{ROOT}/{path}")
    assert found == code
    assert message in answer["message"]


@pytest.mark.parametrize(
    "path", ["pods/a", "namespaces/db/nodes", "namespaces/db/pods/a/status", "services", "nodes/n1/status"]
)
async def test_other_paths_name_nothing(client: Client, path: str) -> None:
    async with client.session.get(f"{ROOT}/{path}") as response:
        assert response.status == 404
        assert "page not found" in await response.text()


async def table(client: Client, path: str) -> Any:
    return (await client.call("GET", f"{ROOT}/{path}", Accept=TABLE))[1]


async def test_tables(client: Client) -> None:
    nodes, pods = await table(client, "nodes"), await table(client, "namespaces/db/pods/a?includeObject=None")
    assert nodes["kind"] == "Table"
    for found in (nodes, pods):
        assert [column["name"] for column in found["columnDefinitions"]] == ["Name", "cpu", "memory", "Window"]
    assert [row["cells"] for row in nodes["rows"]] == [["n1", "123n", "5Mi", "1m30.5s"]]
    assert nodes["rows"][0]["object"]["metadata"]["name"] == "n1"
    assert pods["rows"] == [{"cells": ["a", "500m", "1025Ki", "15s"], "object": None}]


async def test_metadata_alone(client: Client) -> None:
    _, answer = await client.call("GET", f"{ROOT}/nodes", Accept=PARTIAL)
    assert (answer["kind"], answer["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert [(item["kind"], item["metadata"]["name"]) for item in answer["items"]] == [("PartialObjectMetadata", "n1")]


@pytest.mark.parametrize(("groups", "codes"), [((VIEWERS_GROUP,), (200, 200)), ((AUTHENTICATED_GROUP,), (403, 403))])
async def test_viewers_may_look(fleet: MemoryFleet, groups: tuple[str, ...], codes: tuple[int, ...]) -> None:
    async with serve(fleet, Authenticator(stranger=Identity("vera", groups))) as client:
        found = [await client.call("GET", f"{ROOT}/{path}") for path in ("nodes", "namespaces/db/pods/a")]
    assert tuple(code for code, _ in found) == codes
    if codes[0] == 403:
        assert found[1][1]["message"] == (
            'pods.metrics.k8s.io "a" is forbidden: User "vera" cannot get resource "pods" in API group '
            '"metrics.k8s.io" in the namespace "db"'
        )


@pytest.mark.parametrize(
    ("millis", "text"),
    [
        (0, "0s"),
        (250, "250ms"),
        (1_000, "1s"),
        (15_020, "15.02s"),
        (60_000, "1m0s"),
        (90_500, "1m30.5s"),
        (3_600_000, "1h0m0s"),
        (100 * 3_600_000 + 61_001, "100h1m1.001s"),
    ],
)
def test_durations_are_written_as_go_writes_them(millis: int, text: str) -> None:
    assert go_duration(millis) == text
