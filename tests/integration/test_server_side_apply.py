"""Server-side apply over HTTP, as client libraries send it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from support.gateway_client import Client, serve
from support.oracle_objects import recordings
from support.recorded_owners import owned
from support.whole_fleet import whole_fleet

pytestmark = pytest.mark.asyncio(loop_scope="module")

APPLY = "application/apply-patch+yaml"
MAPS = "/api/v1/namespaces/default/configmaps"
SETS = "/apis/apps/v1/namespaces/default/statefulsets"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client() -> AsyncIterator[Client]:
    async with whole_fleet() as fleet, serve(fleet) as client:
        yield client


def a_map(**data: str) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "data": data})


async def apply(client: Client, path: str, body: str, query: str = "fieldManager=one") -> tuple[int, Any]:
    return await client.call("PATCH", f"{path}?{query}", body, APPLY)


@pytest.mark.surface("requests.patch-apply")
async def test_yaml_adds_and_changes(client: Client) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yaml\n  labels: {1: one}\ndata:\n  day: 2026-01-02\n"
    code, answer = await apply(client, f"{MAPS}/yaml", text)
    assert (code, answer["data"], answer["metadata"]["labels"]) == (201, {"day": "2026-01-02"}, {"1": "one"})
    (entry,) = answer["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"], entry["apiVersion"]) == ("one", "Apply", "v1")
    assert (entry["fieldsType"], entry["fieldsV1"]) == (
        "FieldsV1",
        {"f:data": {"f:day": {}}, "f:metadata": {"f:labels": {"f:1": {}}}},
    )
    code, answer = await apply(client, f"{MAPS}/yaml", text.replace("-02", "-03"))
    assert (code, answer["data"]) == (200, {"day": "2026-01-03"})


async def test_a_conflict_is_the_status_that_clients_read(client: Client) -> None:
    await client.call("POST", MAPS, {"metadata": {"name": "c"}, "data": {"a": "1"}}, **{"User-Agent": "curl/8.1"})
    code, answer = await apply(client, f"{MAPS}/c", a_map(a="2"))
    assert (code, answer) == (
        409,
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": 'Apply failed with 1 conflict: conflict with "curl" using v1: .data.a',
            "reason": "Conflict",
            "details": {
                "causes": [
                    {"reason": "FieldManagerConflict", "message": 'conflict with "curl" using v1', "field": ".data.a"}
                ]
            },
            "code": 409,
        },
    )
    assert (await apply(client, f"{MAPS}/c", a_map(a="2"), "fieldManager=one&force=false"))[0] == 409
    assert (await apply(client, f"{MAPS}/c", a_map(a="2"), "fieldManager=one&force=true"))[0] == 200


@pytest.mark.parametrize(
    ("query", "body", "code", "text"),
    [
        (
            "",
            a_map(),
            422,
            'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
        ),
        ("fieldManager=one", "a: [", 400, "error decoding YAML: "),
        ("fieldManager=one", "[]", 400, "error decoding YAML: "),
        ("fieldManager=one", "a: !!binary aaaa", 400, "error decoding YAML: "),
        ("fieldManager=one", '{"a":' * 300 + "1" + "}" * 300, 400, "error decoding YAML: exceeded max depth"),
        ("fieldManager=one", "{a: " * 300 + "1" + "}" * 300, 400, "error decoding YAML: "),
        ("fieldManager=one", '{"kind":"ConfigMap"}', 400, "Incorrect version specified in apply patch. "),
        ("fieldManager=one", '{"apiVersion":"v1","kind":"Secret"}', 400, "cannot be handled as a ConfigMap"),
        (
            "fieldManager=one",
            '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"}}',
            400,
            "does not match the name",
        ),
        (
            "fieldManager=one",
            '{"apiVersion":"v1","kind":"ConfigMap","bogus":1}',
            500,
            ".bogus: field not declared in schema",
        ),
        (
            "fieldManager=one&fieldValidation=Strict",
            '{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"1","a":"2"}}',
            400,
            'error strict decoding YAML: duplicate field "data.a"',
        ),
    ],
)
async def test_what_is_refused(client: Client, query: str, body: str, code: int, text: str) -> None:
    found, answer = await apply(client, f"{MAPS}/a", body, query)
    assert found == code
    assert text in answer["message"]
    assert answer.get("reason", "") == {400: "BadRequest", 422: "Invalid", 500: ""}[code]


async def test_only_apply_is_forced(client: Client) -> None:
    code, answer = await client.call("PATCH", f"{MAPS}/a?force=true", "{}", "application/merge-patch+json")
    assert (code, answer["details"]["causes"][0]["field"]) == (422, "force")


async def test_a_dry_run_stores_nothing(client: Client) -> None:
    code, answer = await apply(client, f"{MAPS}/dry", a_map(a="1"), "fieldManager=one&dryRun=All")
    assert (code, answer["data"]) == (201, {"a": "1"})
    assert (await client.call("GET", f"{MAPS}/dry"))[0] == 404


async def test_an_old_version_is_applied_in_its_own_words(client: Client) -> None:
    template = {"metadata": {"labels": {"app": "old"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    body = {"apiVersion": "apps/v1beta1", "kind": "StatefulSet", "spec": {"serviceName": "old", "template": template}}
    path = SETS.replace("v1/", "v1beta1/", 1)
    code, answer = await apply(client, f"{path}/old", json.dumps(body))
    assert (code, answer["apiVersion"], answer["spec"]["updateStrategy"]) == (
        201,
        "apps/v1beta1",
        {"type": "OnDelete"},
    )


async def test_entries_are_patched_as_kubectl_does_to_migrate(client: Client) -> None:
    await client.call("POST", f"{MAPS}?fieldManager=before", {"metadata": {"name": "m"}, "data": {"a": "1"}})
    _, stored = await client.call("GET", f"{MAPS}/m")
    entries = stored["metadata"]["managedFields"]
    moved = [{**entries[0], "manager": "after", "operation": "Apply"}]
    patch = [
        {"op": "replace", "path": "/metadata/managedFields", "value": moved},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": stored["metadata"]["resourceVersion"]},
    ]
    code, answer = await client.call("PATCH", f"{MAPS}/m", json.dumps(patch), "application/json-patch+json")
    assert (code, answer["metadata"]["managedFields"]) == (200, moved)
    _, answer = await apply(client, f"{MAPS}/m", a_map(b="1"), "fieldManager=after")
    assert answer["data"] == {"b": "1"}


@pytest.mark.parametrize("name", ["sts-full", "ds-full", "pod-full", "svc-headless", "cm-min", "pvc-min"])
async def test_a_new_objects_owner_is_the_recorded_one(client: Client, name: str) -> None:
    case = recordings("defaults")[name]
    body = case.body
    group = "/apis/apps/v1" if body["apiVersion"] == "apps/v1" else "/api/v1"
    path = f"{group}/namespaces/default/{body['kind'].lower()}s?dryRun=All"
    code, answer = await client.call("POST", path, body, **{"User-Agent": "python-requests/2.28"})
    assert code == 201
    (entry,) = answer["metadata"]["managedFields"]
    recorded = case.response["metadata"]["managedFields"][0]
    assert entry | {"time": "", "fieldsV1": {}} == recorded | {"time": "", "fieldsV1": {}}
    assert entry["fieldsV1"] == owned(case)
