"""Patches: types, versions, repetition and what is refused."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from statefleet.api.core.v1.config_pb2 import ConfigMap
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from support.gateway_client import Client, serve
from support.memory_fleet import MemoryFleet

MAP = "/api/v1/namespaces/n/configmaps/a"
SETS = "/apis/apps/v1/namespaces/n/statefulsets"
JSON, MERGE, STRATEGIC = (f"application/{name}-patch+json" for name in ("json", "merge", "strategic-merge"))


@pytest.fixture
async def fleet() -> MemoryFleet:
    fleet = MemoryFleet()
    await fleet.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="n"), data={"k": "v"}))
    return fleet


@pytest.fixture
async def client(fleet: MemoryFleet) -> AsyncIterator[Client]:
    async with serve(fleet) as client:
        yield client


def writes(fleet: MemoryFleet) -> list[str]:
    return [name for name, _ in fleet.calls if name == "update"]


@pytest.mark.surface("requests.patch-json", "requests.patch-merge", "requests.patch-strategic")
@pytest.mark.parametrize(
    ("content_type", "patch"),
    [
        (MERGE, {"data": {"k": None, "new": "1"}}),
        (STRATEGIC, {"data": {"k": None, "new": "1"}}),
        (JSON, [{"op": "remove", "path": "/data/k"}, {"op": "add", "path": "/data/new", "value": "1"}]),
    ],
)
async def test_each_type_of_patch(client: Client, content_type: str, patch: Any) -> None:
    code, patched = await client.call("PATCH", MAP, patch, content_type)
    assert (code, patched["data"]) == (200, {"new": "1"})


async def test_a_patch_that_changes_nothing_writes_nothing(client: Client, fleet: MemoryFleet) -> None:
    code, patched = await client.call("PATCH", MAP, {"data": {"k": "v"}}, MERGE)
    assert (code, patched["metadata"]["resourceVersion"]) == (200, "1")
    assert writes(fleet) == []


def interfere(fleet: MemoryFleet, times: int) -> None:
    left = iter(range(times))

    def meddle() -> None:
        if next(left, None) is not None:
            fleet.version += 1
            fleet.objects["ConfigMap", "n", "a"].metadata.resource_version = str(fleet.version)

    fleet.meddle = meddle


async def test_it_is_tried_again_when_others_write_in_between(client: Client, fleet: MemoryFleet) -> None:
    interfere(fleet, times=4)
    code, patched = await client.call("PATCH", MAP, {"data": {"new": "1"}}, MERGE)
    assert (code, patched["data"]) == (200, {"k": "v", "new": "1"})
    assert len(writes(fleet)) == 5


async def test_but_not_for_ever(client: Client, fleet: MemoryFleet) -> None:
    interfere(fleet, times=100)
    code, answer = await client.call("PATCH", MAP, {"data": {"new": "1"}}, MERGE)
    assert (code, answer["reason"]) == (409, "Conflict")
    assert len(writes(fleet)) == 5


@pytest.mark.parametrize(
    ("content_type", "patch"),
    [
        (MERGE, {"metadata": {"resourceVersion": "77"}, "data": {"new": "1"}}),
        (
            JSON,
            [
                {"op": "replace", "path": "/metadata/resourceVersion", "value": "77"},
                {"op": "add", "path": "/data/new", "value": "1"},
            ],
        ),
    ],
)
async def test_a_version_that_the_patch_names_is_kept_to(
    client: Client, fleet: MemoryFleet, content_type: str, patch: Any
) -> None:
    code, answer = await client.call("PATCH", MAP, patch, content_type)
    assert (code, answer["reason"]) == (409, "Conflict")
    assert len(writes(fleet)) == 1


async def test_a_patch_works_in_the_version_of_its_path(client: Client) -> None:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    await client.call("POST", SETS, {"metadata": {"name": "s"}, "spec": {"replicas": 1, "template": template}})
    path = "/apis/apps/v1beta2/namespaces/n/statefulsets/s"
    patch = {
        "apiVersion": "apps/v1beta2",
        "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "j"}]}}},
    }
    code, patched = await client.call("PATCH", path, patch, STRATEGIC)
    assert (code, patched["apiVersion"]) == (200, "apps/v1beta2")
    assert patched["spec"]["template"]["spec"]["containers"][0]["image"] == "j"


@pytest.mark.surface("requests.scale")
async def test_the_scale(client: Client) -> None:
    await client.call("POST", SETS, {"metadata": {"name": "s"}, "spec": {"replicas": 1}})
    code, scale = await client.call("GET", f"{SETS}/s/scale")
    assert (code, scale["kind"], scale["apiVersion"], scale["spec"]) == (
        200,
        "Scale",
        "autoscaling/v1",
        {"replicas": 1},
    )
    code, scale = await client.call("PATCH", f"{SETS}/s/scale", {"spec": {"replicas": 4}}, MERGE)
    assert (code, scale["spec"]) == (200, {"replicas": 4})
    scale["spec"]["replicas"] = 2
    assert (await client.call("PUT", f"{SETS}/s/scale", scale))[1]["spec"] == {"replicas": 2}
    assert (await client.call("GET", f"{SETS}/s"))[1]["spec"]["replicas"] == 2


async def test_the_status(client: Client) -> None:
    await client.call("POST", SETS, {"metadata": {"name": "s"}, "spec": {"replicas": 1}})
    patch = {"spec": {"replicas": 9}, "status": {"readyReplicas": 3}}
    code, patched = await client.call("PATCH", f"{SETS}/s/status", patch, MERGE)
    assert (code, patched["spec"]["replicas"], patched["status"]["readyReplicas"]) == (200, 1, 3)


@pytest.mark.surface("texts.unknown-field-strict", "texts.unknown-field-warn")
async def test_unknown_fields(client: Client, fleet: MemoryFleet) -> None:
    code, answer = await client.call("PATCH", f"{MAP}?fieldValidation=Strict", {"bogus": 1}, MERGE)
    assert (code, answer["reason"]) == (422, "Invalid")
    assert answer["details"]["causes"][0]["field"] == "patch"
    assert 'strict decoding error: unknown field "bogus"' in answer["message"]
    headers = {"Content-Type": MERGE}
    async with client.session.patch(MAP, data=json.dumps({"bogus": 1}), headers=headers) as response:
        assert (response.status, response.headers["Warning"]) == (200, '299 - "unknown field \\"bogus\\""')


@pytest.mark.parametrize(
    ("content_type", "patch", "code"),
    [
        ("application/apply-patch+yaml", "metadata: {}", 422),
        ("application/json", "{}", 415),
        (MERGE, "{", 400),
        (MERGE, "[]", 422),
        (MERGE, "null", 500),
        (STRATEGIC, "[]", 400),
        (JSON, '[{"op":"replace","path":"","value":3}]', 422),
        (JSON, "{}", 400),
        (JSON, "[1]", 400),
        (MERGE, '{"metadata":{"name":"b"}}', 400),
        (MERGE, '{"metadata":{"namespace":"b"}}', 400),
        (MERGE, '{"kind":"Secret"}', 400),
        (MERGE, '{"data":[]}', 422),
    ],
)
async def test_what_is_refused(client: Client, fleet: MemoryFleet, content_type: str, patch: Any, code: int) -> None:
    assert (await client.call("PATCH", MAP, patch, content_type))[0] == code
    assert writes(fleet) == []


async def test_what_is_not_there(client: Client) -> None:
    code, answer = await client.call("PATCH", MAP + "bsent", {}, MERGE)
    assert (code, answer["reason"]) == (404, "NotFound")


async def test_a_dry_run(client: Client) -> None:
    code, patched = await client.call("PATCH", f"{MAP}?dryRun=All", {"data": {"new": "1"}}, MERGE)
    assert (code, patched["data"]) == (200, {"k": "v", "new": "1"})
    assert (await client.call("GET", MAP))[1]["data"] == {"k": "v"}
