"""The StatefulSet planner against a world that fails in every way that it may, and heals when it stops failing."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from statefleet.statefulset.views import SetView
from support.stateful_model import Fate, Worker, World

LONG = os.environ.get("STATEFLEET_MODEL") == "long"
PROFILE = settings(
    max_examples=2000 if LONG else 250,
    stateful_step_count=80 if LONG else 40,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

FATES = st.sampled_from([Fate.DONE, Fate.DONE, Fate.DONE, *Fate])
ORDINAL = st.integers(0, 9)


class StatefulSetInTrouble(RuleBasedStateMachine):
    """Users change their minds, pods and workers fail; in the end all must be well."""

    @initialize(
        parallel=st.booleans(),
        replicas=st.integers(0, 5),
        claims=st.booleans(),
        max_unavailable=st.integers(1, 3),
        history_limit=st.integers(0, 2),
        bad=st.booleans(),
    )
    def create(
        self, parallel: bool, replicas: int, claims: bool, max_unavailable: int, history_limit: int, bad: bool
    ) -> None:
        wanted = SetView(
            name="web",
            uid="web-uid",
            replicas=replicas,
            parallel=parallel,
            max_unavailable=max_unavailable,
            claim_templates=("data",) if claims else (),
            history_limit=history_limit,
        )
        self.world = World(wanted)
        self.worker = Worker(self.world)
        self.templates = 0
        if bad:
            self.world.bad.add("r0")

    # The worker.

    @rule(staleness=st.integers(0, 6), fates=st.lists(FATES, max_size=6))
    def work(self, staleness: int, fates: list[Fate]) -> None:
        self.worker.step(staleness, lambda: fates.pop() if fates else Fate.DONE)

    @rule()
    def work_well(self) -> None:
        self.worker.step()

    @rule(rounds=st.integers(1, 12))
    def all_goes_well_for_a_while(self, rounds: int) -> None:
        for _ in range(rounds):
            self.worker.step()
            self.worker.write_status()
            self.all_come_up()
            self.world.now += 5

    @rule()
    def status_arrives(self) -> None:
        self.worker.write_status()

    @rule()
    def worker_restarts(self) -> None:
        self.worker.restart()

    # Users.

    @rule(bad=st.booleans())
    def new_template(self, bad: bool) -> None:
        self.templates += 1
        self.world.retemplate(f"r{self.templates}", bad=bad)

    @precondition(lambda self: self.templates)
    @rule(back=st.integers(1, 3))
    def roll_back(self, back: int) -> None:
        self.world.retemplate(f"r{max(0, self.templates - back)}")

    @rule(replicas=st.integers(0, 6))
    def scale(self, replicas: int) -> None:
        self.world.respecify(replicas=replicas)

    @rule(partition=st.sampled_from([0, 0, 1, 2, 4, None]))
    def move_partition(self, partition: int | None) -> None:
        self.world.respecify(partition=partition)

    @rule(start=st.integers(0, 3))
    def move_ordinals(self, start: int) -> None:
        self.world.respecify(start=start)

    @rule(max_unavailable=st.integers(1, 4))
    def set_max_unavailable(self, max_unavailable: int) -> None:
        self.world.respecify(max_unavailable=max_unavailable)

    @rule(on_delete=st.booleans())
    def set_strategy(self, on_delete: bool) -> None:
        self.world.respecify(on_delete=on_delete)

    @rule(seconds=st.sampled_from([0, 0, 10]))
    def set_min_ready_seconds(self, seconds: int) -> None:
        self.world.respecify(min_ready_seconds=seconds)

    @rule(with_set=st.booleans(), with_scale=st.booleans())
    def set_retention(self, with_set: bool, with_scale: bool) -> None:
        self.world.scale_deleted_claims |= with_scale
        self.world.respecify(claims_die_with_set=with_set, claims_die_with_scale=with_scale)

    # Nodes.

    @rule()
    def all_come_up(self) -> None:
        for ordinal in list(self.world.pods):
            self.world.come_up(ordinal)

    @rule(ordinal=ORDINAL)
    def one_comes_up(self, ordinal: int) -> None:
        if ordinal in self.world.pods:
            self.world.come_up(ordinal)

    @rule(ordinal=ORDINAL)
    def pod_restarts(self, ordinal: int) -> None:
        if ordinal in self.world.pods:
            self.world.change_pod(ordinal, ready=False, stuck=True, pending=False)

    @rule(ordinal=ORDINAL)
    def pod_falters(self, ordinal: int) -> None:
        if ordinal in self.world.pods:
            self.world.change_pod(ordinal, ready=False)

    @rule(ordinal=ORDINAL)
    def pod_fails(self, ordinal: int) -> None:
        if ordinal in self.world.pods:
            self.world.change_pod(ordinal, ready=False, pending=False, finished=True, stuck=True)

    @rule(ordinal=ORDINAL)
    def pod_vanishes(self, ordinal: int) -> None:
        if ordinal in self.world.pods:
            self.world.lose_pod(ordinal)

    @rule()
    def garbage_is_collected(self) -> None:
        self.world.collect_garbage()

    @rule(seconds=st.sampled_from([1, 5, 20]))
    def time_passes(self, seconds: int) -> None:
        self.world.now += seconds

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.heal()

    def heal(self) -> None:
        """Let everything but the set's past be well: a good template, a plain strategy, a worker that lives."""
        world, worker = self.world, self.worker
        world.retemplate("good")
        world.respecify(partition=0, on_delete=False)
        for _ in range(12 * (len(world.pods) + world.wanted.replicas) + 12):
            for ordinal in list(world.pods):
                world.come_up(ordinal)
            world.collect_garbage()
            world.now += 30
            worker.step()
            worker.write_status()
        assert sorted(world.pods) == list(range(world.wanted.start, world.wanted.start + world.wanted.replicas))
        assert all(world.is_available(ordinal) for ordinal in world.pods)
        assert {pod.revision for pod in world.pods.values()} <= {"good"}
        assert world.stored == ("good", "good")
        assert len(world.revisions) <= world.wanted.history_limit + 1
        self.assert_claims()

    def assert_claims(self) -> None:
        wanted = self.world.wanted
        for ordinal in self.world.pods:
            for template in wanted.claim_templates:
                owners = {owner.uid for owner in self.world.claims[wanted.claim_name(template, ordinal)].owners}
                assert owners == ({wanted.uid} if wanted.claims_die_with_set else set())


TestStatefulSetInTrouble = StatefulSetInTrouble.TestCase
TestStatefulSetInTrouble.settings = PROFILE
