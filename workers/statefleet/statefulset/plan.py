"""Decide a StatefulSet's next step from one moment's view of it. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from dataclasses import dataclass

from statefleet.statefulset.actions import Action
from statefleet.statefulset.claims import tend_claims
from statefleet.statefulset.history import plan_history
from statefleet.statefulset.ordering import plan_at_once, plan_in_order
from statefleet.statefulset.roster import Roster
from statefleet.statefulset.status import plan_status
from statefleet.statefulset.views import Observed, Status, Wait


@dataclass(frozen=True, slots=True)
class Plan:
    """A set's next step."""

    actions: tuple[Action, ...]
    status: Status
    in_order: bool = False
    """Whether an action may only be done after those before it; else they are independent of one another."""
    waiting_for: tuple[Wait, ...] = ()
    look_again_in: float | None = None
    """Seconds after which time alone changes the plan; None: only a change does."""


def plan(observed: Observed) -> Plan:
    """Return the next step. A set that is being deleted only keeps its status."""
    roster = Roster(observed)
    status = plan_status(roster)
    look_again = roster.next_available()
    if observed.set.deleting:
        return Plan((), status, look_again_in=look_again)
    moves = plan_at_once(roster) if observed.set.parallel else plan_in_order(roster)
    actions = [*_tend_claims(observed), *moves.actions, *plan_history(observed)]
    return Plan(tuple(actions), status, not observed.set.parallel, tuple(moves.waits), look_again)


def _tend_claims(observed: Observed) -> list[Action]:
    if not observed.set.claim_templates:
        return []
    tended = (tend_claims(observed, pod) for pod in observed.pods)
    return [action for action in tended if action is not None]
