from __future__ import annotations

import asyncio
from typing import Any

import pytest

from statefleet.errors import Expired, Unavailable
from statefleet.store.entries import Changed, Entry
from statefleet.store.history import Batch, History
from statefleet.store.watch import Delivery, Hub
from support.stores import apply, led_state, put, remove, settle


def node_of(entry: Entry) -> str:
    return str(entry.message.spec.node_name)


def everything(changed: Changed) -> Changed:
    return changed


class Published:
    """A state whose changes go to a history and a hub."""

    def __init__(self) -> None:
        self.state = led_state()
        self.history = History(self.state)
        self.hub = Hub(self.state, self.history, {"Pod": node_of})

    def apply(self, *changes: Any) -> None:
        outcome = apply(self.state, *changes)
        assert not outcome.refusal
        batch = Batch(outcome.version, 0, outcome.changes)
        self.history.record(batch)
        self.hub.publish(batch)


@pytest.fixture
def published() -> Published:
    return Published()


def versions(delivery: Delivery[Changed] | None) -> list[int]:
    assert delivery is not None
    return [changed.version for changed in delivery.events]


async def test_a_watcher_gets_what_changes_after_it_came(published: Published) -> None:
    published.apply(put("a"))
    watcher = published.hub.subscribe(["Pod"], 1, everything)
    pending = asyncio.ensure_future(anext(watcher))
    await settle(2)
    assert not pending.done()
    published.apply(put("b"))
    delivery = await pending
    assert (delivery.version, versions(delivery), delivery.initial) == (2, [2], False)
    watcher.close()


async def test_a_watcher_resumes_from_a_version(published: Published) -> None:
    for name in "abc":
        published.apply(put(name))
    watcher = published.hub.subscribe(["Pod"], 1, everything)
    published.apply(put("d"))
    assert versions(watcher.take()) == [2, 3]
    assert versions(watcher.take()) == [4]
    assert watcher.take() is None


async def test_the_first_delivery_holds_what_there_is_and_comes_even_when_empty(published: Published) -> None:
    empty = published.hub.subscribe(["Pod"], None, everything)
    published.apply(put("b"), put("a"))
    watcher = published.hub.subscribe(["Pod"], None, everything)
    published.apply(put("c"))
    assert empty.take() == Delivery(0, [], initial=True)
    first = watcher.take()
    assert first is not None
    assert first.initial
    assert first.version == 2
    assert [(c.key.name, c.before) for c in first.events] == [("a", None), ("b", None)]
    assert versions(watcher.take()) == [3]


async def test_the_changes_of_a_transaction_come_together(published: Published) -> None:
    watcher = published.hub.subscribe(["Pod"], 0, everything)
    published.apply(put("a"), put("b"), put("c"))
    assert versions(watcher.take()) == [1, 2, 3]


async def test_only_what_is_wanted_is_delivered_but_progress_covers_all(published: Published) -> None:
    watcher = published.hub.subscribe(["Pod"], 0, lambda c: c.key.name if c.key.name == "a" else None)
    others = published.hub.subscribe(["Node"], 0, everything)
    published.apply(put("b"))
    assert watcher.take() is None
    assert watcher.progress == others.progress == 1
    published.apply(put("a"))
    assert watcher.progress == 0
    assert watcher.take() == Delivery(2, ["a"])
    published.apply(put("c"))
    published.hub.note_progress()
    assert watcher.take() == Delivery(3, [])
    assert others.take() == Delivery(3, [])


async def test_a_place_gets_what_is_there_comes_there_and_leaves(published: Published) -> None:
    asked: list[int] = []

    def want(changed: Changed) -> int:
        asked.append(changed.version)
        return changed.version

    watcher = published.hub.subscribe(["Pod"], 0, want, place="n1")
    published.apply(put("a"))
    published.apply(put("a", 1, node="n1"))
    published.apply(put("b", node="n2"))
    published.apply(put("a", 2, node="n2"))
    published.apply(remove("a", 4))
    assert asked == [2, 4]
    assert watcher.take() == Delivery(4, [2, 4])


async def test_a_watcher_that_falls_behind_expires_and_the_others_do_not(published: Published) -> None:
    slow = published.hub.subscribe(["Pod"], 0, everything, capacity=3)
    quick = published.hub.subscribe(["Pod"], 0, everything, capacity=3)
    for index in range(6):
        published.apply(put(f"p{index}"))
        assert versions(quick.take()) == [index + 1]
    with pytest.raises(Expired, match="fell behind"):
        await anext(slow)
    assert len(published.hub) == 1


async def test_one_transaction_larger_than_the_capacity_is_still_delivered(published: Published) -> None:
    watcher = published.hub.subscribe(["Pod"], 0, everything, capacity=2)
    published.apply(*(put(f"p{index}") for index in range(5)))
    assert versions(watcher.take()) == [1, 2, 3, 4, 5]


async def test_a_version_that_is_forgotten_cannot_be_resumed(published: Published) -> None:
    published.apply(put("a"))
    published.history.reset()
    with pytest.raises(Expired):
        published.hub.subscribe(["Pod"], 0, everything)
    assert len(published.hub) == 0


async def test_a_watcher_that_waits_is_told_of_the_end(published: Published) -> None:
    watcher = published.hub.subscribe(["Pod"], 0, everything)
    pending = asyncio.ensure_future(anext(watcher))
    await settle(2)
    published.hub.end_all(Unavailable("the store has stopped"))
    with pytest.raises(Unavailable):
        await pending


async def test_a_closed_watcher_leaves_nothing_behind(published: Published) -> None:
    with published.hub.subscribe(["Pod", "Node"], 0, everything, place="n1") as watcher:
        watcher.close()
    published.apply(put("a", node="n1"))
    assert len(published.hub) == 0
    with pytest.raises(Unavailable):
        watcher.take()
