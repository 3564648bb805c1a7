"""Objects of one kind, found in several ways."""

from __future__ import annotations

from statefleet.objects.kinds import POD
from statefleet.reconcile.keys import Key, shard_of
from statefleet.reconcile.shelf import Shelf
from support.fleet_objects import pod


def test_an_object_is_found_by_key_namespace_controller_and_node() -> None:
    shelf = Shelf(POD)
    mine = pod("web-0", owner="set-1", node="n1")
    shelf.put(mine)
    shelf.put(pod("stray", namespace="other"))
    assert shelf.objects[Key("default", "web-0")] is mine
    assert shelf.of_namespace("default") == shelf.of_controller("set-1") == shelf.of_node("n1") == [mine]
    assert [one.metadata.name for one in shelf.of_controller("")] == ["stray"]
    assert [one.metadata.name for one in shelf.of_node("")] == ["stray"]


def test_a_change_moves_an_object_in_every_index() -> None:
    shelf = Shelf(POD)
    first, second = pod("web-0", owner="a", node=""), pod("web-0", owner="b", node="n1")
    assert shelf.put(first) is None
    assert shelf.put(second) is first
    assert shelf.of_controller("a") == shelf.of_node("") == []
    assert shelf.of_controller("b") == shelf.of_node("n1") == [second]


def test_what_is_taken_is_nowhere() -> None:
    shelf = Shelf(POD)
    shelf.put(pod("web-0", owner="a", node="n1"))
    assert shelf.take(Key("default", "web-0")) is not None
    assert shelf.take(Key("default", "web-0")) is None
    assert shelf.of_controller("a") == shelf.of_node("n1") == shelf.of_namespace("default") == []


def test_a_key_keeps_its_shard_for_ever() -> None:
    # The numbers are stored in claims: another hash would have two workers write for one key.
    assert [shard_of(Key("default", f"web-{n}"), 8) for n in range(6)] == [1, 7, 5, 3, 0, 6]
    assert shard_of(Key("default", "web"), 1) == 0
