"""Which requests stock kubectl makes for a command, as its log tells: each is answered, and none is a way around."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest

from support.kubectl import Kubectl, document
from support.manifests import stateful_set

LINE = re.compile(r'"Response" verb="(\w+)" url="([^"]+)" status="(\d+)')
OBJECTS = re.compile(r"^/(?:api/v1|apis/[^/]+/[^/]+)/(?:namespaces/[^/]+/(?=.))?(.+)$")


class Request(NamedTuple):
    """A request for objects, by the path that follows the version and the namespace."""

    verb: str
    path: str
    query: dict[str, str]
    status: int


def requests(log: str) -> list[Request]:
    """Return the requests of a log, without those of discovery and OpenAPI."""
    found = []
    for verb, url, status in LINE.findall(log):
        parts = urlsplit(url)
        if match := OBJECTS.match(parts.path):
            found.append(Request(verb, match[1], dict(parse_qsl(parts.query)), int(status)))
    return found


def agrees(request: Request, wanted: str) -> bool:
    """Return whether a request is the wanted one, such as `GET pods?limit=500`; its query may say more."""
    verb, _, url = wanted.partition(" ")
    path, _, query = url.partition("?")
    return (request.verb, request.path) == (verb, path) and dict(parse_qsl(query)).items() <= request.query.items()


def check(log: str, *wanted: str, last: int = 200) -> None:
    """Check that just the wanted requests were made and answered, the last with a status of its own."""
    made = requests(log)
    assert len(made) == len(wanted), made
    assert [request for request, one in zip(made, wanted, strict=True) if not agrees(request, one)] == []
    assert [request.status for request in made] == [*[200] * (len(made) - 1), last]


WATCH_LIST = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
SET = "GET statefulsets/web"


@pytest.fixture
def web(kubectl: Kubectl) -> Kubectl:
    """A set without pods whose first revision is recorded."""
    kubectl.apply(stateful_set(replicas=0))
    kubectl("rollout status sts/web")
    return kubectl


READING = [
    pytest.param("get pods", ["GET pods?limit=500"], marks=pytest.mark.surface("requests.get")),
    pytest.param(
        "get sts --sort-by=.metadata.name",
        ["GET statefulsets?includeObject=Object"],
        marks=pytest.mark.surface("requests.get"),
    ),
    pytest.param(
        "get all",
        [f"GET {plural}?limit=500" for plural in ("pods", "services", "daemonsets", "statefulsets")],
        marks=pytest.mark.surface("requests.get-all"),
    ),
    pytest.param(
        "rollout status sts/web",
        [SET, f"GET statefulsets?{WATCH_LIST}&fieldSelector=metadata.name%3Dweb"],
        marks=pytest.mark.surface("traps.watch-list"),
    ),
    pytest.param(
        "wait sts/web --for=jsonpath={.spec.replicas}=0",
        [SET, f"GET statefulsets?{WATCH_LIST}&fieldSelector=metadata.name%3Dweb"],
        marks=pytest.mark.surface("traps.watch-list"),
    ),
    pytest.param(
        "rollout history sts/web",
        [SET, SET, "GET controllerrevisions?labelSelector=app%3Dweb"],
        marks=pytest.mark.surface("requests.history-and-undo"),
    ),
    pytest.param(
        "rollout undo sts/web --to-revision=1",
        [SET, SET, "GET controllerrevisions?labelSelector=app%3Dweb"],
        marks=pytest.mark.surface("traps.skipped-rollback"),
    ),
    pytest.param(
        "describe sts web",
        [SET, SET, "GET pods?labelSelector=app%3Dweb&limit=500", "GET events?limit=500"],
        marks=pytest.mark.surface("requests.describe"),
    ),
]


@pytest.mark.parametrize(("command", "wanted"), READING)
def test_reading(web: Kubectl, command: str, wanted: list[str]) -> None:
    check(web.run(f"{command} -v=6").errors, *wanted)


@pytest.mark.surface("requests.events")
def test_events_of_just_this_object_are_described(web: Kubectl) -> None:
    asked = requests(web.run("describe sts web -v=6").errors)[-1]
    about = {
        "name": "web",
        "namespace": web.namespace,
        "kind": "StatefulSet",
        "uid": web.json("sts web")["metadata"]["uid"],
    }
    selected = dict(part.split("=") for part in asked.query["fieldSelector"].split(","))
    assert selected == {f"involvedObject.{key}": about[key] for key in about}
    assert asked.status == 200


PATCHING = {
    "rollout restart sts/web": "?fieldManager=kubectl-rollout",
    "set image sts/web app=x:2": "?fieldManager=kubectl-set",
    "label sts web a=b": "?fieldManager=kubectl-label",
    "annotate sts web a=b": "?fieldManager=kubectl-annotate",
    "scale sts web --replicas=1": "/scale",
}


@pytest.mark.surface(
    "requests.restart", "requests.set-image", "requests.label", "requests.annotate", "requests.scale"
)
@pytest.mark.parametrize("command", PATCHING)
def test_changing(web: Kubectl, command: str) -> None:
    before = int(web.json("sts web")["metadata"]["resourceVersion"])
    check(web.run(f"{command} -v=6").errors, SET, f"PATCH statefulsets/web{PATCHING[command]}")
    assert int(web.json("sts web")["metadata"]["resourceVersion"]) > before


@pytest.mark.surface("requests.history-and-undo")
def test_undo_is_a_patch(web: Kubectl) -> None:
    web("set image sts/web app=x:2")
    web("rollout status sts/web")
    undone = web.run("rollout undo sts/web -v=6").errors
    check(undone, SET, SET, "GET controllerrevisions?labelSelector=app%3Dweb", "PATCH statefulsets/web")
    assert web("get sts web -o jsonpath={.metadata.generation}") == "3"


@pytest.mark.surface("requests.get-watch")
def test_a_watch_goes_on_after_the_list(kubectl: Kubectl) -> None:
    with kubectl.follow("get cm -l seen=yes --watch -v=6") as watching:
        watching.until('"Response".*watch=true')
        kubectl("create cm passing")
        kubectl("label cm passing seen=yes")
        watching.until("^passing ")
    check(
        watching.output,
        "GET configmaps?limit=500&labelSelector=seen%3Dyes",
        "GET configmaps?watch=true&labelSelector=seen%3Dyes",
    )
    assert int(requests(watching.output)[1].query["resourceVersion"]) > 0


@pytest.mark.surface("traps.discovery")
def test_two_requests_tell_what_there_is(kubectl: Kubectl, tmp_path: Path) -> None:
    log = kubectl.run(f"get sts --cache-dir={tmp_path} -v=6").errors
    asked = [(urlsplit(url).path, status) for _, url, status in LINE.findall(log)]
    assert sorted(asked[:2]) == [("/api", "200"), ("/apis", "200")]
    check(log, "GET statefulsets?limit=500")
    assert len(asked) == 3


@pytest.mark.surface("requests.apply", "requests.apply-openapi")
def test_apply_patches_only_what_differs(kubectl: Kubectl) -> None:
    one, two = document(stateful_set(replicas=0)), document(stateful_set(replicas=0, tag="2"))
    options = "fieldManager=kubectl-client-side-apply&fieldValidation=Strict"
    created = requests(kubectl.run("apply -f - -v=6", stdin=one).errors)
    assert [(made.verb, made.status) for made in created] == [("GET", 404), ("GET", 200), ("POST", 201)]
    assert [agrees(created[0], SET), agrees(created[2], f"POST statefulsets?{options}")] == [True, True]
    check(kubectl.run("apply -f - -v=6", stdin=one).errors, SET)
    changed = kubectl.run("apply -f - -v=6", stdin=two).errors
    check(changed, SET, f"PATCH statefulsets/web?{options}")
    assert re.search(r"/openapi/v3/apis/apps/v1\?hash=\w+.* status=\"200", changed)
    assert "/openapi/v2" not in changed


@pytest.mark.surface("requests.apply-server-side", "requests.patch-apply")
def test_server_side_apply_is_one_patch(kubectl: Kubectl) -> None:
    log = kubectl.run("apply --server-side -f - -v=6", stdin=document(stateful_set(replicas=0))).errors
    check(log, "PATCH statefulsets/web?fieldManager=kubectl&force=false", last=201)


@pytest.mark.surface("requests.diff")
def test_a_difference_is_a_dry_run(web: Kubectl) -> None:
    result = web.run("diff -f - -v=6", stdin=document(stateful_set(replicas=0, tag="2")))
    assert result.code == 1
    check(result.errors, SET, "PATCH statefulsets/web?dryRun=All")
    assert web("get sts web -o jsonpath={.metadata.generation}") == "1"


@pytest.mark.surface("traps.protobuf-bodies")
def test_what_comes_in_protobuf_is_sent_once(kubectl: Kubectl) -> None:
    created = kubectl.run("create configmap settings --from-literal=a=b -v=6").errors
    check(created, "POST configmaps?fieldManager=kubectl-create&fieldValidation=Strict", last=201)
    check(kubectl.run("auth can-i get pods -v=6").errors, "POST selfsubjectaccessreviews", last=201)
    check(kubectl.run("auth whoami -v=6").errors, "POST selfsubjectreviews", last=201)


@pytest.mark.surface("requests.delete-waits", "traps.watch-list")
def test_what_is_deleted_is_watched_until_it_is_gone(kubectl: Kubectl) -> None:
    held = {"name": "held", "finalizers": ["example.com/hold"]}
    kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": held})
    with kubectl.follow("delete cm held -v=6") as deleting:
        deleting.until('"Response".*sendInitialEvents=true')
        assert deleting.running
        kubectl("patch cm held --type=merge -p", '{"metadata":{"finalizers":null}}')
        assert deleting.wait() == 0
    check(
        deleting.output,
        "DELETE configmaps/held",
        "GET configmaps/held",
        f"GET configmaps?{WATCH_LIST}&fieldSelector=metadata.name%3Dheld",
    )


@pytest.mark.surface("requests.delete-background")
def test_in_the_background_what_the_set_owned_goes_after_it(kubectl: Kubectl) -> None:
    kubectl.apply(stateful_set())
    kubectl("rollout status sts/web")
    kubectl("delete sts web --cascade=background")
    kubectl("wait pods,controllerrevisions --for=delete --all --timeout=20s")
    assert kubectl("get sts,pods,controllerrevisions -o name") == ""


@pytest.mark.surface("requests.cordon", "requests.drain", "traps.discovery-eviction")
def test_a_drain_cordons_and_evicts_and_looks_until_the_pod_is_gone(kubectl: Kubectl) -> None:
    kubectl("run bare --image=bare:1 --labels=asked=yes --overrides", '{"spec":{"nodeName":"node-3"}}')
    try:
        drained = requests(kubectl.run("drain node-3 --pod-selector=asked=yes --force --timeout=20s -v=6").errors)
    finally:
        uncordoned = kubectl.run("uncordon node-3 -v=6").errors
    wanted = [
        "GET nodes/node-3",
        "PATCH nodes/node-3",
        "GET pods?fieldSelector=spec.nodeName%3Dnode-3&labelSelector=asked%3Dyes",
        "POST pods/bare/eviction",
    ]
    assert [agrees(request, one) for request, one in zip(drained, wanted, strict=False)] == [True] * 4, drained
    assert [request.status for request in drained[:4]] == [200, 200, 200, 201]
    assert {(request.verb, request.path) for request in drained[4:]} == {("GET", "pods/bare")}
    assert drained[-1].status == 404
    check(uncordoned, "GET nodes/node-3", "PATCH nodes/node-3")
