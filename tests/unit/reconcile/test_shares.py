from __future__ import annotations

from collections.abc import AsyncGenerator

from statefleet.coordination.local import LocalCoordination
from statefleet.errors import Unavailable
from statefleet.reconcile.shares import Shares
from statefleet.runtime.tasks import Tasks
from support.stores import ManualClock, settle

SHARDS = [f"controller/{number}" for number in range(32)]


def owned(*shares: Shares) -> list[int]:
    """How many shards each has, every shard having exactly one owner."""
    owners = [[each for each in shares if each.owns(shard)] for shard in SHARDS]
    assert all(len(found) == 1 for found in owners)
    return [sum(found[0] is each for found in owners) for each in shares]


async def test_alone_one_owns_everything_and_before_that_nothing() -> None:
    shares = Shares(LocalCoordination(), "a", ManualClock())
    assert not any(map(shares.owns, SHARDS))
    async with Tasks("test") as tasks:
        tasks.spawn(shares.follow(lambda: None), "shares")
        await settle()
        assert owned(shares) == [32]
    assert not any(map(shares.owns, SHARDS))


async def test_workers_share_and_take_over_from_one_that_ends() -> None:
    coordination, clock = LocalCoordination(), ManualClock()
    first, second = Shares(coordination, "a", clock), Shares(coordination, "b", clock)
    told: list[str] = []
    async with Tasks("test") as tasks:
        tasks.spawn(first.follow(lambda: told.append("a")), "first")
        ending = tasks.spawn(second.follow(lambda: told.append("b")), "second")
        await settle()
        assert min(owned(first, second)) > 0
        assert set(told) == {"a", "b"}
        told.clear()
        ending.cancel()
        await settle()
        assert owned(first) == [32]
        assert told == ["a"]


class Away(LocalCoordination):
    """Coordination that cannot be reached at first."""

    failures = 1

    def members(self, role: str) -> AsyncGenerator[tuple[str, ...], None]:
        if self.failures:
            self.failures -= 1
            raise Unavailable("no coordinator answers")
        return super().members(role)


async def test_it_tries_again_where_the_workers_cannot_be_known() -> None:
    clock = ManualClock()
    shares = Shares(Away(), "a", clock)
    async with Tasks("test") as tasks:
        tasks.spawn(shares.follow(lambda: None), "shares")
        await settle()
        assert not shares.owns(SHARDS[0])
        await clock.advance(2)
        assert owned(shares) == [32]
