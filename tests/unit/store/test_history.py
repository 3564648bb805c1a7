from __future__ import annotations

import pytest

from statefleet.api.log.v1.log_pb2 import Change
from statefleet.errors import Expired
from statefleet.store.history import Batch, History
from statefleet.store.state import State
from support.stores import SECOND, apply, led_state, put, remove


class Recorded:
    """A state whose changes go to a history."""

    def __init__(self, **bounds: int) -> None:
        self.state: State = led_state()
        self.history = History(self.state, **bounds)

    def apply(self, *changes: Change, time: float = 0) -> None:
        outcome = apply(self.state, *changes, time=time)
        assert not outcome.refusal
        self.history.record(Batch(outcome.version, int(time * SECOND), outcome.changes))

    def names(self, version: int, namespace: str = "") -> list[str]:
        return [e.key.name for e in self.history.list_at("Pod", namespace, version)]


def test_a_list_shows_the_state_of_each_version() -> None:
    recorded = Recorded()
    recorded.apply(put("b"))
    recorded.apply(put("a"))
    recorded.apply(put("b", 1, labels={"x": "y"}))
    recorded.apply(remove("a", 2))
    assert [recorded.names(version) for version in range(5)] == [[], ["b"], ["a", "b"], ["a", "b"], ["b"]]
    assert [e.version for e in recorded.history.list_at("Pod", "", 2)] == [2, 1]
    assert recorded.names(99) == ["b"]


def test_a_list_of_one_namespace_undoes_only_its_own_changes() -> None:
    recorded = Recorded()
    recorded.apply(put("a", namespace="x"), put("b", namespace="y"))
    recorded.apply(remove("b", 2, namespace="y"), remove("a", 1, namespace="x"))
    assert recorded.names(2, "y") == ["b"]


def test_changes_are_kept_for_the_time_given_and_no_older_version_is_shown() -> None:
    recorded = Recorded(keep_ns=300 * SECOND)
    recorded.apply(put("a"), time=0)
    recorded.apply(put("b"), time=299)
    recorded.apply(put("c"), time=300)
    assert recorded.names(0) == []
    recorded.apply(put("d"), time=301)
    assert recorded.names(1) == ["a"]
    with pytest.raises(Expired, match=r"too old resource version: 0 \(1\)"):
        recorded.names(0)


def test_no_more_changes_are_kept_than_the_number_given() -> None:
    recorded = Recorded(most=10)
    for index in range(25):
        recorded.apply(put(f"p{index}"))
    assert len(recorded.history) == 10
    assert recorded.history.floor == 15
    assert len(recorded.names(15)) == 15


def test_what_followed_a_version_comes_in_whole_batches_but_for_what_was_seen() -> None:
    recorded = Recorded()
    recorded.apply(put("a"), put("b"))
    recorded.apply(put("c"), put("d"))
    assert [[c.version for c in b.changes] for b in recorded.history.since(0)] == [[1, 2], [3, 4]]
    assert [[c.version for c in b.changes] for b in recorded.history.since(1)] == [[2], [3, 4]]
    assert recorded.history.since(4) == []


def test_a_reset_begins_at_the_state_as_it_is() -> None:
    recorded = Recorded()
    recorded.apply(put("a"))
    recorded.history.reset()
    assert recorded.names(1) == ["a"]
    with pytest.raises(Expired):
        recorded.history.since(0)
