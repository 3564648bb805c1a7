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


async def test_a_list_is_had_page_by_page(client: Client) -> None:
    path = "/api/v1/namespaces/oracle/configmaps"
    for name in ("a", "b", "c"):
        assert (await client.call("POST", path, {"metadata": {"name": name}}))[0] == 201
    names, token, versions = [], "", set()
    while True:
        _, page = await client.call("GET", f"{path}?limit=1&continue={token}")
        names += [item["metadata"]["name"] for item in page["items"]]
        versions.add(page["metadata"]["resourceVersion"])
        token = page["metadata"].get("continue", "")
        if not token:
            break
        await client.call("DELETE", f"{path}/c")
    assert names == ["a", "b", "c"]
    assert len(versions) == 1
