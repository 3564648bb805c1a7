"""The verbs, in front of a fleet in memory."""

import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.message import Message

from statefleet.api.core.v1.config_pb2 import ConfigMap
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.api.meta.v1.primitives_pb2 import Time
from statefleet.gateway.authentication import Authenticator, StaticTokens
from statefleet.gateway.documents import MAGIC
from statefleet.gateway.versions import ServedResource, served
from statefleet.rpc.identity import VIEWERS_GROUP, Identity
from support.gateway_client import ADMIN, Client, serve
from support.memory_fleet import MemoryFleet

MAPS = "/api/v1/namespaces/n/configmaps"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def config_map(name: str = "a", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data or {"k": "v"}}


@pytest.fixture
def fleet() -> MemoryFleet:
    return MemoryFleet()


@pytest.fixture
async def client(fleet: MemoryFleet) -> AsyncIterator[Client]:
    async with serve(fleet) as client:
        yield client


async def test_what_is_created_can_be_got(client: Client) -> None:
    code, created = await client.call("POST", MAPS, config_map())
    assert code == 201
    assert await client.call("GET", f"{MAPS}/a") == (200, created)
    assert created["metadata"]["namespace"] == "n"


async def test_a_yaml_body(client: Client) -> None:
    code, created = await client.call("POST", MAPS, "metadata: {name: y}\ndata: {k: v}\n", "application/yaml")
    assert (code, created["data"]) == (201, {"k": "v"})


@pytest.mark.surface("traps.protobuf-bodies")
async def test_a_protobuf_body(client: Client) -> None:
    raw = ConfigMap(metadata=ObjectMeta(name="p", creation_timestamp=Time()), data={"k": "v"}).SerializeToString()
    type_meta = b"\x0a\x02v1\x12\x09ConfigMap"
    body = MAGIC + b"\x0a" + bytes([len(type_meta)]) + type_meta + b"\x12" + bytes([len(raw)]) + raw
    code, created = await client.call("POST", MAPS, body, "application/vnd.kubernetes.protobuf")
    assert (code, created["data"]) == (201, {"k": "v"})


@pytest.mark.surface("texts.unknown-field-strict", "texts.unknown-field-warn")
async def test_unknown_and_repeated_fields(client: Client) -> None:
    body = '{"metadata":{"name":"w"},"bogus":1,"data":{"a":"1","a":"2"}}'
    code, answer = await client.call("POST", f"{MAPS}?fieldValidation=Strict", body)
    assert code == 400
    assert 'strict decoding error: duplicate field "data.a", unknown field "bogus"' in answer["message"]
    async with client.session.post(MAPS, data=body, headers={"Content-Type": "application/json"}) as response:
        assert response.status == 201
        assert response.headers.getall("Warning") == [
            '299 - "duplicate field \\"data.a\\""',
            '299 - "unknown field \\"bogus\\""',
        ]
    async with client.session.delete(f"{MAPS}/w"):
        pass
    async with client.session.post(f"{MAPS}?fieldValidation=Ignore", data=body, headers={"Content-Type": "application/json"}) as response:  # fmt: skip  # noqa: E501
        assert "Warning" not in response.headers


async def test_warnings_of_the_service_reach_the_client(client: Client) -> None:
    body = config_map()
    body["metadata"]["labels"] = {"loud": "yes"}
    async with client.session.post(MAPS, json=body) as response:
        assert response.headers["Warning"] == '299 - "the field is not acted on"'


async def test_a_dry_run_leaves_nothing_in_the_cache(client: Client) -> None:
    await client.call("POST", MAPS, config_map(k="old"))
    code, tried = await client.call("PUT", f"{MAPS}/a?dryRun=All", config_map(k="new"))
    assert (code, tried["data"]) == (200, {"k": "new"})
    assert (await client.call("GET", f"{MAPS}/a"))[1]["data"] == {"k": "old"}


async def test_lists_come_in_pages(client: Client) -> None:
    for name in ("a", "b", "c"):
        await client.call("POST", MAPS, config_map(name))
    code, page = await client.call("GET", f"{MAPS}?limit=2")
    assert code == 200
    assert page["kind"] == "ConfigMapList"
    assert [item["metadata"]["name"] for item in page["items"]] == ["a", "b"]
    assert page["metadata"] == {"resourceVersion": "3", "continue": "next", "remainingItemCount": 1}


async def test_a_selector_may_be_long(client: Client) -> None:
    values = ",".join(f"value-{number}" for number in range(3000))
    assert (await client.call("GET", f"{MAPS}?labelSelector=app in ({values})"))[0] == 200


@pytest.mark.surface("requests.get")
async def test_a_table_has_columns_and_rows(client: Client) -> None:
    _, first = await client.call("POST", MAPS, config_map())
    _, second = await client.call("POST", MAPS, config_map("b", k="v", more="w"))
    _, table = await client.call("GET", MAPS, Accept=f"{TABLE},application/json")
    assert table["kind"] == "Table"
    assert [column["name"] for column in table["columnDefinitions"]][:2] == ["Name", "Data"]
    assert [row["cells"][:2] for row in table["rows"]] == [["a", 1], ["b", 2]]
    shown = [row["object"] for row in table["rows"]]
    assert {one["kind"] for one in shown} == {"PartialObjectMetadata"}
    assert [one["metadata"] for one in shown] == [first["metadata"], second["metadata"]]


async def test_metadata_alone(client: Client) -> None:
    await client.call("POST", MAPS, config_map())
    _, one = await client.call(
        "GET", f"{MAPS}/a", Accept="application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    )
    assert one["kind"] == "PartialObjectMetadata"
    assert "data" not in one


async def test_an_answer_in_yaml(client: Client) -> None:
    await client.call("POST", MAPS, config_map())
    async with client.session.get(f"{MAPS}/a", headers={"Accept": "application/yaml"}) as response:
        assert response.content_type == "application/yaml"
        assert "data:\n  k: v\n" in await response.text()


async def test_protobuf_alone_is_not_acceptable(client: Client) -> None:
    code, answer = await client.call("GET", MAPS, Accept="application/vnd.kubernetes.protobuf")
    assert (code, answer["reason"]) == (406, "NotAcceptable")


@pytest.mark.surface("versions.same-objects", "versions.old-defaults-selector", "versions.old-defaults-strategy")
async def test_an_old_version_answers_in_its_own_words_and_with_a_warning(client: Client) -> None:
    path = "/apis/apps/v1beta1/namespaces/n/statefulsets"
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    body = {
        "apiVersion": "apps/v1beta1",
        "kind": "StatefulSet",
        "metadata": {"name": "x"},
        "spec": {"template": template},
    }
    async with client.session.post(path, json=body) as response:
        created = await response.json()
        assert response.headers["Warning"].startswith('299 - "apps/v1beta1 StatefulSet is deprecated in v1.8+')
    assert created["apiVersion"] == "apps/v1beta1"
    assert created["spec"]["selector"] == {"matchLabels": {"app": "x"}}
    _, current = await client.call("GET", "/apis/apps/v1/namespaces/n/statefulsets/x")
    assert current["apiVersion"] == "apps/v1"
    assert current["spec"]["updateStrategy"]["type"] == "OnDelete"


OLD_SPECS: dict[str, dict[str, Any]] = {
    "StatefulSet": {"spec": {"revisionHistoryLimit": 4, "updateStrategy": {"type": "RollingUpdate"}}},
    "DaemonSet": {"spec": {"revisionHistoryLimit": 4, "updateStrategy": {"type": "RollingUpdate"}}},
    "ControllerRevision": {"data": {"a": 1}, "revision": 3},
    "PodDisruptionBudget": {"spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "x"}}}},
}
OLD = [
    pytest.param(resource, id=f"{resource.api_version}-{resource.kind.name}")
    for resource in served()
    if not resource.is_current
]


def path_of(api_version: str, resource: ServedResource) -> str:
    return f"/apis/{api_version}/namespaces/n/{resource.kind.plural}"


@pytest.mark.surface("versions.served", "versions.same-objects")
@pytest.mark.parametrize("resource", OLD)
async def test_an_object_is_the_same_in_an_old_version(client: Client, resource: ServedResource) -> None:
    old, current = (path_of(version, resource) for version in (resource.api_version, resource.kind.api_version))
    content = OLD_SPECS[resource.kind.name]
    _, created = await client.call("POST", current, {"metadata": {"name": "x"}, **content})
    _, read = await client.call("GET", f"{old}/x")
    assert (read["apiVersion"], read["metadata"]) == (resource.api_version, created["metadata"])
    _, listed = await client.call("GET", old)
    assert (listed["apiVersion"], [item["metadata"] for item in listed["items"]]) == (
        resource.api_version,
        [created["metadata"]],
    )
    read["metadata"]["labels"] = {"by": "old"}
    code, _ = await client.call("PUT", f"{old}/x", read)
    assert code == 200
    _, written = await client.call("GET", f"{current}/x")
    assert written["metadata"]["labels"] == {"by": "old"}
    parts = {*created, *written} - {"metadata"}
    assert {part: written.get(part) for part in parts} == {part: created.get(part) for part in parts}


@pytest.mark.surface("versions.warning")
@pytest.mark.parametrize("resource", OLD)
async def test_every_answer_in_an_old_version_warns(client: Client, resource: ServedResource) -> None:
    path = path_of(resource.api_version, resource)
    body = {"metadata": {"name": "x"}, **OLD_SPECS[resource.kind.name]}
    merge = {"data": "{}", "headers": {"Content-Type": "application/merge-patch+json"}}
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", path, {"json": body}),
        ("GET", f"{path}/x", {}),
        ("GET", path, {}),
        ("GET", f"{path}?watch=true&timeoutSeconds=1&resourceVersion=1", {}),
        ("PATCH", f"{path}/x", merge),
        ("DELETE", f"{path}/x", {}),
        ("GET", f"{path}/x", {}),
    ]
    codes = []
    for method, url, content in requests:
        async with client.session.request(method, url, **content) as response:
            codes.append(response.status)
            assert response.headers["Warning"] == f'299 - "{resource.deprecation}"'
    assert codes == [201, 200, 200, 200, 200, 200, 404]


async def test_delete_tells_what_is_gone(client: Client) -> None:
    _, created = await client.call("POST", MAPS, config_map())
    code, outcome = await client.call("DELETE", f"{MAPS}/a")
    uid = created["metadata"]["uid"]
    assert (code, outcome["status"], outcome["details"]) == (
        200,
        "Success",
        {"name": "a", "kind": "configmaps", "uid": uid},
    )


async def test_delete_reads_options_from_body_or_query(client: Client, fleet: MemoryFleet) -> None:
    await client.call("POST", MAPS, config_map())
    body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground", "dryRun": ["All"]}
    await client.call("DELETE", f"{MAPS}/a", body)
    assert fleet.calls[-1][1]["options"].propagation_policy == "Foreground"
    await client.call("DELETE", f"{MAPS}/a?gracePeriodSeconds=0&propagationPolicy=Orphan")
    options = fleet.calls[-1][1]["options"]
    assert (options.grace_period_seconds, options.propagation_policy) == (0, "Orphan")


async def test_delete_answers_with_the_object_that_stays(client: Client, fleet: MemoryFleet) -> None:
    body = config_map()
    body["metadata"]["finalizers"] = ["x/y"]
    await client.call("POST", MAPS, body)
    code, answer = await client.call("DELETE", f"{MAPS}/a")
    assert (code, answer["kind"]) == (200, "ConfigMap")


async def test_a_collection_is_deleted_by_selector(client: Client) -> None:
    for name, app in (("a", "x"), ("b", "y"), ("c", "x")):
        body = config_map(name)
        body["metadata"]["labels"] = {"app": app}
        await client.call("POST", MAPS, body)
    code, gone = await client.call("DELETE", f"{MAPS}?labelSelector=app=x")
    assert (code, [item["metadata"]["name"] for item in gone["items"]]) == (200, ["a", "c"])
    _, left = await client.call("GET", MAPS)
    assert [item["metadata"]["name"] for item in left["items"]] == ["b"]


async def test_a_body_over_the_limit(client: Client) -> None:
    code, answer = await client.call("POST", MAPS, io.BytesIO(b" " * (3 * 1024 * 1024 + 1)))
    assert (code, answer["reason"]) == (413, "RequestEntityTooLarge")


async def test_a_body_of_an_unknown_type(client: Client) -> None:
    code, answer = await client.call("POST", MAPS, "x", "text/plain")
    assert (code, answer["reason"]) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", MAPS, "GET, POST, DELETE"),
        ("POST", f"{MAPS}/a", "GET, PUT, PATCH, DELETE"),
        ("POST", "/api/v1/configmaps", "GET"),
        ("DELETE", "/api/v1/namespaces", "GET, POST"),
        ("GET", "/api/v1/namespaces/n/pods/p/eviction", "POST"),
    ],
)
async def test_a_method_that_the_path_has_not(client: Client, method: str, path: str, allow: str) -> None:
    async with client.session.request(method, path) as response:
        assert (response.status, response.headers["Allow"]) == (405, allow)
        assert (await response.json())["reason"] == "MethodNotAllowed"


@pytest.mark.parametrize("path", ["/nothing", "/apis/apps/v1/namespaces/n/deployments", "/api/v1/namespaces/n/nodes"])
async def test_a_path_that_names_nothing(client: Client, path: str) -> None:
    async with client.session.get(path) as response:
        assert (response.status, await response.text()) == (404, "404 page not found\n")


@pytest.mark.surface("texts.eviction-accepted")
async def test_eviction_and_binding(client: Client, fleet: MemoryFleet) -> None:
    pod = "/api/v1/namespaces/n/pods/p"
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "p"},
        "deleteOptions": {"gracePeriodSeconds": 3},
    }
    code, answer = await client.call("POST", f"{pod}/eviction", eviction)
    assert (code, answer["status"]) == (201, "Success")
    assert fleet.calls[-1][1]["options"].grace_period_seconds == 3
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "p"},
        "target": {"kind": "Node", "name": "a"},
    }
    code, answer = await client.call("POST", f"{pod}/binding", binding)
    assert (code, fleet.calls[-1][1]["node"]) == (201, "a")


async def test_only_health_is_open_to_everybody(fleet: MemoryFleet) -> None:
    async with serve(fleet, Authenticator(StaticTokens({"t": ADMIN}))) as client:
        for path in ("/healthz", "/livez", "/readyz"):
            async with client.session.get(path) as response:
                assert (response.status, await response.text()) == (200, "ok")
        for path in ("/version", "/api", MAPS, "/nothing"):
            code, answer = await client.call("GET", path)
            assert (code, answer["reason"]) == (401, "Unauthorized")
        assert (await client.call("GET", MAPS, Authorization="Bearer t"))[0] == 200


async def test_reviews(client: Client) -> None:
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    body = {**review, "spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
    code, answer = await client.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
    assert (code, answer["status"]["allowed"], answer["kind"]) == (201, True, "SelfSubjectAccessReview")
    code, answer = await client.call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    assert (code, answer["status"]["userInfo"]["username"]) == (201, "admin")


@pytest.mark.surface("traps.discovery")
async def test_discovery_and_version(client: Client) -> None:
    _, version = await client.call("GET", "/version")
    assert version["gitVersion"].startswith("v1.37")
    _, groups = await client.call("GET", "/apis")
    assert groups["kind"] == "APIGroupList"
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    async with client.session.get("/apis", headers={"Accept": accept}) as response:
        assert response.headers["Content-Type"] == accept.split(",")[0]
        assert (await response.json())["kind"] == "APIGroupDiscoveryList"
    _, resources = await client.call("GET", "/apis/apps/v1")
    assert "statefulsets/scale" in [resource["name"] for resource in resources["resources"]]


@pytest.mark.surface("metrics.apiserver")
async def test_requests_are_counted_and_timed(client: Client) -> None:
    await client.call("GET", f"{MAPS}/none")
    await client.call("GET", MAPS)
    await client.call("GET", "/apis/apps/v1/namespaces/n/statefulsets/none/scale")
    async with client.session.get("/metrics") as response:
        text = await response.text()
    missing = 'group="",resource="configmaps",scope="resource",subresource="",verb="GET",version="v1"'
    listed = 'group="",resource="configmaps",scope="namespace",subresource="",verb="LIST",version="v1"'
    scale = 'group="apps",resource="statefulsets",scope="resource",subresource="scale",verb="GET",version="v1"'
    for code, labels in ((404, missing), (200, listed), (404, scale)):
        assert f'apiserver_request_total{{code="{code}",{labels}}} 1.0' in text
        timed = labels.replace("resource=", 'le="+Inf",resource=', 1)
        assert f"apiserver_request_sli_duration_seconds_bucket{{{timed}}} 1.0" in text


async def test_an_answer_is_encoded_once_for_each_change(
    client: Client, fleet: MemoryFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from statefleet.gateway import encoding

    encoded = []
    real = encoding.encode

    def counted(served: ServedResource, message: Message) -> bytes:
        encoded.append(message)
        return real(served, message)

    monkeypatch.setattr(encoding, "encode", counted)
    await client.call("POST", MAPS, config_map())
    first = await client.call("GET", f"{MAPS}/a")
    assert await client.call("GET", f"{MAPS}/a") == first
    await client.call("GET", MAPS)
    assert len(encoded) == 1


async def test_a_list_that_has_not_changed_is_the_one_that_was_made(client: Client, fleet: MemoryFleet) -> None:
    for name in ("a", "b"):
        await client.call("POST", MAPS, config_map(name))
    whole = await client.call("GET", MAPS)
    labelled = await client.call("GET", f"{MAPS}?labelSelector=app=x")
    assert await client.call("GET", MAPS) == whole
    assert await client.call("GET", f"{MAPS}?limit=2") == whole
    assert await client.call("GET", f"{MAPS}?labelSelector=app=x") == labelled
    asked = [options["unless_unchanged_since"] for verb, options in fleet.calls if verb == "list"]
    assert asked == ["", "", "2", "", "2"]


async def test_a_list_that_has_changed_is_made_anew(client: Client) -> None:
    await client.call("POST", MAPS, config_map("a"))
    await client.call("GET", MAPS)
    await client.call("PUT", f"{MAPS}/a", config_map("a", k="new"))
    await client.call("POST", MAPS, config_map("b"))
    _, listed = await client.call("GET", MAPS)
    assert [item["data"] for item in listed["items"]] == [{"k": "new"}, {"k": "v"}]
    await client.call("DELETE", f"{MAPS}/a")
    _, listed = await client.call("GET", MAPS)
    assert [item["metadata"]["name"] for item in listed["items"]] == ["b"]


async def test_a_list_made_for_one_caller_is_not_anothers(fleet: MemoryFleet) -> None:
    callers = {"a": ADMIN, "v": Identity("vera", (VIEWERS_GROUP,))}
    async with serve(fleet, Authenticator(StaticTokens(callers))) as client:
        for token in "avva":
            assert (await client.call("GET", MAPS, Authorization=f"Bearer {token}"))[0] == 200
            fleet.version += 1
    asked = [options["unless_unchanged_since"] for _, options in fleet.calls]
    assert asked == ["", "", "1", "0"]


async def test_no_page_of_a_list_is_taken_for_the_whole(client: Client, fleet: MemoryFleet) -> None:
    for name in ("a", "b", "c"):
        await client.call("POST", MAPS, config_map(name))
    pages = [await client.call("GET", f"{MAPS}?limit=2") for _ in range(2)]
    assert pages[0] == pages[1]
    assert [options["unless_unchanged_since"] for verb, options in fleet.calls if verb == "list"] == ["", ""]


async def test_a_pod_is_read_as_it_was_written(client: Client) -> None:
    pod: dict[str, Any] = {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i", "resources": {}}]},
    }
    await client.call("POST", "/api/v1/namespaces/n/pods", json.dumps(pod))
    _, read = await client.call("GET", "/api/v1/namespaces/n/pods/p")
    assert read["kind"] == Pod.DESCRIPTOR.name
    assert read["spec"]["containers"] == pod["spec"]["containers"]
