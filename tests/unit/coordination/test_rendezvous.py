from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from statefleet.coordination.rendezvous import owned, owner, rank, shard_of

SHARDS = [f"statefulset/{n}" for n in range(256)]
members_of = st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=6)


def test_owners_are_the_same_in_every_release() -> None:
    members = ["worker-a", "worker-b", "worker-c"]
    assert [owner(f"statefulset/{n}", members) for n in range(6)] == GOLDEN_OWNERS
    assert [shard_of(f"default/web-{n}", 16) for n in range(6)] == GOLDEN_SHARDS


def test_shards_are_spread_evenly() -> None:
    members = [f"worker-{n}" for n in range(8)]
    counts = Counter(owner(shard, members) for shard in [f"s/{n}" for n in range(8000)])
    assert set(counts) == set(members)
    assert max(counts.values()) < 1.15 * 1000
    assert min(counts.values()) > 0.85 * 1000


@given(members_of, st.text(min_size=1, max_size=8))
def test_one_who_comes_takes_shards_and_no_others_move(members: set[str], newcomer: str) -> None:
    for shard in SHARDS[:20]:
        before, after = owner(shard, members), owner(shard, members | {newcomer})
        assert after in (before, newcomer)


@given(members_of)
def test_every_shard_has_one_owner_however_the_members_are_ordered(members: set[str]) -> None:
    shares = [owned(member, SHARDS, sorted(members)) for member in members]
    assert sorted(shard for share in shares for shard in share) == sorted(SHARDS)
    assert all(owner(shard, sorted(members, reverse=True)) == owner(shard, sorted(members)) for shard in SHARDS[:40])
    assert all(rank(shard, members)[0] == owner(shard, members) for shard in SHARDS[:40])


def test_nobody_owns_where_there_is_nobody() -> None:
    assert owner("s", []) is None
    assert owned("a", SHARDS, ["b"]) == []


@given(st.text(), st.integers(1, 1000))
def test_a_shard_is_within_range(key: str, shards: int) -> None:
    assert 0 <= shard_of(key, shards) < shards


GOLDEN_OWNERS = ["worker-c", "worker-c", "worker-b", "worker-a", "worker-b", "worker-c"]
GOLDEN_SHARDS = [2, 15, 10, 15, 5, 1]
