"""Decide how far a DaemonSet's rollout is. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Sequence

from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.rollouts.pods import AVAILABLE, READY, STARTING, TERMINATING, WAITING, PodFacts
from statefleet.rollouts.verdicts import (
    Place,
    Verdict,
    done,
    early_verdict,
    going_on,
    is_observed,
    updates_by_hand,
    waiting_for,
    waiting_for_turn,
)

_IN_BETWEEN = (TERMINATING, STARTING, WAITING, READY)


def places_of(owner: DaemonSet, pods: Sequence[PodFacts], newest: str, now: float) -> list[Place]:
    """Return a place for each pod, by node. `newest` is what pods of the set's newest revision carry."""
    target = newest if is_observed(owner) else ""
    return [
        Place(
            name=pod.name,
            phase=pod.phase(now),
            pod=pod,
            target=target,
            outdated=bool(target) and pod.label != target,
            by_hand=updates_by_hand(owner),
        )
        for pod in sorted(pods, key=lambda pod: (pod.node, pod.name))
    ]


def judge(owner: DaemonSet, places: Sequence[Place]) -> Verdict:
    """Return what has become of the rollout.

    Only the status tells which nodes should have a pod: one that the set may no longer have new pods on can keep an
    outdated one, which is not waited for.
    """
    early = early_verdict(owner, places)
    if early is not None:
        return early
    status, desired = owner.status, owner.status.desired_number_scheduled
    for phase in _IN_BETWEEN:
        for place in places:
            if place.phase == phase and (phase == TERMINATING or not place.outdated):
                return waiting_for(place)
    serving = {place.pod.node for place in places if place.pod and not place.outdated and place.phase == AVAILABLE}
    if len(serving) >= desired and min(status.updated_number_scheduled, status.number_available) >= desired:
        return done("Complete", "every node that should have a pod has an updated and available one")
    for place in places:
        if place.outdated:
            return waiting_for_turn(place)
    return going_on("Missing", f"{len(serving)} of {desired} nodes have an updated and available pod")
