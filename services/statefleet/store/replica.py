"""One replica of a service's store: it follows the log, keeps the state, and may lead.

Any replica answers reads. Only the leader proposes: it has read its own epoch claim back from the log, so that
whatever an earlier leader still appends has no effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import structlog

from statefleet.api.log.v1.log_pb2 import EpochClaim, FeatureLevel, Record, ShardClaim, Transaction
from statefleet.coordination.door import Coordination, Leadership
from statefleet.errors import VERSION_TOO_LARGE, Cause, Expired, NotLeader, Subject, Timeout, Unavailable
from statefleet.runtime.clock import Clock
from statefleet.runtime.rand import Rand
from statefleet.runtime.tasks import Tasks
from statefleet.store.entries import Outcome, Refusal
from statefleet.store.history import KEEP_NS, MOST, Batch, History
from statefleet.store.keeper import SnapshotKeeper, SnapshotSettings
from statefleet.store.levels import Levels, advertised
from statefleet.store.log import Appended, Log, TrimmedError
from statefleet.store.log_end import LogEnd
from statefleet.store.metrics import StoreMetrics
from statefleet.store.pipeline import Pipeline
from statefleet.store.refusals import error_of
from statefleet.store.snapshot import Snapshots
from statefleet.store.state import FEATURE_LEVEL, LevelTooNewError, State
from statefleet.store.watch import Hub, Places
from statefleet.store.waterline import Waterline

_log = structlog.get_logger(__name__)

_SECOND_NS = 1_000_000_000
VERSION_GAP = 1 << 20
"""How far a new epoch raises the version on a log that may have lost acknowledged records."""
_LONG_BATCH = 64
"""After how many records at a time others get to run."""


@dataclass(frozen=True, slots=True)
class ReplicaSettings:
    """Bounds and periods of a replica."""

    history_ns: int = KEEP_NS
    history_most: int = MOST
    snapshots: SnapshotSettings = field(default_factory=SnapshotSettings)
    snapshot_check_seconds: float = 5.0
    progress_seconds: float = 60.0
    """How often idle watchers are told how far they have come."""
    reload_pause_seconds: float = 1.0
    """How long to wait where a snapshot is needed to go on and the log cannot be reached."""
    campaign_pause_seconds: float = 1.0
    """About how long to wait after a campaign that failed."""
    knows_level: int = FEATURE_LEVEL
    """The newest feature level that is followed: less plays an older release."""
    raise_level_to: int = FEATURE_LEVEL
    """The newest feature level that this replica, leading, raises the log to."""
    level_check_seconds: float = 1.0
    level_calm_seconds: float = 10.0
    """How long all replicas must have known a newer level before it is raised: one may only be restarting."""
    read_seconds: float = 10.0
    """How long a linearizable read may take to learn where the log ends, and to apply all below."""
    reach_check_seconds: float = 1.0
    """How often to find out whether the log can still be reached."""
    reach_patience_seconds: float = 5.0
    """How long that may take before the replica counts as cut off."""


class Replica:
    """A store, alive within its `async with` block; entering it returns when all that the log held is applied.

    `state`, `history` and `hub` may be read between any two awaits and then agree with one another. They stay the
    same objects as long as the replica lives.
    """

    def __init__(
        self,
        name: str,
        log: Log,
        snapshots: Log,
        coordination: Coordination,
        clock: Clock,
        rand: Rand,
        *,
        member: str = "",
        settings: ReplicaSettings | None = None,
        metrics: StoreMetrics | None = None,
        places: Mapping[str, Places] | None = None,
    ) -> None:
        self.name = name
        self.member = member or name
        self._settings = settings or ReplicaSettings()
        self._metrics = metrics or StoreMetrics()
        self._log = log
        self._coordination = coordination
        self._clock = clock
        self._rand = rand
        self.state = State(self._settings.knows_level)
        self.history = History(self.state, keep_ns=self._settings.history_ns, most=self._settings.history_most)
        self.hub = Hub(self.state, self.history, places)
        self._keeper = SnapshotKeeper(log, Snapshots(snapshots), clock, self._settings.snapshots)
        self._pipeline = Pipeline(log, self._metrics)
        self._offsets = Waterline()
        self._versions = Waterline()
        self._epochs = Waterline()
        self._leadership: Leadership | None = None
        self._own_epoch = 0
        self._led = asyncio.Event()
        self._unconfirmed = asyncio.Event()
        self._campaigning: asyncio.Task[None] | None = None
        self._retired = False
        self._cut_off = asyncio.Event()
        self._in_reach = asyncio.Event()
        self._in_reach.set()
        self.leader = ""
        """The member that began the present epoch; empty where that is not known: a snapshot does not say."""
        self._levels = Levels(coordination, clock, name, advertised(self.member, self._settings.knows_level))
        self._failure: BaseException | None = None
        self._failed = asyncio.Event()
        self._tasks = Tasks(f"store/{name}", self._on_failure)
        self._log_end = LogEnd(log, self._tasks)

    # --- life ---

    async def __aenter__(self) -> Self:
        try:
            await self._load()
            end = await self._log.end()
            self._tasks.spawn(self._follow(), "follow")
            await self._offsets.reach(end)
        except BaseException:
            await self._stop()
            if self._failure is not None:
                raise self._failure from None
            raise
        self._campaigning = self._tasks.spawn(self._campaign(), "campaign")
        self._tasks.spawn(self._keep_snapshots(), "snapshots")
        self._tasks.spawn(self._note_progress(), "progress")
        self._tasks.spawn(self._watch_reach(), "reach")
        self._tasks.spawn(self._levels.run(), "levels")
        self._tasks.spawn(self._raise_level(), "feature level")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def failed(self) -> BaseException:
        """Return why the replica cannot go on, once it cannot; it answers Unavailable from then on."""
        await self._failed.wait()
        assert self._failure is not None
        return self._failure

    async def retire(self) -> None:
        """Let another lead, and send readers and watchers to other replicas. What was proposed is still answered."""
        self._retired = True
        if self._campaigning is not None:
            self._campaigning.cancel()
            await asyncio.wait([self._campaigning])
        self.hub.end_all(_retired())

    async def _stop(self) -> None:
        await self._tasks.cancel()
        self._answer_stopped()

    def _on_failure(self, task: str, error: BaseException) -> None:
        if self._failure is None:
            why = str(error) if isinstance(error, LevelTooNewError) else type(error).__name__
            _log.error("store failed", store=self.name, task=task, why=why)
            self._failure = error
            self._failed.set()
            self._answer_stopped()

    def _answer_stopped(self) -> None:
        stopped = Unavailable("the store has stopped")
        self._pipeline.stop()
        for line in (self._offsets, self._versions, self._epochs):
            line.fail(stopped)
        self.hub.end_all(stopped)

    # --- following ---

    async def _load(self) -> None:
        next_offset = await self._keeper.load(self.state)
        self.history.reset()
        self.hub.end_all(Expired("the store was loaded anew"))
        self._pipeline.passed(next_offset)
        self._rise(next_offset)
        self._show_newest_snapshot()

    async def _follow(self) -> None:
        while True:
            try:
                async for batch in self._log.read(self._offsets.level):
                    self._apply(batch)
                    if len(batch) >= _LONG_BATCH:
                        await self._clock.sleep(0)
            except TrimmedError:
                _log.warning("store reloads a snapshot", store=self.name, offset=self._offsets.level)
                await self._reload()

    async def _reload(self) -> None:
        while True:
            try:
                return await self._load()
            except Unavailable as error:
                _log.warning("store cannot load a snapshot, trying on", store=self.name, error=error.message)
            await self._clock.sleep(self._settings.reload_pause_seconds)

    def _apply(self, batch: Sequence[Appended]) -> None:
        record = Record()
        for offset, payload in batch:
            record.ParseFromString(payload)
            epoch, version = self.state.epoch, self.state.version
            outcome = self.state.apply(record)
            if outcome.changes:
                changed = Batch(outcome.version, record.time_ns, outcome.changes)
                self.history.record(changed)
                self.hub.publish(changed)
            elif self.state.epoch != epoch:
                self._begin_epoch(record, version)
            elif outcome.epoch:
                # Who claims a shard waits until its cache, fed by whichever replica, has come as far as the claim.
                self.hub.note_progress()
            self._pipeline.applied(offset, outcome)
        self._rise(batch[-1].offset + 1)
        lag = self._clock.now() - record.time_ns / _SECOND_NS
        self._metrics.applied(len(batch), self.state.version, self.state.epoch, lag)

    def _begin_epoch(self, record: Record, version: int) -> None:
        self.leader = record.epoch_claim.replica
        _log.info("epoch began", store=self.name, epoch=record.epoch, leader=self.leader)
        if self.state.version != version:
            self.history.reset()
            self.hub.end_all(Expired("versions of the epoch before may be lost"))

    def _rise(self, next_offset: int) -> None:
        self._offsets.rise(next_offset)
        self._versions.rise(self.state.version)
        self._epochs.rise(self.state.epoch)

    # --- leading ---

    @property
    def is_leader(self) -> bool:
        """Whether this replica may propose, as far as it knows."""
        leadership = self._leadership
        return (
            leadership is not None
            and self._failure is None
            and self._own_epoch == self.state.epoch
            and not leadership.lost.is_set()
            and not self._cut_off.is_set()
        )

    async def find_leader(self) -> str:
        """Return the member that leads, as far as is known: by the log, else by coordination; empty: none."""
        if self.leader:
            return self.leader
        try:
            return await self._coordination.leader(self.name)
        except Unavailable:
            return ""

    async def leading(self) -> Leadership:
        """Return once this replica leads, with its leadership."""
        while not self.is_leader:
            await self._led.wait()
            await self._clock.sleep(0)
        assert self._leadership is not None
        return self._leadership

    async def _campaign(self) -> None:
        while self._failure is None:
            await self._in_reach.wait()
            try:
                leadership = await self._stand_for_election()
                try:
                    await self._lead(leadership)
                finally:
                    self._leadership = None
                    self._led.clear()
                    self._metrics.leads(False)
                    await leadership.resign()
            except Unavailable as error:
                _log.warning("campaign failed", store=self.name, error=error.message)
                await self._clock.sleep(self._settings.campaign_pause_seconds * self._rand.uniform(0.5, 1.5))

    async def _stand_for_election(self) -> Leadership:
        """Wait in line for the leadership. Who is cut off leaves the line, for it could not lead. Unavailable."""
        election = self._coordination.campaign(self.name, self.member)
        won: asyncio.Task[Leadership] = self._tasks.spawn(election, "election", awaited=True)
        cut_off = self._tasks.spawn(self._cut_off.wait(), "cut off")
        try:
            await asyncio.wait([won, cut_off], return_when=asyncio.FIRST_COMPLETED)
            if won.done():
                return await won
            raise _cut_off()
        except asyncio.CancelledError:
            if won.done() and not won.cancelled() and won.exception() is None:
                await won.result().resign()
            raise
        finally:
            cut_off.cancel()
            if not won.done():
                won.cancel()
                await asyncio.wait([won])

    async def _lead(self, leadership: Leadership) -> None:
        """Lead until the leadership or the epoch is lost, or the log is: another may reach it. Unavailable."""
        self._unconfirmed.clear()
        reign = self._tasks.spawn(self._reign(leadership), "reign", awaited=True)
        ends = [
            reign,
            self._tasks.spawn(leadership.lost.wait(), "leadership lost"),
            self._tasks.spawn(self._cut_off.wait(), "cut off"),
            self._tasks.spawn(self._unconfirmed.wait(), "unconfirmed"),
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if reign.done():
                await reign
        finally:
            for end in ends:
                end.cancel()
            await asyncio.wait(ends)

    async def _reign(self, leadership: Leadership) -> None:
        """Claim an epoch and lead until another one begins. Unavailable."""
        while not await self._claim_epoch(leadership):
            pass
        await self._keeper.look()
        self._leadership = leadership
        self._led.set()
        self._metrics.leads(True)
        await self._epochs.reach(self._own_epoch + 1)

    async def _claim_epoch(self, leadership: Leadership) -> bool:
        epoch = max(self.state.epoch + 1, leadership.epoch_hint)
        gap = VERSION_GAP if self._log.relaxed else 0
        claim = EpochClaim(replica=self.member, version_gap=gap)
        record = Record(epoch=epoch, time_ns=self._now_ns(), epoch_claim=claim)
        outcome = await self._pipeline.decide(record.SerializeToString())
        self._own_epoch = epoch
        return not outcome.refusal and self.state.epoch == epoch

    # --- writing ---

    async def propose(self, transaction: Transaction, *, request_id: str = "", attempt: int = 0) -> Outcome:
        """Propose changes and return their outcome once they are durable and applied here.

        Raises the error that a refusal stands for (see `refusals.error_of`), NotLeader where nothing was proposed or
        the record came too late, Unavailable where the outcome is unknown. A repeated `request_id` gets the outcome
        of the first, `repeated` and without changes. One who proposes again for the same request, on a newer state,
        counts `attempt` up: each attempt is remembered by itself.
        """
        outcome = await self.decide(transaction, request_id=request_id, attempt=attempt)
        if outcome.refusal:
            raise error_of(outcome)
        return outcome

    async def decide(self, transaction: Transaction, *, request_id: str = "", attempt: int = 0) -> Outcome:
        """Propose changes as `propose` does, but return a refusal as an outcome too. NotLeader, Unavailable."""
        return await self._decide(Record(request_id=attempt_id(request_id, attempt), transaction=transaction))

    async def claim_shard(self, shard: str, holder: str) -> tuple[int, int]:
        """Claim a shard for a worker; return the claim's epoch and the version from which its holder may plan.

        Every earlier claim of the shard is void from then on. NotLeader, Unavailable.
        """
        outcome = await self._decide(Record(shard_claim=ShardClaim(shard=shard, holder=holder)))
        return outcome.epoch, outcome.version

    async def raise_feature_level(self, level: int) -> None:
        """Have all replicas follow newer rules of apply; those that do not know them stop. NotLeader, Unavailable."""
        await self._decide(Record(feature_level=FeatureLevel(level=level)))

    async def _raise_level(self) -> None:
        """Raise the feature level, while leading, as soon as every replica can follow."""
        settings = self._settings
        while True:
            await self._clock.sleep(settings.level_check_seconds)
            level = min(self._levels.calm(settings.level_calm_seconds), settings.raise_level_to)
            if self.is_leader and level > self.state.feature_level:
                _log.info("raising the feature level", store=self.name, feature_level=level)
                try:
                    await self.raise_feature_level(level)
                except (NotLeader, Unavailable) as error:
                    _log.warning("feature level not raised, trying on", store=self.name, error=error.message)

    async def _decide(self, record: Record) -> Outcome:
        if not self.is_leader:
            raise NotLeader(f"this replica of {self.name} does not lead")
        record.epoch = self._own_epoch
        record.time_ns = self._now_ns()
        try:
            outcome = await self._pipeline.decide(record.SerializeToString())
        except Unavailable:
            self._unconfirmed.set()
            raise
        if outcome.refusal == Refusal.STALE_EPOCH:
            raise error_of(outcome)
        return outcome

    def _now_ns(self) -> int:
        return int(self._clock.now() * _SECOND_NS)

    # --- reading ---

    async def read_barrier(self) -> None:
        """Return when the state holds all that was acknowledged anywhere before the call; in time, or Unavailable."""
        try:
            async with asyncio.timeout(self._settings.read_seconds):
                await self._offsets.reach(await self._log_end.get())
        except TimeoutError:
            raise _cut_off() from None

    def check_reach(self) -> None:
        """Raise Unavailable where another replica should answer: this one retires, or its state may be old."""
        if self._retired:
            raise _retired()
        if self._cut_off.is_set():
            raise _cut_off()

    async def _watch_reach(self) -> None:
        """Find out again and again whether the log answers; while it does not, follow and lead nobody on."""
        while True:
            await self._clock.sleep(self._settings.reach_check_seconds)
            try:
                async with asyncio.timeout(self._settings.reach_patience_seconds):
                    await self.read_barrier()
            except (TimeoutError, Unavailable):
                if not self._cut_off.is_set():
                    _log.warning("store cannot reach its log", store=self.name)
                    self._cut_off.set()
                    self._in_reach.clear()
                    self.hub.end_all(_cut_off())
            else:
                self._cut_off.clear()
                self._in_reach.set()

    async def wait_for(self, version: int, timeout: float = 3.0) -> None:
        """Return when the state has reached a version. Timeout, caused by ResourceVersionTooLarge; Unavailable."""
        if self.state.version >= version:
            return
        try:
            async with asyncio.timeout(timeout):
                await self._versions.reach(version)
        except TimeoutError:
            causes = (Cause(VERSION_TOO_LARGE, "Too large resource version"),)
            raise Timeout(
                f"Timeout: Too large resource version: {version}, current: {self.state.version}",
                Subject(causes=causes, retry_after_seconds=1),
            ) from None

    # --- upkeep ---

    async def _keep_snapshots(self) -> None:
        while True:
            await self._clock.sleep(self._settings.snapshot_check_seconds)
            if self.is_leader and self._keeper.due(self._offsets.level):
                try:
                    await self.snapshot()
                except Unavailable as error:
                    _log.warning("snapshot failed, to be written later", store=self.name, error=error.message)

    async def snapshot(self) -> None:
        """Write a snapshot of the state now and trim what no start needs any more."""
        began = self._clock.monotonic()
        await self._keeper.save(self.state, self._offsets.level)
        self._metrics.snapshot(self._clock.monotonic() - began)
        self._show_newest_snapshot()

    def _show_newest_snapshot(self) -> None:
        at = self._keeper.newest_time
        if at is not None:
            self._metrics.newest_snapshot(at)

    async def _note_progress(self) -> None:
        while True:
            await self._clock.sleep(self._settings.progress_seconds)
            self.hub.note_progress()
            self._metrics.watchers(len(self.hub))


def _cut_off() -> Unavailable:
    return Unavailable("this replica cannot reach its log", Subject(retry_after_seconds=1))


def _retired() -> Unavailable:
    return Unavailable("this replica is about to stop")


def attempt_id(request_id: str, attempt: int) -> str:
    """Return the name under which one attempt of a request is remembered; an empty id stays empty."""
    return f"{request_id}#{attempt}" if request_id and attempt else request_id
