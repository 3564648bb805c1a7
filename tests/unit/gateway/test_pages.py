"""What is not about objects: where to begin, health, who is taken to ask, and what is refused in plain words."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from statefleet.gateway import discovery, pages, routes, unserved
from support.gateway_client import Client, serve
from support.memory_fleet import MemoryFleet


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with serve(MemoryFleet()) as client:
        yield client


async def test_the_root_lists_where_to_begin(client: Client) -> None:
    _, found = await client.call("GET", "/")
    assert {"/api/v1", "/apis/apps", "/apis/apps/v1", "/healthz", "/openapi/v3/apis/apps/v1"} <= set(found["paths"])
    assert found["paths"] == sorted(found["paths"])
    for path in found["paths"]:
        async with client.session.get(path) as response:
            assert response.status == 200, path


async def test_there_are_no_custom_kinds(client: Client) -> None:
    code, found = await client.call("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
    assert (code, found["kind"], found["items"]) == (200, "CustomResourceDefinitionList", [])


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/readyz/", "/livez/ping", "/readyz/ping"])
def test_what_is_well_says_ok(path: str) -> None:
    answer = pages.health(True, path)
    assert (answer.status, answer.body) == (200, b"ok")


def test_only_readiness_asks_for_the_services() -> None:
    assert pages.health(False, "/readyz").status == 503
    assert pages.health(False, "/readyz", verbose=True).body == (
        b"[+]ping ok\n[-]services failed\nreadyz check failed\n"
    )
    assert pages.health(False, "/livez").status == 200
    assert pages.health(False, "/readyz/ping").status == 200


async def test_the_checks_are_listed_to_who_asks_for_them(client: Client) -> None:
    async with client.session.get("/readyz?verbose") as response:
        assert await response.text() == "[+]ping ok\n[+]services ok\nreadyz check passed\n"


@pytest.mark.parametrize(("plural", "name"), unserved.SUBRESOURCES)
async def test_what_is_not_served_is_refused_with_the_reason(client: Client, plural: str, name: str) -> None:
    place = "" if plural == "nodes" else "namespaces/n/"
    path = f"/api/v1/{place}{plural}/x/{name}"
    for method in ("GET", "POST"):
        code, answer = await client.call(method, f"{path}?stdout=1")
        assert (code, answer["kind"], answer["reason"]) == (405, "Status", "MethodNotAllowed")
        assert answer["message"] == f"{plural}/{name} is not served: {unserved.SUBRESOURCES[plural, name]}"


async def test_nothing_extends_the_api(client: Client) -> None:
    for version in ("v1", "v1beta1"):
        code, found = await client.call("GET", f"/apis/apiextensions.k8s.io/{version}/customresourcedefinitions")
        assert (code, found["items"]) == (200, [])
    assert discovery.group("apiextensions.k8s.io") is None


def test_what_nobody_knows_is_not_explained() -> None:
    assert routes.refusal("/api/v1/namespaces/n/pods/p/proxy/metrics") is not None
    for path in ("/nothing", "/api/v1/namespaces/n/pods/p/nothing", "/api/v1/namespaces/n/pods/log", "/apis/x/v1/a"):
        assert routes.refusal(path) is None


async def test_a_caller_is_taken_for_whom_it_names(client: Client) -> None:
    review = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    headers = {"Impersonate-User": "ann", "Impersonate-Group": "dev"}
    _, answer = await client.call("POST", review, {}, **headers)
    assert answer["status"]["userInfo"] == {"username": "ann", "groups": ["dev", "system:authenticated"]}
    code, answer = await client.call("POST", review, {}, **{"Impersonate-Group": "dev"})
    assert (code, answer["reason"]) == (400, "BadRequest")
