"""Keep the standing of every node of a DaemonSet, and their sums. Pure: no I/O, clock or randomness.

The roster follows each change, so that a plan costs what has changed and not what there is.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from operator import add, sub

from statefleet.daemonset.actions import PodAction
from statefleet.daemonset.standing import Counts, Judge, Role, Standing
from statefleet.daemonset.views import NEVER, Fit, NodeView, PodView, SetView

_NOTHING = Standing(Role.ASIDE, Counts())


class Roster:
    """The nodes of one set, each with its pods and its standing as of the last `settle`."""

    def __init__(self) -> None:
        self.counts = Counts()
        """The sums over all nodes."""
        self.revisions: Counter[str] = Counter()
        """How many pods there are of each revision."""
        self._nodes: dict[str, NodeView] = {}
        self._node_of: dict[str, str] = {}
        self._standings: dict[str, Standing] = {}
        self._by_role: dict[Role, dict[str, Standing]] = {role: {} for role in Role}
        self._moving: dict[str, Standing] = {}
        self._due: list[tuple[float, str]] = []
        self._unsettled: dict[str, None] = {}
        self._judge: Judge | None = None

    # What has changed.

    def set_fit(self, name: str, fit: Fit) -> None:
        """Take what a node is to the set; GONE where there is none of the name any more."""
        node = self._node(name)
        if node.fit is not fit:
            node.fit = fit
            self._unsettled[name] = None

    def put_pod(self, pod: PodView) -> None:
        """Take a pod's newest version."""
        name = self._node_of.get(pod.name)
        before = self._nodes[name].pods.get(pod.name) if name is not None else None
        if before is not None and (before.node != pod.node or before.uid != pod.uid):
            self.remove_pod(pod.name)
            before = None
        self._node(pod.node).pods[pod.name] = pod
        self._node_of[pod.name] = pod.node
        self._unsettled[pod.node] = None
        self._count_revision(before, pod)

    def remove_pod(self, name: str) -> None:
        """Forget a pod: it is gone, or no longer the set's."""
        place = self._node_of.pop(name, None)
        if place is None:
            return
        node = self._nodes[place]
        gone = node.pods.pop(name)
        node.last = gone.uid
        self._unsettled[place] = None
        self._count_revision(gone, None)

    def set_patience(self, name: str, until: float) -> None:
        """Leave failed pods of a node alone until a time, seconds since the Unix epoch."""
        self._node(name).patience = until
        self._unsettled[name] = None

    def settle(self, wanted: SetView, update: str, now: float) -> None:
        """Judge the nodes of which anything has changed, by time too; all of them where the set has.

        Time must not go back by more than what does not matter to minReadySeconds.
        """
        before, self._judge = self._judge, Judge(wanted, update, now)
        if before is None or (before.wanted, before.update) != (wanted, update):
            self._unsettled.update(dict.fromkeys(self._nodes))
        while self._due and self._due[0][0] <= now:
            self._unsettled[heapq.heappop(self._due)[1]] = None
        for name in self._unsettled:
            self._settle(name, self._judge)
        self._unsettled.clear()

    # What there is.

    def of(self, role: Role) -> Mapping[str, Standing]:
        """Return the nodes of a role by name."""
        return self._by_role[role]

    def moves(self) -> Iterable[PodAction]:
        """Yield what nodes need at once."""
        for standing in self._moving.values():
            yield from standing.moves

    def next_change(self) -> float:
        """Return when time alone changes a node's standing next, seconds since the Unix epoch."""
        while self._due:
            at, name = self._due[0]
            if self._standings.get(name, _NOTHING).changes_at == at:
                return at
            heapq.heappop(self._due)
        return NEVER

    def _node(self, name: str) -> NodeView:
        node = self._nodes.get(name)
        if node is None:
            node = self._nodes[name] = NodeView(name)
        return node

    def _count_revision(self, before: PodView | None, after: PodView | None) -> None:
        if after is not None:
            self.revisions[after.revision] += 1
        if before is not None:
            self.revisions[before.revision] -= 1
            if not self.revisions[before.revision]:
                del self.revisions[before.revision]

    def _settle(self, name: str, judge: Judge) -> None:
        node = self._nodes.get(name)
        if node is not None and node.fit is Fit.GONE and not node.pods:
            del self._nodes[name]
            node = None
        before = self._standings.pop(name, _NOTHING) if node is None else self._standings.get(name, _NOTHING)
        after = _NOTHING if node is None else judge.judge(node)
        if node is not None:
            self._standings[name] = after
        if before.counts != after.counts:
            self.counts = Counts(*map(add, self.counts, map(sub, after.counts, before.counts)))
        if before.role is not after.role or node is None:
            self._by_role[before.role].pop(name, None)
        if node is not None:
            self._by_role[after.role][name] = after
        if after.moves:
            self._moving[name] = after
        else:
            self._moving.pop(name, None)
        if after.changes_at < NEVER:
            heapq.heappush(self._due, (after.changes_at, name))
