"""What the planner sees of a StatefulSet and what belongs to it. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from statefleet.reconcile.history import RevisionView

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class SetView:
    """A StatefulSet's specification, defaults filled in and percentages reckoned out."""

    name: str
    uid: str = ""
    generation: int = 1
    deleting: bool = False
    replicas: int = 1
    start: int = 0
    """The lowest ordinal."""
    parallel: bool = False
    on_delete: bool = False
    partition: int | None = 0
    """How many of the lowest replicas an update spares; None where rollingUpdate is null."""
    max_unavailable: int = 1
    """How many replicas an update may have down at once, at least 1."""
    min_ready_seconds: int = 0
    claim_templates: tuple[str, ...] = ()
    """The names of the volume claim templates."""
    claims_die_with_set: bool = False
    claims_die_with_scale: bool = False
    history_limit: int = 10

    def owns_ordinal(self, ordinal: int) -> bool:
        """Return whether the set should have a replica of this ordinal."""
        return self.start <= ordinal < self.start + self.replicas

    def pod_name(self, ordinal: int) -> str:
        """Return the name of the replica of an ordinal."""
        return f"{self.name}-{ordinal}"

    def claim_name(self, template: str, ordinal: int) -> str:
        """Return the name of a replica's claim of one template."""
        return f"{template}-{self.name}-{ordinal}"


@dataclass(frozen=True, slots=True)
class PodView:
    """What counts of a pod."""

    name: str
    uid: str
    ordinal: int
    revision: str
    """The ControllerRevision that it was made from, by its label."""
    ready: bool = False
    """Running and Ready."""
    ready_since: float = 0.0
    """When it became Ready, seconds since the Unix epoch."""
    was_ready: bool = False
    """Ready now or at some time before."""
    pending: bool = False
    finished: bool = False
    """Failed or Succeeded."""
    terminating: bool = False
    stuck: bool = False
    """It shows a sign of not coming up: failed, restarted, unschedulable or waiting for what will not come."""
    named: bool = True
    """It carries its own name in the label that says it."""
    volumes: frozenset[tuple[str, str]] = frozenset()
    """The (volume, claim) pairs that it mounts."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An owner reference; kinds are StatefulSet and Pod, others count only as controllers."""

    kind: str
    name: str
    uid: str
    controller: bool = True


@dataclass(frozen=True, slots=True)
class ClaimView:
    """What counts of a persistent volume claim."""

    name: str
    owners: tuple[Reference, ...] = ()
    terminating: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """What of a StatefulSet's status is decided here."""

    observed_generation: int
    replicas: int
    ready_replicas: int
    available_replicas: int
    current_replicas: int
    updated_replicas: int
    current_revision: str
    update_revision: str
    collision_count: int = 0


@dataclass(frozen=True, slots=True)
class Observed:
    """All that a plan is made from: one moment's view of a set."""

    set: SetView
    pods: tuple[PodView, ...]
    """The pods that the set controls and that bear a name of the set's."""
    current: str
    """The name of the revision that the set was at before the update under way."""
    update: str
    """The name of the revision of the set's template."""
    now: float
    """Seconds since the Unix epoch."""
    collision_count: int = 0
    claims: Mapping[str, ClaimView] = field(default_factory=dict)
    """The claims there are of those that the set's templates name, by name."""
    revisions: tuple[RevisionView, ...] = ()
    """By rising number."""
    spared: frozenset[str] = frozenset()
    """Names of revisions that history keeps whatever else: those that the stored status names."""
    settled: bool = True
    """Whether the stored status is the one decided on last: no other is on its way."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What keeps the plan from going on."""

    pod: str
    reason: str
    """What has to happen to the pod, such as `terminate` or `become available`."""
