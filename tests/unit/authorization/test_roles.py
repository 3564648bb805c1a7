"""Who may do what, row by row."""

from __future__ import annotations

import pytest

from statefleet.authorization.attributes import Attributes, forbidden
from statefleet.authorization.nodes import NodeScope, nodes_of
from statefleet.authorization.roles import ALL, RULES, Decision, decide, group_of, permissions_of, plural_of
from statefleet.objects.kinds import KINDS
from statefleet.rpc.identity import (
    ANONYMOUS,
    AUTHENTICATED_GROUP,
    GATEWAYS_GROUP,
    MASTERS_GROUP,
    NODES_GROUP,
    SERVICES_GROUP,
    VIEWERS_GROUP,
    WORKERS_GROUP,
    Identity,
)

YES, OWN, NO = Decision.ALLOWED, Decision.OWN, Decision.DENIED
TABLE = [
    # verb, resource[/part], then masters, services, viewers, workers, gateways, nodes, anybody
    ("get", "pods", YES, YES, YES, YES, NO, OWN, NO),
    ("list", "secrets", YES, YES, NO, YES, NO, OWN, NO),
    ("get", "secrets", YES, YES, NO, YES, NO, OWN, NO),
    ("watch", "secrets", YES, YES, NO, YES, NO, OWN, NO),
    ("create", "secrets", YES, YES, NO, NO, NO, NO, NO),
    ("get", "statefulsets/scale", YES, YES, YES, YES, NO, NO, NO),
    ("update", "statefulsets/scale", YES, YES, NO, NO, NO, NO, NO),
    ("patch", "statefulsets", YES, YES, NO, NO, NO, NO, NO),
    ("update", "statefulsets/status", YES, YES, NO, YES, NO, NO, NO),
    ("create", "statefulsets", YES, YES, NO, NO, NO, NO, NO),
    ("create", "pods", YES, YES, NO, YES, NO, NO, NO),
    ("create", "pods/binding", YES, YES, NO, YES, NO, NO, NO),
    ("create", "pods/eviction", YES, YES, NO, NO, NO, NO, NO),
    ("update", "pods", YES, YES, NO, YES, NO, NO, NO),
    ("update", "pods/status", YES, YES, NO, YES, NO, OWN, NO),
    ("delete", "pods", YES, YES, NO, YES, NO, OWN, NO),
    ("deletecollection", "pods", YES, YES, NO, NO, NO, NO, NO),
    ("create", "events", YES, YES, NO, YES, NO, OWN, NO),
    ("create", "shards", YES, YES, NO, YES, NO, NO, NO),
    ("list", "nodes", YES, YES, YES, YES, YES, OWN, NO),
    ("get", "nodes", YES, YES, YES, YES, NO, OWN, NO),
    ("patch", "nodes", YES, YES, NO, NO, NO, NO, NO),
    ("create", "nodes", YES, YES, NO, NO, NO, NO, NO),
    ("create", "nodes/sessions", YES, YES, NO, NO, NO, OWN, NO),
    ("update", "nodes/heartbeats", YES, YES, NO, NO, NO, OWN, NO),
    ("update", "namespaces/finalize", YES, YES, NO, YES, NO, NO, NO),
    ("create", "serviceaccounts", YES, YES, NO, YES, NO, NO, NO),
    ("list", "services", YES, YES, YES, YES, NO, NO, NO),
    ("get", "nodes.metrics.k8s.io", YES, YES, YES, NO, NO, NO, NO),
    ("list", "pods.metrics.k8s.io", YES, YES, YES, NO, NO, NO, NO),
    ("watch", "pods.metrics.k8s.io", YES, YES, NO, NO, NO, NO, NO),
]
GROUPS = (MASTERS_GROUP, SERVICES_GROUP, VIEWERS_GROUP, WORKERS_GROUP, GATEWAYS_GROUP, NODES_GROUP, "people")


def asked(verb: str, resource: str, **more: str) -> Attributes:
    plural, _, part = resource.partition("/")
    return Attributes(verb, plural_of(plural), group_of(plural), subresource=part, **more)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} {row[1]}")
def test_each_group_may_do_what_it_is_there_for(row: tuple[str, str, *tuple[Decision, ...]]) -> None:
    found = [decide(Identity("somebody", (group,)), asked(row[0], row[1])) for group in GROUPS]
    assert found == list(row[2:])
    assert decide(ANONYMOUS, asked(row[0], row[1])) is NO


def test_several_groups_may_do_what_any_of_them_may() -> None:
    both = Identity("both", (VIEWERS_GROUP, NODES_GROUP, "system:node:n1"))
    assert decide(both, asked("get", "pods")) is YES
    assert decide(both, asked("get", "secrets")) is OWN


@pytest.mark.parametrize(
    ("path", "viewer", "user"),
    [("/metrics", YES, NO), ("/version", YES, YES), ("/apis/apps", YES, YES), ("/x", NO, NO)],
)
def test_pages(path: str, viewer: Decision, user: Decision) -> None:
    page = Attributes("get", path=path)
    assert decide(Identity("v", (VIEWERS_GROUP, AUTHENTICATED_GROUP)), page) is viewer
    assert decide(Identity("u", (AUTHENTICATED_GROUP,)), page) is user
    assert decide(Identity("a", (MASTERS_GROUP,)), page) is YES


def test_a_resource_is_that_of_its_group() -> None:
    viewer = Identity("v", (VIEWERS_GROUP,))
    assert decide(viewer, Attributes("get", "statefulsets", "apps")) is YES
    assert decide(viewer, Attributes("get", "statefulsets", "")) is NO
    assert decide(viewer, Attributes("get", "widgets", "")) is NO
    assert decide(viewer, Attributes("get", "secrets", "metrics.k8s.io")) is NO
    assert decide(viewer, Attributes("get", "pods.metrics.k8s.io", "metrics.k8s.io")) is NO
    assert decide(viewer, Attributes(ALL, ALL, ALL)) is NO
    assert decide(Identity("a", (MASTERS_GROUP,)), Attributes(ALL, ALL, ALL)) is YES


def test_what_callers_make_up_is_not_kept_for_ever() -> None:
    viewer = Identity("curious", (VIEWERS_GROUP,))
    for number in range(3000):
        decide(viewer, Attributes(f"verb-{number}", "pods"))
    assert len(permissions_of(viewer)._known) <= 1000


def test_rules_speak_of_what_is_served() -> None:
    parts = {f"{kind.plural}/{part}" for kind in KINDS.values() for part in kind.subresources}
    for rules in RULES.values():
        for resource in {each for rule in rules for each in rule.resources}:
            assert group_of(resource) is not None
            if "/" in resource:
                assert resource in parts | {"nodes/sessions", "nodes/heartbeats"}


IN_DEFAULT = 'in API group "" in the namespace "default"'
EVERYWHERE = 'in API group "apps" at the cluster scope'
IN_DB = 'in API group "apps" in the namespace "db"'
WORDS = {
    Attributes("delete", "pods", "", "default", "web-0"): (
        f'pods "web-0" is forbidden: User "bob" cannot delete resource "pods" {IN_DEFAULT}'
    ),
    Attributes("list", "statefulsets", "apps"): (
        f'statefulsets.apps is forbidden: User "bob" cannot list resource "statefulsets" {EVERYWHERE}'
    ),
    Attributes("update", "statefulsets", "apps", "db", "web", "scale"): (
        f'statefulsets.apps "web" is forbidden: User "bob" cannot update resource "statefulsets/scale" {IN_DB}'
    ),
    Attributes("get", path="/metrics"): 'forbidden: User "bob" cannot get path "/metrics"',
}


@pytest.mark.parametrize("refused", WORDS, ids=lambda refused: refused.verb)
def test_a_refusal_is_in_kubernetes_words(refused: Attributes) -> None:
    assert forbidden(Identity("bob"), refused).message == WORDS[refused]


@pytest.mark.parametrize(
    ("identity", "own", "others"),
    [
        (Identity("system:node:n1", (NODES_GROUP,)), ["n1"], ["n2", "n10", ""]),
        (Identity("agent", (NODES_GROUP, "system:node:n1", "system:node:n2")), ["n1", "n2"], ["n3", "n"]),
        (Identity("agent", (NODES_GROUP, "system:node:sim-*")), ["sim-", "sim-1"], ["si", "db-1", ""]),
        (Identity("system:node:n1", ()), [], ["n1"]),
        (Identity("system:node:", (NODES_GROUP,)), [], ["", "n1"]),
        (Identity("system:node:n1", (VIEWERS_GROUP,)), [], ["n1"]),
    ],
)
def test_which_nodes_somebody_stands_for(identity: Identity, own: list[str], others: list[str]) -> None:
    scope = nodes_of(identity)
    assert [node for node in (*own, *others) if scope.includes(node)] == own
    assert scope.is_open == any(group.endswith("*") for group in identity.groups)
    assert (scope == NodeScope()) == (not own)
