"""Decide a DaemonSet's next step from one moment's view of it. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from statefleet.daemonset.actions import Action, CreatePod, DeletePod, PodAction
from statefleet.daemonset.roster import Roster
from statefleet.daemonset.update import plan_update
from statefleet.daemonset.views import NEVER, SetView, Status
from statefleet.reconcile.history import RevisionView, cut_history

BURST = 250
"""So many pods at most are made, and so many deleted, in one step."""


@dataclass(frozen=True, slots=True)
class Observed:
    """All that a plan is made from: one moment's view of a set."""

    set: SetView
    roster: Roster
    """Settled for the set, the update revision and this moment."""
    update: str
    """The hash of the revision of the set's template."""
    now: float
    """Seconds since the Unix epoch."""
    collision_count: int = 0
    revisions: tuple[RevisionView, ...] = ()
    """By rising number."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A set's next step."""

    actions: tuple[Action, ...]
    """They are independent of one another."""
    status: Status
    look_again_in: float | None = None
    """Seconds after which there is more to do, by time alone or past a step's limit; None: not before a change."""


def plan(observed: Observed) -> Plan:
    """Return the next step."""
    roster = observed.roster
    wanted = [*roster.moves(), *plan_update(roster, observed.set)]
    actions = _burst(wanted)
    cut = cut_history(observed.revisions, {observed.update, *roster.revisions}, observed.set.history_limit)
    again = observed.now if len(actions) < len(wanted) else roster.next_change()
    return Plan((*actions, *cut), _status(observed), None if again == NEVER else max(0.0, again - observed.now))


def _burst(actions: list[PodAction]) -> list[PodAction]:
    """Return the first actions of each kind."""
    if len(actions) <= BURST:
        return actions
    creations = islice((action for action in actions if isinstance(action, CreatePod)), BURST)
    deletions = islice((action for action in actions if isinstance(action, DeletePod)), BURST)
    return [*deletions, *creations]


def _status(observed: Observed) -> Status:
    counts = observed.roster.counts
    return Status(
        observed_generation=observed.set.generation,
        desired=counts.desired,
        current=counts.current,
        updated=counts.updated,
        ready=counts.ready,
        available=counts.available,
        misscheduled=counts.misscheduled,
        collision_count=observed.collision_count,
    )
