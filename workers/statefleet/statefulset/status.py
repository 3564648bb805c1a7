"""Reckon a StatefulSet's status from its pods. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from statefleet.statefulset.roster import Roster
from statefleet.statefulset.views import Status


def plan_status(roster: Roster) -> Status:
    """Return the status that the pods make true.

    Pods on their way out count as replicas, and as ready while they are, but no more as current or updated. Once
    there are as many replicas as asked for, all updated and ready, the update is complete: the update revision
    becomes the current one.
    """
    observed = roster.observed
    ready = available = current = updated = 0
    for pod in observed.pods:
        if pod.ready:
            ready += 1
            available += roster.available(pod)
        if not pod.terminating:
            current += pod.revision == observed.current
            updated += pod.revision == observed.update
    replicas = len(observed.pods)
    complete = updated == ready == replicas == observed.set.replicas
    return Status(
        observed_generation=observed.set.generation,
        replicas=replicas,
        ready_replicas=ready,
        available_replicas=available,
        current_replicas=updated if complete else current,
        updated_replicas=updated,
        current_revision=observed.update if complete else observed.current,
        update_revision=observed.update,
        collision_count=observed.collision_count,
    )
