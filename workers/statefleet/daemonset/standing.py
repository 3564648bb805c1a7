"""Decide what one node of a DaemonSet needs, and what it is to an update. Pure: no I/O, clock or randomness.

A node is judged by itself: what concerns it alone is done whenever it is due, what costs availability waits for its
turn in the budget that all nodes share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

from statefleet.daemonset.actions import CreatePod, DeletePod, PodAction
from statefleet.daemonset.views import NEVER, Fit, NodeView, PodView, SetView


class Role(IntEnum):
    """What a node is to an update."""

    ASIDE = 0
    """It counts for nothing: it should have no pod, or updates leave its pod alone."""
    SETTLED = 1
    """Its pod is at the update revision and available."""
    BETWEEN = 2
    """It has no available pod, or a second one on its way, and nothing is to be done but to wait."""
    HOPELESS = 3
    """Its outdated pod was never Ready: replacing it loses nothing."""
    UNREADY = 4
    """Its outdated pod was Ready and is not available now."""
    OUTDATED = 5
    """Its outdated pod is available."""


_REASONS = {Role.OUTDATED: "outdated", Role.UNREADY: "unready", Role.HOPELESS: "broken"}


class Counts(NamedTuple):
    """What a node adds to the set's status, each 0 or 1."""

    desired: int = 0
    current: int = 0
    updated: int = 0
    ready: int = 0
    available: int = 0
    misscheduled: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """What a node needs, and what it is to an update."""

    role: Role
    counts: Counts
    moves: tuple[PodAction, ...] = ()
    """What to do at once."""
    step: PodAction | None = None
    """How the update goes on with this node, once it has its turn."""
    stuck: bool = False
    """Whether the pod to be replaced shows that it will not recover by itself."""
    changes_at: float = NEVER
    """When time alone changes the standing, seconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges the nodes of one set at one moment."""

    wanted: SetView
    update: str
    """The hash of the revision of the set's template."""
    now: float

    def judge(self, node: NodeView) -> Standing:
        """Return a node's standing."""
        pods = list(node.pods.values())
        counts = self._count(node.fit, pods)
        live = [pod for pod in pods if not pod.terminating]
        if node.fit is Fit.GONE:
            return Standing(Role.ASIDE, counts, _deletions([pod for pod in live if not pod.bound], "misplaced"))
        if node.fit is Fit.REFUSED:
            return Standing(Role.ASIDE, counts, _deletions(live, "misplaced"))
        standing = self._judge_running(node, counts, [pod for pod in live if not pod.finished])
        ended, retry_at = self._clear(live, node.patience)
        due = min([retry_at, *map(self._available_at, live)]) if live else NEVER
        if not ended and due == NEVER:
            return standing
        return replace(standing, moves=(*ended, *standing.moves), changes_at=due)

    def _judge_running(self, node: NodeView, counts: Counts, running: list[PodView]) -> Standing:
        """Return a node's standing from the pods that run on it or are on their way up."""
        if not running:
            if node.fit is Fit.TOLERATED:
                return Standing(Role.ASIDE, counts)
            return Standing(Role.BETWEEN, counts, self._creation(node))
        old, new, surplus = self._keep(running)
        pruned = _deletions(surplus, "surplus")
        if node.fit is Fit.TOLERATED or (new is None and self.wanted.on_delete):
            return Standing(Role.ASIDE, counts, pruned)
        if new is not None:
            role = Role.SETTLED if self._is_available(new) else Role.BETWEEN
            return Standing(role, counts, (*pruned, *self._relieve(old, role)))
        assert old is not None
        return self._judge_outdated(node, counts, old, pruned)

    def _creation(self, node: NodeView) -> tuple[PodAction, ...]:
        """Make the node's pod where there is room: none is beside it, or while surging one on its way out."""
        pods = list(node.pods.values())
        if len(pods) >= self.wanted.pods_a_node or not all(pod.terminating for pod in pods):
            return ()
        return (CreatePod(node.name, pods[-1].uid if pods else node.last),)

    def _relieve(self, old: PodView | None, role: Role) -> tuple[PodAction, ...]:
        """Let the outdated pod beside an updated one go, unless it may still be what serves the node."""
        if old is None:
            return ()
        if role is Role.SETTLED:
            return (DeletePod(old, "outdated"),)
        serves = old.ready or (old.was_ready and not old.stuck)
        return () if serves else (DeletePod(old, "broken"),)

    def _judge_outdated(
        self, node: NodeView, counts: Counts, old: PodView, pruned: tuple[PodAction, ...]
    ) -> Standing:
        """Return the standing of a node on which an outdated pod alone runs."""
        if len(node.pods) > 1:
            return Standing(Role.BETWEEN, counts, pruned)  # First the others have to go.
        role = self._role_of_outdated(old)
        step = CreatePod(node.name, old.uid) if self.wanted.surges else DeletePod(old, _REASONS[role])
        if role is Role.HOPELESS:
            return Standing(role, counts, (*pruned, step))
        return Standing(role, counts, pruned, step, stuck=old.stuck)

    def _role_of_outdated(self, old: PodView) -> Role:
        if self._is_available(old):
            return Role.OUTDATED
        return Role.UNREADY if old.was_ready else Role.HOPELESS

    def _keep(self, running: list[PodView]) -> tuple[PodView | None, PodView | None, list[PodView]]:
        """Return the outdated pod and the updated one to keep on a node, and those to let go.

        Both may stay only while surging; else the one that is of more use does.
        """
        ranked = sorted(running, key=self._worth) if len(running) > 1 else running
        kept = ranked if self.wanted.surges else ranked[:1]
        old = next((pod for pod in kept if pod.revision != self.update), None)
        new = next((pod for pod in kept if pod.revision == self.update), None)
        return old, new, [pod for pod in ranked if pod is not old and pod is not new]

    def _clear(self, live: list[PodView], patience: float) -> tuple[tuple[PodAction, ...], float]:
        """Delete pods that have ended, those that fail again and again ever later. Return when the next is due."""
        actions: list[PodAction] = []
        due = NEVER
        for pod in live:
            if pod.failed and pod.revision == self.update and patience > self.now:
                due = patience
            elif pod.finished:
                actions.append(DeletePod(pod, "failed" if pod.failed else "succeeded"))
        return tuple(actions), due

    def _count(self, fit: Fit, pods: Sequence[PodView]) -> Counts:
        """Return what a node counts for; of several pods the oldest is the one that counts, as in Kubernetes."""
        there = [pod for pod in pods if not (pod.terminating and pod.finished)]
        if fit is not Fit.WANTED:
            return Counts(misscheduled=int(bool(there) and fit is not Fit.GONE))
        if not there:
            return Counts(desired=1)
        first = min(there, key=self._age)
        return Counts(1, 1, first.revision == self.update, first.ready, self._is_available(first))

    def _is_available(self, pod: PodView) -> bool:
        return pod.ready and self._available_at(pod) == NEVER

    def _available_at(self, pod: PodView) -> float:
        """Return when a pod becomes available if it stays as it is; never, where that is already so.

        Without minReadySeconds nobody's clock counts: Ready is available.
        """
        seconds = self.wanted.min_ready_seconds
        at = pod.ready_since + seconds
        return at if seconds and pod.ready and at > self.now else NEVER

    def _age(self, pod: PodView) -> tuple[bool, float, bool, str]:
        return not pod.bound, pod.created, pod.revision == self.update, pod.name

    def _worth(self, pod: PodView) -> tuple[bool, bool, bool, float, str]:
        """Order pods of which one is to stay: the most useful first."""
        return not self._is_available(pod), pod.revision != self.update, not pod.bound, pod.created, pod.name


def _deletions(pods: Iterable[PodView], reason: str) -> tuple[PodAction, ...]:
    return tuple(DeletePod(pod, reason) for pod in pods)
