"""Decide which revisions history has no more room for. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from statefleet.reconcile.history import DeleteRevision, cut_history
from statefleet.statefulset.views import Observed


def plan_history(observed: Observed) -> tuple[DeleteRevision, ...]:
    """Return the oldest revisions beyond the set's limit; those in use neither go nor count.

    In use are the current and the update revision, those that the stored status names, and every one that a pod
    carries. Nothing is cut while a status is on its way: it will name others.
    """
    if len(observed.revisions) <= observed.set.history_limit or not observed.settled:
        return ()
    used = {observed.current, observed.update, *observed.spared, *(pod.revision for pod in observed.pods)}
    return cut_history(observed.revisions, used, observed.set.history_limit)
