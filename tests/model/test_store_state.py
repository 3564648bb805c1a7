"""The state of a store against a model that is too plain to be wrong, over random records."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from statefleet.api.log.v1.log_pb2 import Change, Record, ShardClaim
from statefleet.store.entries import Outcome
from statefleet.store.state import State
from support.stores import epoch_claim, image_bytes, put, record, remove, transaction

NAMES = ["a", "b", "c", "d"]
NAMESPACES = ["x", "y"]
SLOTS = ["", "s1", "s2"]
SHARDS = ["one", "two"]
MARKS = ["m1", "m2"]


class Row(NamedTuple):
    version: int
    note: str
    slot: str


@dataclass
class Model:
    """What a store holds, written down naively: every decision looks at everything."""

    epoch: int = 0
    version: int = 0
    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    claims: dict[str, int] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    requests: dict[str, tuple[int, str]] = field(default_factory=dict)

    def slot_counts(self) -> Counter[str]:
        return Counter(row.slot for row in self.rows.values() if row.slot)

    def decide(self, step: Step) -> tuple[str, bool]:
        """Return the refusal, and whether the request was a repeated one."""
        if step.epoch != self.epoch:
            return "StaleEpoch", False
        if step.request_id in self.requests:
            return self.requests[step.request_id][1], True
        refusal = self._refusal(step)
        if step.request_id:
            self.requests[step.request_id] = (self.version, refusal)
        return refusal, False

    def _refusal(self, step: Step) -> str:
        if step.fence is not None and self.claims.get(step.fence[0]) != step.fence[1]:
            return "Fenced"
        if any(self.marks.get(mark, 0) > seen for mark, seen in step.checks.items()):
            return "MarkMoved"
        after = deepcopy(self)
        for edit in step.edits:
            if refusal := after._edit(edit):
                return refusal
        self.rows, self.version = after.rows, after.version
        self.marks.update(dict.fromkeys(step.marks, self.version))
        return ""

    def _edit(self, edit: Edit) -> str:
        key = (edit.namespace, edit.name)
        row = self.rows.get(key)
        if row is None:
            if edit.expected or edit.note is None:
                return "NotFound"
            if edit.slot and self.slot_counts()[edit.slot] >= edit.limit:
                return "SlotTaken"
        elif edit.expected != row.version:
            return "Conflict" if edit.expected else "AlreadyExists"
        self.version += 1
        if edit.note is None:
            del self.rows[key]
        else:
            self.rows[key] = Row(self.version, edit.note, edit.slot if row is None else row.slot)
        return ""


class Edit(NamedTuple):
    """One change; `note` is what the object says, None deletes it."""

    namespace: str
    name: str
    expected: int
    note: str | None
    slot: str
    limit: int

    def change(self) -> Change:
        if self.note is None:
            return remove(self.name, self.expected, namespace=self.namespace)
        labels = {"note": self.note}
        return put(
            self.name, self.expected, namespace=self.namespace, slot=self.slot, limit=self.limit, labels=labels
        )


class Step(NamedTuple):
    """One transaction."""

    epoch: int
    edits: list[Edit]
    fence: tuple[str, int] | None
    checks: dict[str, int]
    marks: list[str]
    request_id: str

    def record(self, time: float) -> Record:
        changes = [edit.change() for edit in self.edits]
        wrapped = transaction(*changes, fence=self.fence, checks=self.checks, marks=self.marks)
        return record(wrapped, epoch=self.epoch, time=time, request_id=self.request_id)


class StoreMachine(RuleBasedStateMachine):
    """Feeds the same records to the state and to the model; time passes too slowly for anything to be forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State()
        self.model = Model()
        self.records: list[Record] = []
        self.time = 1000.0

    def apply(self, wrapped: Record) -> Outcome:
        self.records.append(wrapped)
        self.time += 0.01
        return self.state.apply(wrapped)

    @initialize()
    def begin(self) -> None:
        self.claim_epoch(1, 0)

    def expected(self, data: st.DataObject, key: tuple[str, str]) -> int:
        row = self.model.rows.get(key)
        right = 0 if row is None else row.version
        return data.draw(st.sampled_from([right, right, right, 0, self.model.version, right + 1]))

    def edit(self, data: st.DataObject) -> Edit:
        key = data.draw(st.sampled_from(NAMESPACES)), data.draw(st.sampled_from(NAMES))
        note = data.draw(st.sampled_from(["1", "2", None]))
        slot, limit = data.draw(st.sampled_from(SLOTS)), data.draw(st.sampled_from([1, 1, 2]))
        return Edit(*key, self.expected(data, key), note, slot, limit)

    @rule(data=st.data(), size=st.sampled_from([1, 1, 1, 2, 3]))
    def write(self, data: st.DataObject, size: int) -> None:
        step = Step(
            epoch=self.model.epoch,
            edits=[self.edit(data) for _ in range(size)],
            fence=data.draw(st.none() | st.tuples(st.sampled_from(SHARDS), st.integers(0, 3))),
            checks=data.draw(st.dictionaries(st.sampled_from(MARKS), st.integers(0, self.model.version), max_size=1)),
            marks=data.draw(st.lists(st.sampled_from(MARKS), max_size=1)),
            request_id=data.draw(st.sampled_from(["", "", "r1", "r2", "r3", "r4"])),
        )
        before = self.model.version
        refusal, repeated = self.model.decide(step)
        outcome = self.apply(step.record(self.time))
        assert (outcome.refusal, outcome.repeated) == (refusal, repeated)
        if repeated:
            assert outcome.version == self.model.requests[step.request_id][0]
        else:
            assert outcome.version == self.model.version
        changed = [] if refusal or repeated else list(range(before + 1, self.model.version + 1))
        assert [change.version for change in outcome.changes] == changed

    @rule(data=st.data(), behind=st.integers(1, 3))
    def write_late(self, data: st.DataObject, behind: int) -> None:
        """A record of an older epoch changes nothing, not even what is remembered."""
        before = image_bytes(self.state.image())
        step = Step(max(0, self.model.epoch - behind), [self.edit(data)], None, {}, ["m1"], "late")
        assert self.apply(step.record(self.time + 10**6)).refusal == "StaleEpoch"
        assert image_bytes(self.state.image()) == before

    @rule(shard=st.sampled_from(SHARDS))
    def claim_shard(self, shard: str) -> None:
        epoch = self.model.claims[shard] = self.model.claims.get(shard, 0) + 1
        claim = record(ShardClaim(shard=shard, holder="w"), epoch=self.model.epoch, time=self.time)
        assert self.apply(claim).epoch == epoch

    @rule(ahead=st.integers(-2, 3), gap=st.sampled_from([0, 0, 100]))
    def claim_epoch(self, ahead: int, gap: int) -> None:
        epoch = self.model.epoch + ahead
        if epoch < 0:
            return
        outcome = self.apply(epoch_claim(epoch, time=self.time, gap=gap))
        assert outcome.refusal == ("" if ahead > 0 else "StaleEpoch")
        if ahead > 0:
            self.model.epoch = epoch
            self.model.version += gap

    @rule()
    def restart_from_an_image(self) -> None:
        before = image_bytes(self.state.image())
        again = State()
        again.load(self.state.image())
        assert image_bytes(again.image()) == before
        self.state = again

    @precondition(lambda self: len(self.records) % 7 == 0)
    @rule()
    def replay(self) -> None:
        """All records, from the beginning, give the same state byte for byte."""
        again = State()
        for wrapped in self.records:
            again.apply(Record.FromString(wrapped.SerializeToString()))
        assert image_bytes(again.image()) == image_bytes(self.state.image())

    @invariant()
    def state_and_model_agree(self) -> None:
        held = {(e.key.namespace, e.key.name): e for e in self.state.list("Pod")}
        assert sorted(held) == list(held), "lists are in order"
        shown: dict[tuple[str, str], Any] = {
            key: Row(entry.version, entry.message.metadata.labels["note"], entry.slot) for key, entry in held.items()
        }
        assert shown == self.model.rows
        assert all(e.message.metadata.resource_version == str(e.version) for e in held.values())
        assert (self.state.version, self.state.epoch) == (self.model.version, self.model.epoch)
        assert {shard: claim.epoch for shard, claim in self.state.claims.items()} == self.model.claims
        assert {mark: self.state.mark(mark) for mark in self.model.marks} == self.model.marks
        assert dict(self.state.slots) == dict(self.model.slot_counts())
        assert len(self.state) == len(self.model.rows)


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
