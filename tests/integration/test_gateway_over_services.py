"""The gateway in front of the real services: recorded answers of a Kubernetes API server, and pages of a list."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from support.gateway_client import Client, serve
from support.whole_fleet import whole_fleet

GOLDEN = Path(__file__).parents[1] / "golden"
pytestmark = pytest.mark.asyncio(loop_scope="module")

VERSIONED = ("creationTimestamp", "generation", "managedFields", "namespace", "resourceVersion", "uid")
"""Metadata that the server makes."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client() -> AsyncIterator[Client]:
    async with whole_fleet() as fleet, serve(fleet) as client:
        await client.call("POST", "/api/v1/namespaces", {"metadata": {"name": "oracle"}})
        yield client


def cases(folder: str) -> list[Any]:
    paths = sorted((GOLDEN / folder).glob("*.json"))
    return [pytest.param(json.loads(path.read_text(encoding="utf-8")), id=path.stem) for path in paths]


def causes(status: dict[str, Any]) -> list[tuple[Any, Any]]:
    return [(cause.get("reason"), cause.get("field")) for cause in status.get("details", {}).get("causes", [])]


@pytest.mark.parametrize("case", cases("errors"))
async def test_an_invalid_object_is_refused_for_the_recorded_causes(client: Client, case: dict[str, Any]) -> None:
    request, expected = case["request"], case["response"]
    code, answer = await client.call(request["method"], request["path"], request["body"])
    if "note" in case:
        assert (code, answer["reason"]) == (422, "Invalid")
        return
    assert (code, answer["reason"], causes(answer)) == (case["status"], expected["reason"], causes(expected))


STRICTER = {"022"}
"""Patches whose outcome we refuse: the set could be stored in Kubernetes, but no pod of it created."""


@pytest.mark.surface("requests.patch-json", "requests.patch-merge", "requests.patch-strategic")
@pytest.mark.parametrize(("case", "name"), [(param.values[0], param.id) for param in cases("patches")])
async def test_a_patch_has_the_recorded_outcome(client: Client, case: dict[str, Any], name: str) -> None:
    base, request, expected = case["base"], case["request"], case["response"]
    namespace, path = f"patch-{name}", f"/apis/apps/v1/namespaces/patch-{name}/{base['kind'].lower()}s"
    await client.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    code, _ = await client.call("POST", path, {**base, "metadata": _own_metadata(base)})
    assert code == 201
    body = json.dumps(request["body"])
    code, answer = await client.call("PATCH", f"{path}/{base['metadata']['name']}", body, request["content_type"])
    if name in STRICTER:
        assert code == 422
        return
    assert code == case["status"]
    if code != 200:
        assert (answer.get("reason"), causes(answer)) == (expected.get("reason"), causes(expected))
        return
    assert _own_metadata(answer) == _own_metadata(expected)
    assert _own_spec(answer) == _own_spec(expected)


def _own_metadata(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document["metadata"].items() if key not in VERSIONED}


def _own_spec(document: dict[str, Any]) -> dict[str, Any]:
    """A spec without what newer versions of the API say more, or no longer say."""
    spec: dict[str, Any] = json.loads(json.dumps(document["spec"]))
    spec.pop("persistentVolumeClaimRetentionPolicy", None)
    for part in (spec["template"], *spec.get("volumeClaimTemplates", [])):
        part["metadata"].pop("creationTimestamp", None)
    return spec


@pytest.mark.surface("requests.limit-continue")
async def test_a_list_is_had_page_by_page(client: Client) -> None:
    path = "/api/v1/namespaces/oracle/configmaps"
    for name in ("a", "b", "c"):
        assert (await client.call("POST", path, {"metadata": {"name": name}}))[0] == 201
    names, token, versions = [], "", set()
    while True:
        _, page = await client.call("GET", f"{path}?limit=1&continue={token}")
        assert len(page["items"]) == 1
        names += [item["metadata"]["name"] for item in page["items"]]
        versions.add(page["metadata"]["resourceVersion"])
        token = page["metadata"].get("continue", "")
        if not token:
            break
        await client.call("DELETE", f"{path}/c")
    assert names == ["a", "b", "c"]
    assert len(versions) == 1


@pytest_asyncio.fixture(loop_scope="module")
async def maps(client: Client, request: pytest.FixtureRequest) -> str:
    """The path of the config maps of a namespace that is the test's own, with one that is called a."""
    namespace = request.node.name.replace("_", "-")[:60]
    await client.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    await client.call("POST", path, {"metadata": {"name": "a"}})
    return path


def names(listing: dict[str, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in listing["items"]]


@pytest.mark.surface("requests.resource-version-0")
async def test_any_version_will_do_for_a_list_and_a_get(client: Client, maps: str) -> None:
    """As client libraries begin: whatever is at hand is an answer, and a limit does not hinder."""
    for query in ("", "&limit=500", "&resourceVersionMatch=NotOlderThan"):
        code, listing = await client.call("GET", f"{maps}?resourceVersion=0{query}")
        assert (code, names(listing)) == (200, ["a"]), query
        assert int(listing["metadata"]["resourceVersion"]) > 0
    assert (await client.call("GET", f"{maps}/a?resourceVersion=0"))[0] == 200


@pytest.mark.surface("requests.resource-version-0")
async def test_a_watch_from_any_version_begins_with_what_there_is(client: Client, maps: str) -> None:
    async with client.session.get(f"{maps}?watch=true&resourceVersion=0") as response:
        first = json.loads(await response.content.readline())
        await client.call("PUT", f"{maps}/a", {"metadata": {"name": "a"}, "data": {"k": "v"}})
        second = json.loads(await response.content.readline())
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in (first, second)] == [
        ("ADDED", "a"),
        ("MODIFIED", "a"),
    ]


@pytest.mark.surface("requests.resource-version-match")
async def test_a_list_is_of_the_version_that_is_asked_for(client: Client, maps: str) -> None:
    version = (await client.call("GET", maps))[1]["metadata"]["resourceVersion"]
    await client.call("DELETE", f"{maps}/a")
    for query, expected in (
        ("resourceVersionMatch=Exact", ["a"]),
        ("limit=5", ["a"]),
        ("resourceVersionMatch=NotOlderThan", []),
        ("resourceVersionMatch=NotOlderThan&limit=5", []),
        ("", []),
    ):
        code, listing = await client.call("GET", f"{maps}?resourceVersion={version}&{query}")
        assert (code, names(listing)) == (200, expected), query
        assert (listing["metadata"]["resourceVersion"] == version) == (expected == ["a"])
    code, answer = await client.call("GET", f"{maps}?resourceVersionMatch=Exact")
    assert (code, answer["reason"]) == (422, "Invalid")


PODS = "/api/v1/namespaces/evicting/pods"
BUDGETS = "/apis/policy/v1/namespaces/evicting/poddisruptionbudgets"


async def a_running_pod(client: Client, name: str) -> None:
    labels = {"app": name}
    spec = {"containers": [{"name": "c", "image": "i"}], "nodeName": "n1"}
    await client.call("POST", "/api/v1/namespaces", {"metadata": {"name": "evicting"}})
    await client.call("POST", PODS, {"metadata": {"name": name, "labels": labels}, "spec": spec})
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    code, _ = await client.call(
        "PATCH", f"{PODS}/{name}/status", json.dumps({"status": status}), "application/merge-patch+json"
    )
    assert code == 200


async def a_budget(client: Client, name: str, app: str, status: dict[str, Any] | None = None) -> None:
    spec = {"minAvailable": 3, "selector": {"matchLabels": {"app": app}}}
    code, _ = await client.call("POST", BUDGETS, {"metadata": {"name": name}, "spec": spec})
    assert code == 201
    if status is not None:
        patch = json.dumps({"status": {"observedGeneration": 1, "expectedPods": 3, **status}})
        code, _ = await client.call("PATCH", f"{BUDGETS}/{name}/status", patch, "application/merge-patch+json")
        assert code == 200


async def evicted(client: Client, name: str) -> tuple[int, dict[str, Any], str]:
    """Evict a pod and return the code, the Status and when to try again."""
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    async with client.session.post(f"{PODS}/{name}/eviction", json=body) as response:
        return response.status, await response.json(), response.headers.get("Retry-After", "")


@pytest.mark.surface("texts.eviction-accepted", "texts.eviction-condition")
async def test_an_eviction_is_answered_with_success(client: Client) -> None:
    await a_running_pod(client, "free")
    code, answer, _ = await evicted(client, "free")
    assert (code, answer["kind"], answer["status"]) == (201, "Status", "Success")
    _, pod = await client.call("GET", f"{PODS}/free")
    assert {each["type"]: each["status"] for each in pod["status"]["conditions"]}["DisruptionTarget"] == "True"


BLOCKED = "Cannot evict pod as it would violate the pod's disruption budget."


@pytest.mark.surface("texts.eviction-blocked", "texts.eviction-unobserved")
async def test_an_eviction_that_a_budget_blocks_says_why_and_whether_to_come_back(client: Client) -> None:
    await a_running_pod(client, "held")
    await a_budget(client, "held", "held")
    code, answer, retry = await evicted(client, "held")
    assert (code, answer["reason"], answer["message"], retry) == (429, "TooManyRequests", BLOCKED, "10")
    assert answer["details"]["retryAfterSeconds"] == 10
    await client.call("DELETE", f"{BUDGETS}/held")
    await a_budget(client, "spent", "held", {"currentHealthy": 3, "desiredHealthy": 3, "disruptionsAllowed": 0})
    code, answer, retry = await evicted(client, "held")
    assert (code, answer["reason"], answer["message"], retry) == (429, "TooManyRequests", BLOCKED, "")
    assert answer["details"]["causes"] == [
        {
            "reason": "DisruptionBudget",
            "message": "The disruption budget spent needs 3 healthy pods and has 3 currently",
        }
    ]


@pytest.mark.surface("texts.eviction-two-budgets")
async def test_an_eviction_under_two_budgets_is_an_error_of_the_server(client: Client) -> None:
    await a_running_pod(client, "torn")
    for name in ("one", "other"):
        await a_budget(client, name, "torn")
    code, answer, _ = await evicted(client, "torn")
    assert (code, answer["reason"]) == (500, "InternalError")
