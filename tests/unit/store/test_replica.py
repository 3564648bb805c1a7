from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from statefleet.api.log.v1.log_pb2 import FeatureLevel, Record
from statefleet.coordination.local import LocalCoordination
from statefleet.errors import AlreadyExists, Conflict, Expired, Fenced, NotFound, NotLeader, Timeout, Unavailable
from statefleet.runtime.rand import SystemRand
from statefleet.store.keeper import SnapshotSettings
from statefleet.store.log import Appended
from statefleet.store.memory_log import MemoryLog
from statefleet.store.prometheus import PrometheusStoreMetrics, StoreFamilies
from statefleet.store.replica import VERSION_GAP, Replica, ReplicaSettings
from statefleet.store.snapshot import Snapshots
from statefleet.store.sqlite_file import SqliteFile
from statefleet.store.sqlite_log import SqliteLog
from statefleet.store.state import LevelTooNewError
from support.stores import ManualClock, epoch_claim, image_bytes, pod_key, put, settle, transaction


class Fleet:
    """Replicas of one store that share a log, a coordinator and a clock."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.clock = ManualClock()
        self.coordination = LocalCoordination()
        self.log: MemoryLog = MemoryLog()
        self.snapshots = MemoryLog()
        snapshots = SnapshotSettings(records=5, seconds=60, pause_seconds=10)
        self.settings = ReplicaSettings(snapshots=snapshots, raise_level_to=0)

    def replica(self, member: str = "a", **options: object) -> Replica:
        arguments: dict[str, object] = {"member": member, "settings": self.settings} | options
        log, rand = self.log, SystemRand(1)
        return Replica("store", log, self.snapshots, self.coordination, self.clock, rand, **arguments)  # type: ignore[arg-type]

    async def start(self, member: str = "a", **options: object) -> Replica:
        replica = await self._stack.enter_async_context(self.replica(member, **options))
        await settle()
        return replica


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    async with AsyncExitStack() as stack:
        yield Fleet(stack)


async def test_the_leader_answers_when_it_has_applied(fleet: Fleet) -> None:
    replica = await fleet.start()
    assert replica.is_leader
    outcome = await replica.propose(transaction(put("a")))
    assert outcome.version == replica.state.version == 1
    assert replica.state.get(pod_key("a")) is not None


async def test_a_follower_follows_and_does_not_write(fleet: Fleet) -> None:
    leader, follower = await fleet.start("a"), await fleet.start("b")
    await leader.propose(transaction(put("a")))
    await follower.read_barrier()
    assert image_bytes(follower.state.image()) == image_bytes(leader.state.image())
    assert not follower.is_leader
    with pytest.raises(NotLeader):
        await follower.propose(transaction(put("b")))
    with pytest.raises(NotLeader):
        await follower.claim_shard("s", "w")


async def test_refusals_are_raised_in_kubernetes_words(fleet: Fleet) -> None:
    replica = await fleet.start()
    await replica.propose(transaction(put("a", slot="s")))
    with pytest.raises(AlreadyExists, match=r'^pods "a" already exists$'):
        await replica.propose(transaction(put("a")))
    with pytest.raises(NotFound, match=r'^pods "b" not found$'):
        await replica.propose(transaction(put("b", 4)))
    with pytest.raises(Conflict, match=r'^Operation cannot be fulfilled on pods "a": the object has been modified'):
        await replica.propose(transaction(put("a", 4)))
    with pytest.raises(Conflict, match="slot s is taken"):
        await replica.propose(transaction(put("b", slot="s")))
    await replica.propose(transaction(marks=["m"]))
    with pytest.raises(Conflict, match="m has changed"):
        await replica.propose(transaction(put("c"), checks={"m": 0}))
    with pytest.raises(Fenced, match="shard x"):
        await replica.propose(transaction(put("b"), fence=("x", 1)))
    assert (await replica.decide(transaction(put("a")))).refusal == "AlreadyExists"


async def test_a_shard_is_claimed_with_the_version_to_plan_from(fleet: Fleet) -> None:
    replica = await fleet.start()
    await replica.propose(transaction(put("a")))
    assert await replica.claim_shard("s", "w1") == (1, 1)
    assert await replica.claim_shard("s", "w2") == (2, 1)
    await replica.propose(transaction(put("b"), fence=("s", 2)))


async def test_a_repeated_request_is_answered_alike_and_attempts_are_told_apart(fleet: Fleet) -> None:
    replica = await fleet.start()
    first = await replica.propose(transaction(put("a")), request_id="r")
    assert await replica.propose(transaction(put("a")), request_id="r") == first._replace(changes=(), repeated=True)
    second = await replica.propose(transaction(put("b")), request_id="r", attempt=1)
    assert (second.version, second.repeated) == (2, False)


async def test_many_proposals_in_flight_each_get_their_own_outcome(fleet: Fleet) -> None:
    replica = await fleet.start()
    outcomes = await asyncio.gather(*(replica.propose(transaction(put(f"p{n}"))) for n in range(50)))
    assert [outcome.changes[0].key.name for outcome in outcomes] == [f"p{n}" for n in range(50)]
    assert sorted(outcome.version for outcome in outcomes) == list(range(1, 51))


async def test_when_the_leadership_is_lost_the_next_leads_and_the_old_one_is_refused(fleet: Fleet) -> None:
    old, new = await fleet.start("a"), await fleet.start("b")
    await old.propose(transaction(put("a")))
    fleet.coordination.revoke("store")
    assert not old.is_leader, "at once, before it has run"
    await settle()
    assert new.is_leader
    assert await fleet.coordination.leader("store") == "b"
    await new.propose(transaction(put("b")))
    with pytest.raises(NotLeader):
        await old.propose(transaction(put("c")))


async def test_a_leader_that_was_overtaken_without_knowing_is_refused_by_the_log(fleet: Fleet) -> None:
    old = await fleet.start("a")
    late = asyncio.ensure_future(old.propose(transaction(put("late"))))
    await fleet.log.append(epoch_claim(old.state.epoch + 7).SerializeToString())
    with pytest.raises(NotLeader):
        await late
    assert not old.is_leader, "at once, before it has let go of the leadership"
    assert old.state.get(pod_key("late")) is None
    await settle()
    assert old.is_leader, "it campaigned again and claimed a greater epoch"
    assert old.state.epoch == 9


async def test_a_claim_that_loses_the_race_claims_again(fleet: Fleet) -> None:
    await fleet.log.append(epoch_claim(40).SerializeToString())
    replica = fleet.replica()
    async with replica:
        await fleet.log.append(epoch_claim(41).SerializeToString())
        await settle()
        assert replica.is_leader
        assert replica.state.epoch == 42


async def test_a_linearizable_read_waits_for_the_end_of_the_log(fleet: Fleet) -> None:
    leader, reader = await fleet.start("a"), await fleet.start("b")
    writing = leader.propose(transaction(put("a")))
    await writing
    await reader.read_barrier()
    assert reader.state.get(pod_key("a")) is not None


class SlowEnd(MemoryLog):
    """A log whose end is answered only when told, with what it was when asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.answers: asyncio.Queue[None] | None = None

    async def end(self) -> int:
        self.asked += 1
        end = await super().end()
        if self.answers is not None:
            await self.answers.get()
        return end


async def test_reads_that_come_together_share_an_answer_asked_after_they_came(fleet: Fleet) -> None:
    fleet.log = log = SlowEnd()
    replica = await fleet.start()
    answers: asyncio.Queue[None] = asyncio.Queue()
    log.answers = answers
    log.asked = 0
    first = asyncio.ensure_future(replica.read_barrier())
    await settle()
    later = [asyncio.ensure_future(replica.read_barrier()) for _ in range(20)]
    await settle()
    assert log.asked == 1
    answers.put_nowait(None)
    await first
    await settle()
    assert not any(read.done() for read in later), "what was asked before they came does not count"
    answers.put_nowait(None)
    await asyncio.gather(*later)
    assert log.asked == 2


async def test_reads_end_in_time_where_the_log_does_not_answer(fleet: Fleet) -> None:
    fleet.log = log = SlowEnd()
    fleet.settings = replace(fleet.settings, read_seconds=0.05)
    replica = await fleet.start()
    log.answers = asyncio.Queue()
    log.asked = 0
    reads = [asyncio.ensure_future(replica.read_barrier())]
    await settle()
    reads += [asyncio.ensure_future(replica.read_barrier()) for _ in range(20)]
    async with asyncio.timeout(1):
        outcomes = await asyncio.gather(*reads, return_exceptions=True)
    assert log.asked == 1
    for outcome in outcomes:
        assert isinstance(outcome, Unavailable)
        assert outcome.subject is not None
        assert outcome.subject.retry_after_seconds == 1


async def test_a_version_ahead_is_waited_for_and_then_too_large(fleet: Fleet) -> None:
    replica = await fleet.start()
    waiting = asyncio.ensure_future(replica.wait_for(2))
    await replica.propose(transaction(put("a")))
    assert not waiting.done()
    await replica.propose(transaction(put("b")))
    await waiting
    with pytest.raises(Timeout, match=r"^Timeout: Too large resource version: 9, current: 2$") as caught:
        await replica.wait_for(9, timeout=0.01)
    assert caught.value.subject is not None
    assert caught.value.subject.causes[0].reason == "ResourceVersionTooLarge"
    assert caught.value.subject.retry_after_seconds == 1


async def test_a_restart_finds_the_same_state_history_and_memory(fleet: Fleet) -> None:
    async with fleet.replica() as replica:
        await settle()
        for n in range(8):
            await replica.propose(transaction(put(f"p{n}"), marks=[f"m{n}"]), request_id=f"r{n}")
        await replica.snapshot()
        await replica.propose(transaction(put("last")))
        before = image_bytes(replica.state.image())
    again = fleet.replica()
    async with again:
        assert image_bytes(again.state.image()) == before
        assert len(again.history.list_at("Pod", "", 3)) == 3
        await settle()
        assert (await again.propose(transaction(put("p1")), request_id="r1")).repeated


async def test_snapshots_are_written_when_due_and_the_log_is_trimmed(fleet: Fleet) -> None:
    replica = await fleet.start()
    for round_number in range(20):
        await replica.propose(transaction(put(f"p{round_number}")))
        await fleet.clock.advance(61)
    assert await fleet.log.start() > 0
    assert await fleet.snapshots.start() > 0
    again = await fleet.start("b")
    assert image_bytes(again.state.image()) == image_bytes(replica.state.image())
    assert again.history.floor < replica.state.version - 3, "the history window survives"


async def test_only_the_leader_writes_snapshots(fleet: Fleet) -> None:
    leader, _ = await fleet.start("a"), await fleet.start("b")
    for n in range(6):
        await leader.propose(transaction(put(f"p{n}")))
    await fleet.clock.advance(11)
    written = await Snapshots(fleet.snapshots).complete()
    assert [snapshot.next_offset for snapshot in written] == [7], "one claim and six pods, once"


async def test_a_reader_below_the_start_of_the_log_reloads_a_snapshot(fleet: Fleet) -> None:
    leader = await fleet.start("a")
    fleet.log = Lagging(fleet.log)  # type: ignore[assignment]
    follower = await fleet.start("b")
    watcher = follower.hub.subscribe(["Pod"], follower.state.version, lambda changed: changed)
    assert isinstance(fleet.log, Lagging)
    fleet.log.hold.clear()
    for n in range(4):
        await leader.propose(transaction(put(f"p{n}")))
    await leader.snapshot()
    await fleet.clock.advance(1000)
    await leader.propose(transaction(put("last")))
    await leader.snapshot()
    fleet.log.hold.set()
    await settle()
    with pytest.raises(Expired):
        watcher.take()
    await follower.read_barrier()
    assert image_bytes(follower.state.image()) == image_bytes(leader.state.image())


async def test_a_log_that_is_away_for_a_while_delays_a_snapshot_and_nothing_else(fleet: Fleet) -> None:
    fleet.snapshots = snapshots = Away()
    replica = await fleet.start()
    for n in range(6):
        await replica.propose(transaction(put(f"p{n}")))
    snapshots.away = True
    await fleet.clock.advance(11)
    assert replica.is_leader
    snapshots.away = False
    await fleet.clock.advance(11)
    assert [snapshot.next_offset for snapshot in await Snapshots(snapshots).complete()] == [7]


async def missing_a_snapshot(fleet: Fleet) -> tuple[Replica, Replica, Away]:
    """Return a leader, a follower that has to load a snapshot, and the log of snapshots, which is away."""
    fleet.snapshots = snapshots = Away()
    leader = await fleet.start("a")
    fleet.log = lagging = Lagging(fleet.log)  # type: ignore[assignment]
    follower = await fleet.start("b")
    lagging.hold.clear()
    for n in range(4):
        await leader.propose(transaction(put(f"p{n}")))
    await leader.snapshot()
    await fleet.clock.advance(1000)
    await leader.propose(transaction(put("last")))
    await leader.snapshot()
    snapshots.away = True
    lagging.hold.set()
    await settle()
    return leader, follower, snapshots


async def test_a_snapshot_that_cannot_be_read_for_a_while_is_loaded_later(fleet: Fleet) -> None:
    leader, follower, snapshots = await missing_a_snapshot(fleet)
    assert len(follower.state) == 0
    snapshots.away = False
    await fleet.clock.advance(2)
    await follower.read_barrier()
    assert image_bytes(follower.state.image()) == image_bytes(leader.state.image())


async def test_who_begins_to_watch_while_a_snapshot_is_loaded_is_told_to_begin_anew(fleet: Fleet) -> None:
    _, follower, snapshots = await missing_a_snapshot(fleet)
    watcher = follower.hub.subscribe(["Pod"], follower.state.version, lambda changed: changed)
    snapshots.away = False
    await fleet.clock.advance(2)
    await follower.read_barrier()
    with pytest.raises(Expired):
        watcher.take()


class Away(MemoryLog):
    """A log that can be away."""

    away = False

    async def append(self, payload: bytes) -> int:
        self._check()
        return await super().append(payload)

    async def start(self) -> int:
        self._check()
        return await super().start()

    def _check(self) -> None:
        if self.away:
            raise Unavailable("the log is away")


class Lagging:
    """A log as a reader sees it that was paused: it reads on only while `hold` is set."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.hold = asyncio.Event()
        self.hold.set()

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    async def read(self, offset: int) -> AsyncGenerator[Sequence[Appended], None]:
        while True:
            await self.hold.wait()
            if offset < await self._log.end():
                batch = await anext(self._log.read(offset))
                if self.hold.is_set():
                    offset = batch[-1].offset + 1
                    yield batch
            await asyncio.sleep(0)


async def test_on_a_relaxed_log_a_new_epoch_leaves_a_gap_and_old_versions_expire(fleet: Fleet) -> None:
    fleet.log = MemoryLog(relaxed=True)
    replica = await fleet.start()
    assert replica.state.version == VERSION_GAP
    await replica.propose(transaction(put("a")))
    watcher = replica.hub.subscribe(["Pod"], replica.state.version, lambda changed: changed)
    fleet.coordination.revoke("store")
    await settle()
    assert replica.state.version == 2 * VERSION_GAP + 1
    with pytest.raises(Expired):
        watcher.take()
    with pytest.raises(Expired):
        replica.history.list_at("Pod", "", VERSION_GAP + 1)


async def test_a_replica_too_old_for_the_log_refuses_to_start_and_says_so(fleet: Fleet) -> None:
    await fleet.log.append(epoch_claim(1).SerializeToString())
    await fleet.log.append(Record(epoch=1, feature_level=FeatureLevel(level=99)).SerializeToString())
    with pytest.raises(LevelTooNewError, match="feature level 99"):
        async with fleet.replica():
            pass


async def test_a_replica_that_fails_says_why_and_answers_unavailable(fleet: Fleet) -> None:
    replica = await fleet.start()
    watcher = replica.hub.subscribe(["Pod"], 0, lambda changed: changed)
    waiting = asyncio.ensure_future(replica.wait_for(50))
    await fleet.log.append(Record(epoch=1, feature_level=FeatureLevel(level=99)).SerializeToString())
    assert isinstance(await replica.failed(), LevelTooNewError)
    assert not replica.is_leader
    with pytest.raises(Unavailable):
        await waiting
    with pytest.raises(Unavailable):
        watcher.take()
    with pytest.raises(NotLeader):
        await replica.propose(transaction(put("a")))
    with pytest.raises(Unavailable):
        await replica.read_barrier()


async def test_a_store_whose_log_takes_no_more_cannot_go_on(fleet: Fleet, tmp_path: Path) -> None:
    async with SqliteFile(tmp_path / "log.db") as file:
        fleet.log = await SqliteLog.open(file, "log")  # type: ignore[assignment]
        async with fleet.replica() as replica:
            await replica.leading()
            file._writes.execute("PRAGMA query_only=ON")
            with pytest.raises(Unavailable):
                await replica.propose(transaction(put("a")))
            async with asyncio.timeout(5):
                assert "cannot be written" in str(await replica.failed())


class Mute(MemoryLog):
    """A log that stops answering and showing what it took."""

    def __init__(self) -> None:
        super().__init__()
        self.mute = False

    async def append(self, payload: bytes) -> int:
        if self.mute:
            await asyncio.Event().wait()
        return await super().append(payload)


async def test_a_caller_that_gives_up_leaves_the_others_alone(fleet: Fleet) -> None:
    fleet.log = log = Mute()
    replica = await fleet.start()
    log.mute = True
    given_up = asyncio.ensure_future(replica.propose(transaction(put("a"))))
    await settle()
    given_up.cancel()
    log.mute = False
    assert (await replica.propose(transaction(put("b")))).version == 1


async def test_a_stop_gives_the_leadership_up_and_ends_what_waits(fleet: Fleet) -> None:
    fleet.log = log = Mute()
    async with fleet.replica("a") as replica:
        await settle()
        waiting = asyncio.ensure_future(replica.wait_for(1))
        watcher = replica.hub.subscribe(["Pod"], 0, lambda changed: changed)
        await settle()
        log.mute = True
    with pytest.raises(Unavailable):
        await waiting
    with pytest.raises(Unavailable):
        watcher.take()
    assert await fleet.coordination.leader("store") == ""


async def test_idle_watchers_hear_how_far_they_have_come(fleet: Fleet) -> None:
    replica = await fleet.start()
    watcher = replica.hub.subscribe(["Node"], 0, lambda changed: changed)
    await replica.propose(transaction(put("a")))
    assert watcher.take() is None
    await fleet.clock.advance(60)
    delivery = watcher.take()
    assert delivery is not None
    assert (delivery.version, delivery.events) == (1, [])


async def test_metrics_show_what_the_replica_did(fleet: Fleet) -> None:
    registry = CollectorRegistry()
    fleet.settings = replace(fleet.settings, progress_seconds=1)
    replica = await fleet.start(metrics=PrometheusStoreMetrics(StoreFamilies(registry), "w"))
    replica.hub.subscribe(["Pod"], 0, lambda changed: changed)
    for n in range(3):
        await replica.propose(transaction(put(f"p{n}")))

    def value(name: str) -> float | None:
        return registry.get_sample_value(name, {"store": "w"})

    assert value("statefleet_snapshot_timestamp_seconds") is None
    await replica.snapshot()
    assert value("statefleet_snapshot_timestamp_seconds") == fleet.clock.now()
    await fleet.clock.advance(1)
    assert value("statefleet_applied_version") == 3
    assert value("statefleet_applied_records_total") == 4
    assert value("statefleet_epoch") == 1
    assert value("statefleet_leader") == 1
    assert value("statefleet_elections_won_total") == 1
    assert value("statefleet_log_append_seconds_count") == 4
    assert value("statefleet_watch_lag_seconds_sum") == 0
    assert value("statefleet_snapshot_seconds_count") == 1
    assert value("statefleet_watchers") == 1
