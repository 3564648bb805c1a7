"""A small world for the DaemonSet planner: nodes and pods that come, fail and go, and a worker that is as unlucky.

The world keeps every version that it went through. The worker looks at any version that is not older than its
barrier, and its actions may be refused, may be done though their reply is lost, or may be cut short by its death.
What it must never do is asserted where the world carries its actions out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum

from statefleet.daemonset.actions import Action, CreatePod, DeletePod
from statefleet.daemonset.plan import Observed, Plan, plan
from statefleet.daemonset.roster import Roster
from statefleet.daemonset.standing import Role
from statefleet.daemonset.views import Fit, PodView, SetView
from statefleet.reconcile.history import DeleteRevision, RevisionView


class Fate(Enum):
    """What becomes of an action."""

    DONE = "done"
    REFUSED = "refused"
    """Nothing happens, and the worker is told so."""
    REPLY_LOST = "reply lost"
    """It is done, and the worker does not know."""
    WORKER_DIES = "worker dies"
    """It is done, and nothing after it."""


@dataclass(frozen=True)
class Moment:
    """One version of the world, as a watch would show it."""

    wanted: SetView
    template: str
    fits: dict[str, Fit]
    pods: dict[str, PodView]
    now: float

    def on(self, node: str) -> list[PodView]:
        return [pod for pod in self.pods.values() if pod.node == node]

    def running_on(self, node: str) -> list[PodView]:
        return [pod for pod in self.on(node) if not pod.terminating and not pod.finished]

    def serves(self, pod: PodView) -> bool:
        return pod.ready and not pod.terminating and pod.ready_since + self.wanted.min_ready_seconds <= self.now

    def wanting(self) -> list[str]:
        """Return the nodes that should have a pod."""
        return [node for node, fit in self.fits.items() if fit is Fit.WANTED]

    def has_service(self, node: str) -> bool:
        return any(self.serves(pod) for pod in self.on(node))

    def in_between(self, node: str) -> bool:
        """Return whether a node is without an available pod, or has a new one that is not available."""
        fresh = [pod for pod in self.running_on(node) if pod.revision == self.template]
        return not self.has_service(node) or any(not self.serves(pod) for pod in fresh)


@dataclass
class World:
    """The services' state, the nodes that run the pods, and what must hold of them."""

    wanted: SetView
    fits: dict[str, Fit]
    template: str = "r0"
    bad: set[str] = field(default_factory=set)
    """Revisions that never become Ready."""
    now: float = 1000.0
    pods: dict[str, PodView] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    down_by_our_hand: set[str] = field(default_factory=set)
    history: list[Moment] = field(default_factory=list)
    made: int = 0

    def __post_init__(self) -> None:
        self.commit()

    @property
    def version(self) -> int:
        return len(self.history) - 1

    def moment(self) -> Moment:
        return Moment(self.wanted, self.template, dict(self.fits), dict(self.pods), self.now)

    def commit(self) -> None:
        """End a change: it is a version of its own."""
        self._count_recovered()
        self.history.append(self.moment())

    def _count_recovered(self) -> None:
        moment = self.moment()
        self.down_by_our_hand = {
            node
            for node in self.down_by_our_hand
            if self.fits.get(node) is Fit.WANTED and not moment.has_service(node)
        }

    # What users do.

    def respecify(self, **changes: object) -> None:
        self.wanted = replace(self.wanted, generation=self.wanted.generation + 1, **changes)  # type: ignore[arg-type]
        self.commit()

    def retemplate(self, template: str, *, bad: bool = False) -> None:
        self.template = template
        if bad:
            self.bad.add(template)
        self.respecify()

    # What nodes do.

    def set_fit(self, node: str, fit: Fit) -> None:
        self.fits[node] = fit
        if fit is Fit.GONE:
            del self.fits[node]
            self.pods = {name: pod for name, pod in self.pods.items() if pod.node != node or not pod.bound}
        self.commit()

    def change_pod(self, name: str, **changes: object) -> None:
        self.pods[name] = replace(self.pods[name], **changes)  # type: ignore[arg-type]
        self.commit()

    def lose_pod(self, name: str) -> None:
        del self.pods[name]
        self.commit()

    def come_up(self, name: str) -> None:
        """Let a pod do what it does by itself: be bound, end, start, get stuck."""
        pod = self.pods[name]
        if pod.terminating:
            self.lose_pod(name)
        elif pod.finished or pod.ready or pod.node not in self.fits:
            return
        elif pod.revision in self.bad:
            self.change_pod(name, bound=True, stuck=True)
        else:
            self.change_pod(name, bound=True, ready=True, was_ready=True, ready_since=self.now, stuck=False)

    # What the worker may ask for.

    def carry_out(self, action: Action, seen: Moment) -> None:
        match action:
            case CreatePod():
                self._create(action, seen)
            case DeletePod():
                self._delete(action, seen)
            case DeleteRevision():
                in_use = {seen.template, *(pod.revision for pod in self.pods.values())}
                assert action.revision.label not in in_use, "a revision in use was cut"
                self.revisions.pop(action.revision.label, None)
        self.commit()

    def _create(self, action: CreatePod, seen: Moment) -> None:
        there = seen.on(action.node)
        assert seen.fits.get(action.node) is Fit.WANTED, "a pod was made where none is wanted"
        assert len(there) < seen.wanted.pods_a_node, "more pods than a node may have were asked for"
        fresh = [pod for pod in seen.running_on(action.node) if pod.revision == seen.template]
        assert not fresh, "a second pod of one revision was asked for"
        name = f"{action.node}-{seen.template}-{action.replaces}"
        full = sum(pod.node == action.node for pod in self.pods.values()) >= seen.wanted.pods_a_node
        if name in self.pods or full:
            return
        self.made += 1
        self.pods[name] = PodView(
            name, f"uid-{self.made}", action.node, seen.template, bound=False, created=float(self.made)
        )

    def _delete(self, action: DeletePod, seen: Moment) -> None:
        pod = self.pods.get(action.pod.name)
        if pod is None or pod.uid != action.pod.uid or pod.terminating:
            return
        if action.only_unchanged and pod != action.pod:
            return
        fit = seen.fits.get(pod.node, Fit.GONE)
        alone = len(seen.running_on(pod.node)) == 1
        if fit is Fit.TOLERATED and alone and not pod.finished:
            raise AssertionError("a pod was deleted that a taint leaves alone")
        if fit is Fit.WANTED and alone and not pod.finished:
            assert not seen.wanted.on_delete, "OnDelete touched a pod that runs"
            assert pod.revision != seen.template, "a pod of the right revision was deleted"
        self._count_recovered()
        served = self.moment().has_service(pod.node)
        self.pods[pod.name] = replace(pod, terminating=True)
        if served and fit is Fit.WANTED and not self.moment().has_service(pod.node) and alone:
            self.down_by_our_hand.add(pod.node)
            budget = seen.wanted.budget(len(seen.wanting()))
            assert not seen.wanted.surges, "a node was left without a pod while surging"
            assert len(self.down_by_our_hand) <= budget, "more nodes down by our hand than allowed"


def check(step: Plan, seen: Moment) -> None:
    """Assert what must hold of a step as a whole."""
    begun = {node for node in map(_begins, step.actions) if node}
    costly = {node for node in begun if _has_something_to_lose(node, seen)}
    if not costly:
        return
    between = [node for node in seen.wanting() if seen.in_between(node) and not _has_something_to_lose(node, seen)]
    waiting = [node for node in seen.wanting() if seen.in_between(node) and _has_something_to_lose(node, seen)]
    budget = seen.wanted.budget(len(seen.wanting()))
    assert len(between) + len(costly) <= budget, "more nodes in between than allowed"
    if any(seen.has_service(node) for node in costly):
        assert costly.issuperset(waiting), "an available pod went before one that was not"


def _has_something_to_lose(node: str, seen: Moment) -> bool:
    """Return whether the only pod of a node that should have one is outdated and was Ready."""
    pods = seen.on(node)
    if seen.fits.get(node) is not Fit.WANTED or len(pods) != 1:
        return False
    (pod,) = pods
    return pod.was_ready and pod.revision != seen.template and not pod.terminating and not pod.finished


def _begins(action: Action) -> str:
    """Return the node on which an action replaces a pod."""
    if isinstance(action, DeletePod):
        return action.pod.node if action.reason != "surplus" else ""
    return action.node if isinstance(action, CreatePod) else ""


class Worker:
    """A worker without I/O: it observes, plans and acts on the world, under the loop's barrier."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.restart()

    def restart(self) -> None:
        """Begin with nothing but a new claim: nothing older than it is looked at."""
        self.barrier = self.world.version
        self.roster = Roster()
        self.shown: Moment | None = None

    def step(self, staleness: int = 0, fates: Callable[[], Fate] = lambda: Fate.DONE) -> Plan:
        """Look at the world as it was `staleness` versions ago, and act."""
        world = self.world
        seen = replace(world.history[max(self.barrier, world.version - staleness)], now=world.now)
        observed = self.observe(seen)
        step = plan(observed)
        check(step, seen)
        for action in step.actions:
            fate = fates()
            if fate is not Fate.REFUSED:
                world.carry_out(action, seen)
                self.barrier = world.version
            if fate is Fate.WORKER_DIES:
                self.restart()
                break
        return step

    def observe(self, seen: Moment) -> Observed:
        """Bring the roster to a moment by what has changed; a new one made of the moment would not differ."""
        revisions = self.world.revisions
        if seen.template != max(revisions, key=lambda name: revisions[name], default=None):
            revisions[seen.template] = max(revisions.values(), default=0) + 1
        follow(self.roster, self.shown, seen)
        self.roster.settle(seen.wanted, seen.template, seen.now)
        assert_like_new(self.roster, seen)
        self.shown = seen
        views = (RevisionView(name, name) for name in sorted(revisions, key=revisions.__getitem__))
        return Observed(seen.wanted, self.roster, seen.template, seen.now, revisions=tuple(views))


def follow(roster: Roster, before: Moment | None, after: Moment) -> None:
    """Tell a roster what differs between two moments."""
    fits, pods = (before.fits, before.pods) if before is not None else ({}, {})
    for node in {**fits, **after.fits}:
        if fits.get(node) is not after.fits.get(node):
            roster.set_fit(node, after.fits.get(node, Fit.GONE))
    for name in pods:
        if name not in after.pods:
            roster.remove_pod(name)
    for name, pod in after.pods.items():
        if pods.get(name) != pod:
            roster.put_pod(pod)


def assert_like_new(roster: Roster, seen: Moment) -> None:
    fresh = Roster()
    follow(fresh, None, seen)
    fresh.settle(seen.wanted, seen.template, seen.now)
    assert roster.counts == fresh.counts
    assert roster.revisions == fresh.revisions
    for role in (Role.SETTLED, Role.BETWEEN, Role.HOPELESS, Role.UNREADY, Role.OUTDATED):
        assert set(roster.of(role)) == set(fresh.of(role)), f"the roster differs in {role.name}"
    assert sorted(map(repr, _without_names(roster))) == sorted(map(repr, _without_names(fresh)))
    assert roster.next_change() == fresh.next_change()


def _without_names(roster: Roster) -> list[object]:
    """Return a roster's moves; which pod a new one replaces is known only to those who saw it go."""
    return [replace(move, replaces="") if isinstance(move, CreatePod) else move for move in roster.moves()]
