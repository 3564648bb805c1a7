"""What the planner sees of a DaemonSet and what belongs to it. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from statefleet.reconcile.bounds import Bound

NEVER = float("inf")
_ONE, _NONE = Bound(1), Bound(0)


class Fit(Enum):
    """What a node is to a set."""

    WANTED = "wanted"
    """The set should have a pod on it."""
    TOLERATED = "tolerated"
    """A taint keeps new pods off it, and leaves alone those that are there."""
    REFUSED = "refused"
    """No pod of the set may be on it."""
    GONE = "gone"
    """There is no such node: what becomes of the pods that were bound to it is for those who know nodes to say."""


@dataclass(frozen=True, slots=True)
class SetView:
    """A DaemonSet's specification, defaults filled in."""

    name: str
    uid: str = ""
    generation: int = 1
    on_delete: bool = False
    max_unavailable: Bound = _ONE
    """How many nodes, of those that should have a pod, an update may have without an available one at once."""
    max_surge: Bound = _NONE
    """How many nodes an update may have a second pod on at once. Exactly one of the two is not 0."""
    min_ready_seconds: int = 0
    history_limit: int = 10

    @property
    def surges(self) -> bool:
        """Whether an update makes the new pod before the old one goes."""
        return self.max_surge.number > 0 and not self.on_delete

    @property
    def pods_a_node(self) -> int:
        """How many pods a node may have at once, those on their way out included."""
        return 2 if self.surges else 1

    def budget(self, nodes: int) -> int:
        """Return how many nodes an update may have in between at once, at least 1."""
        return max(1, (self.max_surge if self.surges else self.max_unavailable).rounded_up(nodes))


@dataclass(frozen=True, slots=True)
class PodView:
    """What counts of a pod."""

    name: str
    uid: str
    node: str
    """The node that it is bound to or meant for."""
    revision: str
    """The hash of the revision that it was made from, by its label."""
    bound: bool = True
    created: float = 0.0
    """When it was made, seconds since the Unix epoch."""
    ready: bool = False
    ready_since: float = 0.0
    """When it became Ready, seconds since the Unix epoch."""
    was_ready: bool = False
    """Ready now or at some time before."""
    failed: bool = False
    succeeded: bool = False
    terminating: bool = False
    stuck: bool = False
    """It shows a sign of not coming up: failed, restarted, unschedulable or waiting for what will not come."""

    @property
    def finished(self) -> bool:
        """Whether it has ended and will not run again."""
        return self.failed or self.succeeded


@dataclass(slots=True)
class NodeView:
    """A node, or what was one, and all the pods that the set has on it."""

    name: str
    fit: Fit = Fit.GONE
    pods: dict[str, PodView] = field(default_factory=dict)
    """By name."""
    last: str = ""
    """The uid of the pod that went last, where it is known."""
    patience: float = 0.0
    """Before when a pod of the update revision that failed is not deleted, seconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class Status:
    """What of a DaemonSet's status is decided here. Numbers count nodes."""

    observed_generation: int
    desired: int = 0
    current: int = 0
    updated: int = 0
    ready: int = 0
    available: int = 0
    misscheduled: int = 0
    collision_count: int = 0

    @property
    def unavailable(self) -> int:
        """How many nodes should have an available pod and have none."""
        return self.desired - self.available
