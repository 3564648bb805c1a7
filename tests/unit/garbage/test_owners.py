"""What becomes of what is owned."""

import pytest

from statefleet.api.meta.v1.object_meta_pb2 import OwnerReference
from statefleet.garbage.graph import Graph, Node, owner_kind
from statefleet.garbage.owners import Collect, Keep, Owner, blocks, decide, is_collectable, state_of
from support.objects import a_node, a_pod, a_stateful_set

THERE, WAITING, GONE = Owner.THERE, Owner.WAITING, Owner.GONE


def owned(count: int = 1, *finalizers: str, deleting: bool = False):
    pod = a_pod()
    pod.metadata.uid = "uid-pod"
    for index in range(count):
        pod.metadata.owner_references.add(kind="StatefulSet", api_version="apps/v1", name="web", uid=f"o{index}")
    pod.metadata.finalizers.extend(finalizers)
    if deleting:
        pod.metadata.deletion_timestamp.seconds = 1
    return pod


@pytest.mark.parametrize(
    ("states", "finalizers", "has_dependents", "decision"),
    [
        ([THERE], [], False, Keep()),
        ([THERE, THERE], [], False, Keep()),
        ([Owner.UNKNOWN], [], False, Keep()),
        ([GONE], [], False, Collect("Background")),
        ([GONE, GONE], [], True, Collect("Background")),
        ([WAITING], [], False, Collect("Background")),
        ([WAITING], [], True, Collect("Foreground")),
        ([WAITING, GONE], [], True, Collect("Foreground")),
        ([GONE], ["orphan"], True, Collect("Orphan")),
        ([GONE], ["foregroundDeletion"], False, Collect("Foreground")),
    ],
)
def test_an_object_goes_when_no_owner_is_left(states, finalizers, has_dependents, decision):
    assert decide(owned(len(states), *finalizers), states, has_dependents=has_dependents) == decision


@pytest.mark.parametrize("state", [GONE, WAITING])
def test_where_an_owner_stays_the_others_are_dropped(state):
    pod = owned(3)
    decision = decide(pod, [state, THERE, state], has_dependents=True)
    assert decision == Keep((pod.metadata.owner_references[1],))


@pytest.mark.parametrize(
    ("uid", "finalizers", "deleting", "state"),
    [
        ("o0", [], False, Owner.THERE),
        ("another", [], False, Owner.UNKNOWN),
        ("o0", ["foregroundDeletion"], False, Owner.THERE),
        ("o0", ["foregroundDeletion"], True, Owner.WAITING),
        ("o0", ["orphan"], True, Owner.THERE),
    ],
)
def test_what_is_shown_of_an_owner(uid, finalizers, deleting, state):
    owner = owned(0, *finalizers, deleting=deleting)
    owner.metadata.uid = uid
    assert state_of(owner, owned().metadata.owner_references[0]) is state


def test_an_owner_that_is_not_shown_is_not_gone():
    assert state_of(None, owned().metadata.owner_references[0]) is Owner.UNKNOWN


@pytest.mark.parametrize(
    ("kind", "version", "known"),
    [
        ("StatefulSet", "apps/v1", True),
        ("StatefulSet", "v1", False),
        ("Deployment", "apps/v1", False),
        ("Pod", "v1", True),
        ("StatefulSet", "apps/v1beta1", True),
    ],
)
def test_owners_of_kinds_that_are_not_served_cannot_be_asked_for(kind, version, known):
    reference = OwnerReference(kind=kind, api_version=version)
    assert (owner_kind(reference) is not None) is known
    assert is_collectable(a_pod(), reference) is known


def test_what_lives_in_no_namespace_cannot_be_owned_by_what_does():
    reference = OwnerReference(kind="StatefulSet", api_version="apps/v1")
    assert not is_collectable(a_node(), reference)
    assert is_collectable(a_node(), OwnerReference(kind="Node", api_version="v1"))
    assert is_collectable(a_pod(), OwnerReference(kind="Node", api_version="v1"))


def test_only_those_that_say_so_block_their_owner():
    pod = owned(2)
    pod.metadata.owner_references[1].block_owner_deletion = True
    assert not blocks(pod, "o0")
    assert blocks(pod, "o1")


def test_the_graph_follows_references_as_they_change():
    graph, pod, owner = Graph(), owned(2), a_stateful_set()
    graph.change(None, owner)
    graph.change(None, pod)
    node = Node("Pod", "default", "web-0")
    assert (list(graph.dependents("o0")), list(graph.dependents("o1"))) == ([node], [node])
    after = owned(1)
    graph.change(pod, after)
    assert (list(graph.dependents("o0")), list(graph.dependents("o1"))) == ([node], [])
    graph.change(after, None)
    assert list(graph.dependents("o0")) == []
