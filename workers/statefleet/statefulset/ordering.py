"""Decide which pods to make, remove and mend, by the set's pod management policy. Pure: no I/O, clock or randomness.

OrderedReady does one thing a pass: replicas come from the lowest ordinal up, each after all before it are available;
they go from the highest down; and scaling down goes before updating. Under Parallel no replica waits for another,
except for the budget of an update.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from statefleet.statefulset.actions import Action, CreatePod, DeletePod, FixPod
from statefleet.statefulset.claims import claim_in_the_way, missing_claims, owned_claims
from statefleet.statefulset.roster import Roster
from statefleet.statefulset.update import highest_broken, update_at_once, update_in_order
from statefleet.statefulset.views import Observed, PodView, SetView, Wait


@dataclass(slots=True)
class Moves:
    """What to do, and what keeps from more."""

    actions: list[Action] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)


def plan_in_order(roster: Roster) -> Moves:
    """Return the next move under OrderedReady."""
    moves = Moves()
    on_delete = roster.observed.set.on_delete
    broken = None if on_delete else highest_broken(roster)
    if broken is not None:
        moves.actions.append(DeletePod(broken, "broken"))
    elif _members_stand(roster, moves) and _condemned_are_gone(roster, moves) and not on_delete:
        moves.actions += update_in_order(roster)
    return moves


def plan_at_once(roster: Roster) -> Moves:
    """Return the next moves under Parallel."""
    moves, observed = Moves(), roster.observed
    for place, pod in enumerate(roster.members):
        if pod is None:
            _create(roster, observed.set.start + place, moves)
        elif pod.terminating:
            moves.waits.append(Wait(pod.name, "terminate"))
        elif pod.finished:
            moves.actions.append(DeletePod(pod, "failed"))
        else:
            if not roster.available(pod):
                moves.waits.append(_until_available(pod))
            _fix(observed, pod, moves)
    moves.actions += [_remove(observed, pod) for pod in roster.condemned if not pod.terminating]
    if not observed.set.on_delete:
        moves.actions += update_at_once(roster)
    return moves


def _members_stand(roster: Roster, moves: Moves) -> bool:
    """Make the first replica that is missing or has ended. Return whether all are there and available."""
    observed = roster.observed
    for place, pod in enumerate(roster.members):
        if pod is None:
            _create(roster, observed.set.start + place, moves)
            return False
        if pod.terminating:
            moves.waits.append(Wait(pod.name, "terminate"))
            return False
        if pod.finished:
            moves.actions.append(DeletePod(pod, "failed"))
            return False
        if not roster.available(pod):
            moves.waits.append(_until_available(pod))
            return False
        _fix(observed, pod, moves)
    return True


def _condemned_are_gone(roster: Roster, moves: Moves) -> bool:
    """Remove the highest condemned pod where that is its turn. Return whether there is none left.

    One that is not available is waited for, unless no lower one is unavailable: it would wait for itself. Nor is one
    waited for that has finished or is stuck on its way up.
    """
    if not roster.condemned:
        return True
    highest = roster.condemned[0]
    if highest.terminating:
        moves.waits.append(Wait(highest.name, "terminate"))
        return False
    lowest_down = next((pod for pod in reversed(roster.condemned) if not roster.healthy(pod)), None)
    hopeless = highest.finished or (highest.stuck and not highest.was_ready)
    if not roster.available(highest) and lowest_down is not highest and not hopeless:
        moves.waits.append(_until_available(highest))
    else:
        moves.actions.append(_remove(roster.observed, highest))
    return False


def _until_available(pod: PodView) -> Wait:
    return Wait(pod.name, "become available" if pod.ready else "become ready")


def _create(roster: Roster, ordinal: int, moves: Moves) -> None:
    observed = roster.observed
    claim = claim_in_the_way(observed, ordinal)
    if claim is not None:
        moves.waits.append(Wait(observed.set.pod_name(ordinal), f"lose its old claim {claim}"))
        return
    moves.actions.append(CreatePod(ordinal, roster.target(ordinal), missing_claims(observed, ordinal)))


def _remove(observed: Observed, pod: PodView) -> DeletePod:
    return DeletePod(pod, "scaled down", owned_claims(observed, pod))


def _fix(observed: Observed, pod: PodView, moves: Moves) -> None:
    """Mend a pod that lacks its name label or the volumes of its ordinal."""
    if not pod.named or not _mounts_its_claims(observed.set, pod):
        moves.actions.append(FixPod(pod, missing_claims(observed, pod.ordinal)))


def _mounts_its_claims(wanted: SetView, pod: PodView) -> bool:
    if not wanted.claim_templates:
        return True
    return all((name, wanted.claim_name(name, pod.ordinal)) in pod.volumes for name in wanted.claim_templates)
