"""Decide how far a StatefulSet's rollout is. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Sequence

from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.rollouts.pods import AVAILABLE, WAITING, PodFacts
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


def partition_of(owner: StatefulSet) -> int:
    """Return how many of the lowest pods an update spares."""
    return 0 if updates_by_hand(owner) else owner.spec.update_strategy.rolling_update.partition


def places_of(owner: StatefulSet, pods: Sequence[PodFacts], now: float) -> list[Place]:
    """Return a place for each ordinal that a set should have, and for each pod that it should not, in order."""
    start = owner.spec.ordinals.start
    wanted = range(start, start + owner.spec.replicas)
    by_ordinal = {pod.ordinal: pod for pod in pods}
    return [
        _place(owner, ordinal, by_ordinal.get(ordinal), now, is_wanted=ordinal in wanted)
        for ordinal in sorted({*wanted, *by_ordinal})
    ]


def judge(owner: StatefulSet, places: Sequence[Place]) -> Verdict:
    """Return what has become of the rollout."""
    early = early_verdict(owner, places)
    if early is not None:
        return early
    for place in places:
        if place.target and place.phase != AVAILABLE:
            return waiting_for(place)
    for place in reversed(places):
        if not place.target:
            return going_on("ScalingDown", f"{place.name} is to go", place.name)
        if place.outdated:
            return waiting_for_turn(place)
    if partition_of(owner):
        return done("PartitionReached", f"all pods from partition {partition_of(owner)} on are updated and available")
    if owner.status.current_revision != owner.status.update_revision:
        return going_on("Completing", "the set's status does not say yet that all pods are updated")
    return done("Complete", "all pods are updated and available")


def _place(owner: StatefulSet, ordinal: int, pod: PodFacts | None, now: float, *, is_wanted: bool) -> Place:
    status = owner.status
    is_spared = ordinal < owner.spec.ordinals.start + partition_of(owner)
    target = (is_spared and status.current_revision) or status.update_revision
    if not (is_wanted and is_observed(owner)):
        target = ""
    if pod is None:
        return Place(f"{owner.metadata.name}-{ordinal}", WAITING, target=target, ordinal=ordinal)
    return Place(
        name=pod.name,
        phase=pod.phase(now),
        pod=pod,
        target=target,
        # What the partition spares is replaced only where it is broken.
        outdated=bool(target) and pod.label != target and (pod.broken or not is_spared),
        by_hand=updates_by_hand(owner),
        ordinal=ordinal,
    )
