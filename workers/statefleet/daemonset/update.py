"""Decide which nodes a rolling update goes to next. Pure: no I/O, clock or randomness.

All nodes share a budget: so many of them may be in between, without an available pod or with a second one on its way.
An outdated pod that was never Ready is replaced whatever the budget, for that costs nothing; it counts in the budget,
so that a bad revision does not reach another node for being replaced by the next. Of the others those that are
not available go first: they count already, and one that may recover is not given to a revision that has yet to show
that it comes up.
"""

from __future__ import annotations

from itertools import chain, islice

from statefleet.daemonset.actions import PodAction
from statefleet.daemonset.roster import Roster
from statefleet.daemonset.standing import Role
from statefleet.daemonset.views import SetView


def plan_update(roster: Roster, wanted: SetView) -> list[PodAction]:
    """Return the next steps on nodes that wait for their turn."""
    unready, outdated = roster.of(Role.UNREADY), roster.of(Role.OUTDATED)
    if not unready and not outdated:
        return []
    between = len(roster.of(Role.BETWEEN)) + len(roster.of(Role.HOPELESS))
    room = max(0, wanted.budget(roster.counts.desired) - between)
    urgent = sorted(unready.values(), key=lambda standing: not standing.stuck)
    spare = islice(outdated.values(), max(0, room - len(urgent)))
    return [standing.step for standing in chain(urgent[:room], spare) if standing.step is not None]
