"""A small world for the StatefulSet planner: pods that come up, fail and vanish, and a worker that is as unlucky.

The world keeps every version that it went through. The worker looks at any version that is not older than its
barrier, and its actions may be refused, may be done though their reply is lost, or may be cut short by its death.
What it must never do is asserted where the world carries its actions out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum

from statefleet.reconcile.history import DeleteRevision, RevisionView
from statefleet.statefulset.actions import (
    Action,
    CreatePod,
    DeletePod,
    FixPod,
    NewClaim,
    OwnClaim,
    TendClaims,
)
from statefleet.statefulset.plan import Plan, plan
from statefleet.statefulset.views import ClaimView, Observed, PodView, SetView


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
    pods: dict[int, PodView]
    claims: dict[str, ClaimView]
    stored: tuple[str, str]
    """The status's current and update revision."""


@dataclass
class World:
    """The services' state, the nodes that run the pods, and what must hold of them."""

    wanted: SetView
    template: str = "r0"
    bad: set[str] = field(default_factory=set)
    """Revisions that never become Ready."""
    now: float = 1000.0
    pods: dict[int, PodView] = field(default_factory=dict)
    claims: dict[str, ClaimView] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    stored: tuple[str, str] = ("", "")
    down_by_our_hand: set[int] = field(default_factory=set)
    history: list[Moment] = field(default_factory=list)
    scale_deleted_claims: bool = False
    """Whether whenScaled was ever Delete: owners given then may outlast it."""
    made: int = 0

    def __post_init__(self) -> None:
        self.commit()

    @property
    def version(self) -> int:
        return len(self.history) - 1

    def commit(self) -> None:
        """End a change: it is a version of its own."""
        self._count_recovered()
        self.history.append(Moment(self.wanted, self.template, dict(self.pods), dict(self.claims), self.stored))

    def _count_recovered(self) -> None:
        self.down_by_our_hand = {
            ordinal
            for ordinal in self.down_by_our_hand
            if self.wanted.owns_ordinal(ordinal) and not self.is_available(ordinal)
        }

    def is_available(self, ordinal: int) -> bool:
        pod = self.pods.get(ordinal)
        ready = pod is not None and pod.ready and not pod.terminating
        return ready and pod is not None and pod.ready_since + self.wanted.min_ready_seconds <= self.now

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

    def change_pod(self, ordinal: int, **changes: object) -> None:
        self.pods[ordinal] = replace(self.pods[ordinal], **changes)  # type: ignore[arg-type]
        self.commit()

    def lose_pod(self, ordinal: int) -> None:
        del self.pods[ordinal]
        self.commit()

    def collect_garbage(self) -> None:
        """Delete the claims whose owner is a pod that is no more."""
        pods = {pod.uid for pod in self.pods.values()}
        for claim in list(self.claims.values()):
            if any(owner.kind == "Pod" and owner.uid not in pods for owner in claim.owners):
                assert self.scale_deleted_claims, "a claim was lost under whenScaled Retain"
                del self.claims[claim.name]
        self.commit()

    def come_up(self, ordinal: int) -> None:
        """Let a pod do what it does by itself: end, start, get stuck."""
        pod = self.pods[ordinal]
        if pod.terminating:
            self.lose_pod(ordinal)
        elif pod.finished or pod.ready:
            return
        elif pod.revision in self.bad:
            self.change_pod(ordinal, pending=False, stuck=True)
        else:
            self.change_pod(ordinal, pending=False, ready=True, was_ready=True, ready_since=self.now)

    # What the worker may ask for.

    def carry_out(self, action: Action, seen: Observed, step: Plan) -> None:
        match action:
            case CreatePod():
                self._make_claims(action.claims)
                self._create(action, seen, step)
            case DeletePod():
                self._own_claims(action.claims)
                self._delete(action, seen, step)
            case TendClaims():
                self._make_claims(action.missing)
                self._own_claims(action.owned)
            case FixPod():
                raise AssertionError("no pod here is out of shape")
            case DeleteRevision():
                self._cut(action.revision, seen)
        self.commit()

    def _create(self, action: CreatePod, seen: Observed, step: Plan) -> None:
        assert seen.set.owns_ordinal(action.ordinal)
        assert action.ordinal not in {pod.ordinal for pod in seen.pods}, "a second pod of one identity was asked for"
        if action.ordinal in self.pods:
            return
        self._assert_claims_are_there(action, seen)
        if step.in_order:
            before = [pod for pod in seen.pods if seen.set.start <= pod.ordinal < action.ordinal]
            assert len(before) == action.ordinal - seen.set.start, "a pod was made before one below it"
            assert all(_is_available(pod, seen) for pod in before), "a pod was made before one below was available"
        spared = seen.set.partition is not None and action.ordinal < seen.set.start + seen.set.partition
        if not seen.set.on_delete and seen.set.partition is not None:
            assert action.revision == (seen.current if spared else seen.update), "made at the wrong revision"
        assert action.revision in self.revisions, "made at a revision that there is not"
        self.made += 1
        name = seen.set.pod_name(action.ordinal)
        volumes = frozenset((t, seen.set.claim_name(t, action.ordinal)) for t in seen.set.claim_templates)
        self.pods[action.ordinal] = PodView(
            name, f"pod-{self.made}", action.ordinal, action.revision, pending=True, volumes=volumes
        )

    def _assert_claims_are_there(self, action: CreatePod, seen: Observed) -> None:
        for template in seen.set.claim_templates:
            name = seen.set.claim_name(template, action.ordinal)
            assert name in self.claims, "a pod was made before its claims"
            owners = seen.claims[name].owners if name in seen.claims else ()
            going = seen.set.claims_die_with_scale and any(owner.kind == "Pod" for owner in owners)
            assert not going, "a pod was made on a claim that goes with another"

    def _delete(self, action: DeletePod, seen: Observed, step: Plan) -> None:
        pod = self.pods.get(action.pod.ordinal)
        if pod is None or pod.uid != action.pod.uid or pod.terminating:
            return
        if action.only_unchanged and pod != action.pod:
            return
        self._assert_may_go(pod, seen, step)
        self.pods[pod.ordinal] = replace(pod, terminating=True)

    def _assert_may_go(self, pod: PodView, seen: Observed, step: Plan) -> None:
        if not pod.ready or not seen.set.owns_ordinal(pod.ordinal):
            return
        lowest = seen.set.start + (seen.set.partition or 0)
        assert not seen.set.on_delete, "OnDelete touched a Ready pod"
        assert pod.revision != seen.update, "a Ready pod of the right revision was deleted"
        assert pod.ordinal >= lowest, "a Ready pod below the partition was deleted"
        above = [other for other in seen.pods if seen.set.owns_ordinal(other.ordinal) and other.ordinal > pod.ordinal]
        with_it = () if step.in_order else [action.pod for action in step.actions if isinstance(action, DeletePod)]
        assert all(
            other.revision == seen.update or self.pods.get(other.ordinal) != other or other in with_it
            for other in above
            if other.ready and not other.terminating
        ), "a Ready pod was deleted before an outdated one above it"
        self._count_recovered()
        if self.is_available(pod.ordinal):
            self.down_by_our_hand.add(pod.ordinal)
            assert len(self.down_by_our_hand) <= seen.set.max_unavailable, "more pods down by our hand than allowed"

    def _cut(self, revision: RevisionView, seen: Observed) -> None:
        in_use = {seen.current, seen.update, *self.stored, *(pod.revision for pod in self.pods.values())}
        assert revision.name not in in_use, "a revision in use was cut"
        self.revisions.pop(revision.name, None)

    def _make_claims(self, claims: tuple[NewClaim, ...]) -> None:
        for claim in claims:
            self.claims.setdefault(claim.name, ClaimView(claim.name, claim.owners))

    def _own_claims(self, claims: tuple[OwnClaim, ...]) -> None:
        for claim in claims:
            if claim.name in self.claims:
                self.claims[claim.name] = replace(self.claims[claim.name], owners=claim.owners)


class Worker:
    """A worker without I/O: it observes, plans and acts on the world, under the loop's barrier."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.restart()

    def restart(self) -> None:
        """Begin with nothing but a new claim: nothing older than it is looked at."""
        self.barrier = self.world.version
        self.put = ("", "")
        self.put_shown_at: float = 0
        """The version that shows the status put last; infinity until it has arrived."""

    def step(self, staleness: int = 0, fates: Callable[[], Fate] = lambda: Fate.DONE) -> Plan:
        """Look at the world as it was `staleness` versions ago, and act."""
        world = self.world
        seen = self.observe(max(self.barrier, world.version - staleness))
        step = plan(seen)
        put = (step.status.current_revision, step.status.update_revision)
        if put != self.put:
            self.put, self.put_shown_at = put, float("inf")
        for action in step.actions:
            fate = fates()
            if fate is not Fate.REFUSED:
                world.carry_out(action, seen, step)
                self.barrier = world.version
            elif step.in_order:
                break
            if fate is Fate.WORKER_DIES:
                self.restart()
                break
        return step

    def observe(self, version: int) -> Observed:
        moment, revisions = self.world.history[version], self.world.revisions
        if moment.template != max(revisions, key=lambda name: revisions[name], default=None):
            revisions[moment.template] = max(revisions.values(), default=0) + 1
        current = (moment.stored if version >= self.put_shown_at else self.put)[0]
        return Observed(
            set=moment.wanted,
            pods=tuple(moment.pods.values()),
            current=current if current in revisions else moment.template,
            update=moment.template,
            now=self.world.now,
            claims=moment.claims,
            revisions=tuple(RevisionView(name, name) for name in sorted(revisions, key=revisions.__getitem__)),
            spared=frozenset(moment.stored),
            settled=version >= self.put_shown_at,
        )

    def write_status(self) -> None:
        """Have the status arrive that was put last."""
        if self.put_shown_at == float("inf"):
            self.world.stored = self.put
            self.world.commit()
            self.put_shown_at = self.world.version


def _is_available(pod: PodView, seen: Observed) -> bool:
    return pod.ready and not pod.terminating and pod.ready_since + seen.set.min_ready_seconds <= seen.now
