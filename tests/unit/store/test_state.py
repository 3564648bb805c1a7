from __future__ import annotations

import pytest

from statefleet.api.log.v1.log_pb2 import Change, FeatureLevel, Record, ShardClaim
from statefleet.api.object.v1.object_pb2 import Object, ObjectKey
from statefleet.store.state import FEATURE_LEVEL, Key, LevelTooNewError, Refusal, State
from support.stores import apply, epoch_claim, image_bytes, led_state, pod_key, put, record, remove, transaction


def test_a_created_object_carries_its_version() -> None:
    state = led_state()
    outcome = apply(state, put("a"))
    entry = state.get(pod_key("a"))
    assert outcome.version == state.version == 1
    assert entry is not None
    assert entry.message.metadata.resource_version == "1"
    assert entry.message.metadata.name == "a"
    assert outcome.changes[0].before is None
    assert outcome.changes[0].after is entry


def test_a_record_that_changes_three_objects_uses_three_versions() -> None:
    state = led_state()
    outcome = apply(state, put("a"), put("b"), put("c"))
    assert [changed.version for changed in outcome.changes] == [1, 2, 3]
    assert state.version == 3


def test_a_deletion_raises_the_version_and_its_last_form_carries_it() -> None:
    state = led_state()
    apply(state, put("a", labels={"app": "web"}))
    changed = apply(state, remove("a", 1)).changes[0]
    assert state.get(pod_key("a")) is None
    assert (changed.version, changed.after) == (2, None)
    assert changed.last.message.metadata.resource_version == "2"
    assert changed.last.message.metadata.labels["app"] == "web"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (put("a"), Refusal.ALREADY_EXISTS),
        (put("a", 7), Refusal.CONFLICT),
        (remove("a", 7), Refusal.CONFLICT),
        (put("absent", 1), Refusal.NOT_FOUND),
        (remove("absent", 1), Refusal.NOT_FOUND),
        (remove("absent", 0), Refusal.NOT_FOUND),
    ],
)
def test_a_precondition_that_does_not_hold_is_refused(change: Change, refusal: Refusal) -> None:
    state = led_state()
    apply(state, put("a"))
    outcome = apply(state, change)
    assert outcome.refusal == refusal
    assert outcome.subject == f"Pod/default/{change.key.name}"
    assert (outcome.changes, state.version, len(state)) == ((), 1, 1)


def test_a_transaction_takes_effect_whole_or_not_at_all() -> None:
    state = led_state()
    apply(state, put("a"))
    before = state.image()
    assert apply(state, put("b"), remove("a", 1), put("c", 9)).refusal == Refusal.NOT_FOUND
    assert image_bytes(state.image()) == image_bytes(before)


def test_later_changes_of_a_transaction_see_the_earlier_ones() -> None:
    state = led_state()
    apply(state, put("a"))
    assert apply(state, remove("a", 1), put("a", labels={"new": "yes"})).refusal == ""
    entry = state.get(pod_key("a"))
    assert entry is not None
    assert entry.version == 3
    assert apply(state, put("b"), put("b")).refusal == Refusal.ALREADY_EXISTS


def test_a_slot_bounds_creates_and_is_freed_by_deletes() -> None:
    state = led_state()
    assert apply(state, put("a", slot="set/node")).refusal == ""
    assert apply(state, put("b", slot="set/node")) == (1, Refusal.SLOT_TAKEN, "set/node", (), False, 0)
    assert apply(state, put("b", slot="set/node", limit=2)).refusal == ""
    assert dict(state.slots) == {"set/node": 2}
    assert apply(state, put("a", 1)).refusal == "", "an update keeps the slot it holds"
    apply(state, remove("a", 3))
    apply(state, remove("b", 2))
    assert dict(state.slots) == {}


def test_a_slot_counts_within_one_transaction() -> None:
    state = led_state()
    assert apply(state, put("a", slot="s"), put("b", slot="s")).refusal == Refusal.SLOT_TAKEN
    apply(state, put("a", slot="s"))
    assert apply(state, remove("a", 1), put("b", slot="s")).refusal == ""
    assert dict(state.slots) == {"s": 1}


def test_a_claim_fences_older_claims_and_unknown_shards() -> None:
    state = led_state()
    first = state.apply(record(ShardClaim(shard="sts/1", holder="w1")))
    second = state.apply(record(ShardClaim(shard="sts/1", holder="w2")))
    assert (first.epoch, second.epoch) == (1, 2)
    assert state.claims["sts/1"] == (2, "w2")
    for fence in (("sts/1", 1), ("sts/1", 3), ("sts/2", 1)):
        outcome = state.apply(record(transaction(put("a"), fence=fence)))
        assert (outcome.refusal, outcome.subject) == (Refusal.FENCED, fence[0])
    assert state.apply(record(transaction(put("a"), fence=("sts/1", 2)))).refusal == ""


def test_a_mark_set_after_the_version_observed_refuses() -> None:
    state = led_state()
    apply(state, put("other"))
    assert state.apply(record(transaction(put("a"), checks={"node/n1": 1}, marks=["node/n1"]))).refusal == ""
    assert state.mark("node/n1") == 2
    stale = state.apply(record(transaction(put("b"), checks={"node/n1": 1})))
    assert (stale.refusal, stale.subject) == (Refusal.MARK_MOVED, "node/n1")
    assert state.apply(record(transaction(put("b"), checks={"node/n1": 2, "node/n2": 0}))).refusal == ""


def test_old_marks_are_forgotten_and_checks_that_old_are_refused() -> None:
    state = led_state()
    state.apply(record(transaction(put("a"), marks=["node/n1"]), time=0))
    apply(state, put("b"), time=100)
    apply(state, put("c"), time=1000)
    assert state.mark("node/n1") == 0
    assert state.apply(record(transaction(put("d"), checks={"node/n2": 0}), time=1000)).refusal == Refusal.MARK_MOVED
    assert state.apply(record(transaction(put("d"), checks={"node/n2": 3}), time=1000)).refusal == ""


def test_a_mark_is_remembered_for_five_minutes() -> None:
    state = led_state()
    for second in range(0, 290, 10):
        apply(state, put(f"p{second}"), time=second)
    state.apply(record(transaction(marks=["m"]), time=290))
    set_at = state.mark("m")
    for second in range(300, 590, 10):
        apply(state, put(f"p{second}"), time=second)
    assert state.mark("m") == set_at


def test_a_mark_set_again_outlives_the_others_of_its_first_time() -> None:
    state = led_state()
    state.apply(record(transaction(put("a"), marks=["m1", "m2"]), time=0))
    state.apply(record(transaction(put("b"), marks=["m1"]), time=200))
    apply(state, put("c"), time=501)
    assert (state.mark("m1"), state.mark("m2")) == (2, 0)


def test_a_record_of_another_epoch_is_no_operation_at_all() -> None:
    state = led_state()
    apply(state, put("a"), request_id="r")
    state.apply(epoch_claim(5, time=10))
    before = image_bytes(state.image())
    for stale in (
        record(transaction(put("b"), marks=["m"]), epoch=4, time=9000, request_id="r2"),
        record(transaction(put("a"), marks=["m"]), epoch=1, time=9000, request_id="r"),
        record(ShardClaim(shard="s", holder="w"), epoch=4),
        record(transaction(put("b")), epoch=6),
        Record(epoch=1, feature_level=FeatureLevel(level=FEATURE_LEVEL + 1)),
        epoch_claim(5, time=9000, gap=100),
        epoch_claim(3),
    ):
        outcome = state.apply(stale)
        assert (outcome.refusal, outcome.version) == (Refusal.STALE_EPOCH, 1)
        assert image_bytes(state.image()) == before


def test_an_epoch_may_raise_the_version() -> None:
    state = led_state()
    apply(state, put("a"))
    assert state.apply(epoch_claim(2, gap=1 << 20)).version == 1 + (1 << 20)


def test_a_repeated_request_gets_its_first_outcome() -> None:
    state = led_state()
    first = apply(state, put("a"), request_id="r1")
    refused = apply(state, put("a"), request_id="r2")
    apply(state, remove("a", 1), request_id="r3")
    again = apply(state, put("a"), request_id="r1")
    assert (again.version, again.refusal, again.changes, again.repeated) == (first.version, "", (), True)
    refused_again = apply(state, put("a"), request_id="r2")
    assert (refused_again.refusal, refused_again.subject) == (refused.refusal, refused.subject)
    assert state.get(pod_key("a")) is None
    assert state.remembered("r1") == again
    assert state.remembered("r9") is None


def test_requests_are_forgotten_after_ten_minutes_of_record_time() -> None:
    state = led_state()
    apply(state, put("a"), request_id="r1", time=100)
    apply(state, put("b"), time=700)
    assert state.remembered("r1") is not None
    apply(state, put("c"), time=701)
    assert state.remembered("r1") is None


def test_no_more_requests_are_remembered_than_memory_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statefleet.store.state.REQUESTS_REMEMBERED", 2)
    state = led_state()
    for number in range(3):
        apply(state, put(f"p{number}"), request_id=f"r{number}")
    assert [state.remembered(f"r{number}") is not None for number in range(3)] == [False, True, True]


def test_a_clock_that_was_far_ahead_does_not_stop_forgetting() -> None:
    state = led_state()
    apply(state, put("a"), request_id="r1", time=10_000_000)
    apply(state, put("b"), request_id="r2", time=100)
    assert state.remembered("r1") is None
    assert state.remembered("r2") is not None


def test_what_is_not_known_has_no_effect() -> None:
    state = led_state()
    assert state.apply(Record(epoch=1)).refusal == Refusal.UNSUPPORTED
    odd = Change(key=ObjectKey(kind="Gadget", name="g"), object=b"\x0a\x00")
    assert apply(state, odd).refusal == Refusal.UNSUPPORTED
    assert state.version == 0


def test_a_level_beyond_this_release_is_refused_loudly_and_changes_nothing() -> None:
    state = led_state()
    with pytest.raises(LevelTooNewError, match="newer release"):
        state.apply(Record(epoch=1, feature_level=FeatureLevel(level=FEATURE_LEVEL + 1)))
    assert state.feature_level == 0


def test_lists_are_ordered_by_namespace_and_name() -> None:
    state = led_state()
    apply(
        state, put("b", namespace="y"), put("a", namespace="y"), put("c", namespace="x"), put("web-10"), put("web-2")
    )
    assert [(e.key.namespace, e.key.name) for e in state.list("Pod")] == [
        ("default", "web-10"), ("default", "web-2"), ("x", "c"), ("y", "a"), ("y", "b"),
    ]  # fmt: skip
    assert [e.key.name for e in state.list("Pod", "y")] == ["a", "b"]
    assert state.list("Pod", "z") == state.list("Node") == []


def test_a_kind_is_unchanged_while_others_change() -> None:
    state = led_state()
    apply(state, put("a"), put("b"))
    node = Object()
    node.node.metadata.name = "n1"
    apply(state, Change(key=ObjectKey(kind="Node", name="n1"), object=node.SerializeToString()))
    assert (state.changed("Pod"), state.changed("Node"), state.version) == (2, 3, 3)
    apply(state, remove("b", 2))
    assert (state.changed("Pod"), state.version) == (4, 4)


def test_all_kinds_count_as_changed_where_versions_may_be_lost() -> None:
    state = led_state()
    apply(state, put("a"))
    state.apply(epoch_claim(2, gap=100))
    assert state.changed("Pod") == state.changed("Node") == state.version == 101
    loaded = State()
    loaded.load(state.image())
    assert loaded.changed("Pod") == 101


def test_an_object_without_a_namespace_is_listed() -> None:
    state = led_state()
    node = Object()
    node.node.metadata.name = "n1"
    apply(state, Change(key=ObjectKey(kind="Node", name="n1"), object=node.SerializeToString()))
    assert [entry.key for entry in state.list("Node")] == [Key("Node", "", "n1")]


def test_an_image_is_not_touched_by_later_records_and_gives_the_state_again() -> None:
    state = led_state()
    state.apply(record(transaction(put("a", slot="s"), marks=["m"]), request_id="r", time=5))
    state.apply(record(ShardClaim(shard="sh", holder="w")))
    image = state.image()
    frozen = image_bytes(image)
    apply(state, remove("a", 1))
    state.apply(record(ShardClaim(shard="sh", holder="w2"), time=2000))
    assert image_bytes(image) == frozen
    again = State()
    again.load(image)
    assert image_bytes(again.image()) == frozen
    assert dict(again.slots) == {"s": 1}
    assert again.get(pod_key("a")) is not None
