"""The DaemonSet planner against a world that fails in every way that it may, and heals when it stops failing."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from statefleet.daemonset.views import Fit, SetView
from statefleet.reconcile.bounds import Bound
from support.daemon_model import Fate, Worker, World

LONG = os.environ.get("STATEFLEET_MODEL") == "long"
PROFILE = settings(
    max_examples=2000 if LONG else 200,
    stateful_step_count=80 if LONG else 40,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

FATES = st.sampled_from([Fate.DONE, Fate.DONE, Fate.DONE, *Fate])
FITS = st.sampled_from([Fit.WANTED, Fit.WANTED, Fit.TOLERATED, Fit.REFUSED, Fit.GONE])
NODES = tuple(f"n{number}" for number in range(1, 8))
NODE = st.sampled_from(NODES)
BUDGETS = st.sampled_from(
    [
        (Bound(1), Bound(0)),
        (Bound(2), Bound(0)),
        (Bound(40, percent=True), Bound(0)),
        (Bound(0), Bound(1)),
        (Bound(0), Bound(2)),
    ]
)
WHICH = st.integers(0, 20)


class DaemonSetInTrouble(RuleBasedStateMachine):
    """Users change their minds, nodes come and go, pods and workers fail; in the end all must be well."""

    @initialize(nodes=st.integers(0, 5), budget=BUDGETS, history_limit=st.integers(0, 2), bad=st.booleans())
    def create(self, nodes: int, budget: tuple[Bound, Bound], history_limit: int, bad: bool) -> None:
        wanted = SetView(
            name="agent",
            uid="agent-uid",
            max_unavailable=budget[0],
            max_surge=budget[1],
            history_limit=history_limit,
        )
        self.world = World(wanted, dict.fromkeys(NODES[:nodes], Fit.WANTED))
        self.worker = Worker(self.world)
        self.templates = 0
        if bad:
            self.world.bad.add("r0")

    # The worker.

    @rule(staleness=st.integers(0, 6), fates=st.lists(FATES, max_size=8))
    def work(self, staleness: int, fates: list[Fate]) -> None:
        self.worker.step(staleness, lambda: fates.pop() if fates else Fate.DONE)

    @rule()
    def work_well(self) -> None:
        self.worker.step()

    @rule(rounds=st.integers(1, 12))
    def all_goes_well_for_a_while(self, rounds: int) -> None:
        for _ in range(rounds):
            self.worker.step()
            self.all_come_up()
            self.world.now += 5

    @rule(which=WHICH, bad=st.booleans())
    def an_update_finds_a_pod_down(self, which: int, bad: bool) -> None:
        self.all_goes_well_for_a_while(6)
        self.pod_falters(which)
        self.new_template(bad)
        self.worker.step()

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

    @rule(budget=BUDGETS)
    def set_budget(self, budget: tuple[Bound, Bound]) -> None:
        self.world.respecify(max_unavailable=budget[0], max_surge=budget[1])

    @rule(on_delete=st.booleans())
    def set_strategy(self, on_delete: bool) -> None:
        self.world.respecify(on_delete=on_delete)

    @rule(seconds=st.sampled_from([0, 0, 10]))
    def set_min_ready_seconds(self, seconds: int) -> None:
        self.world.respecify(min_ready_seconds=seconds)

    # Nodes.

    @rule(node=NODE, fit=FITS)
    def node_changes(self, node: str, fit: Fit) -> None:
        if fit is not Fit.GONE or node in self.world.fits:
            self.world.set_fit(node, fit)

    @rule()
    def all_come_up(self) -> None:
        for name in list(self.world.pods):
            self.world.come_up(name)

    @rule(which=WHICH)
    def one_comes_up(self, which: int) -> None:
        if self.world.pods:
            self.world.come_up(self.one(which))

    @rule(which=WHICH)
    def pod_restarts(self, which: int) -> None:
        if self.world.pods:
            self.world.change_pod(self.one(which), ready=False, stuck=True)

    @rule(which=WHICH)
    def pod_falters(self, which: int) -> None:
        if self.world.pods:
            self.world.change_pod(self.one(which), ready=False)

    @rule(which=WHICH)
    def pod_fails(self, which: int) -> None:
        if self.world.pods:
            self.world.change_pod(self.one(which), ready=False, failed=True, stuck=True)

    @rule(which=WHICH)
    def pod_vanishes(self, which: int) -> None:
        if self.world.pods:
            self.world.lose_pod(self.one(which))

    @rule(seconds=st.sampled_from([1, 5, 20]))
    def time_passes(self, seconds: int) -> None:
        self.world.now += seconds

    def one(self, which: int) -> str:
        names = sorted(self.world.pods)
        return names[which % len(names)]

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.heal()

    def heal(self) -> None:
        """Let everything but the set's past be well: a good template, a strategy that acts, a worker that lives."""
        world, worker = self.world, self.worker
        world.retemplate("good")
        world.respecify(on_delete=False)
        for _ in range(6 * (len(world.pods) + len(world.fits)) + 12):
            for name in list(world.pods):
                world.come_up(name)
            world.now += 30
            worker.step()
        for node, fit in world.fits.items():
            pods = world.moment().on(node)
            if fit is Fit.WANTED:
                assert [pod.revision for pod in pods] == ["good"], f"{node} was not brought to the template"
                assert world.moment().has_service(node)
            elif fit is Fit.REFUSED:
                assert not pods
            else:
                assert len(pods) <= 1 + (world.wanted.surges and len({pod.revision for pod in pods}) > 1)
        used = {"good", *(pod.revision for pod in world.pods.values())}
        assert used <= world.revisions.keys()
        assert len(world.revisions) <= world.wanted.history_limit + len(used)


TestDaemonSetInTrouble = DaemonSetInTrouble.TestCase
TestDaemonSetInTrouble.settings = PROFILE
