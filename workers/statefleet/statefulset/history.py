"""Decide which revisions history has no more room for. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from statefleet.statefulset.actions import DeleteRevision
from statefleet.statefulset.views import Observed


def plan_history(observed: Observed) -> tuple[DeleteRevision, ...]:
    """Return the oldest revisions beyond the set's limit; those in use neither go nor count.

    In use are the current and the update revision, those that the stored status names, and every one that a pod
    carries. Nothing is cut while a status is on its way: it will name others.
    """
    surplus = len(observed.revisions) - observed.set.history_limit
    if surplus <= 0 or not observed.settled:
        return ()
    used = {observed.current, observed.update, *observed.spared, *(pod.revision for pod in observed.pods)}
    idle = [revision for revision in observed.revisions if revision.name not in used]
    cut = max(0, len(idle) - observed.set.history_limit)
    return tuple(DeleteRevision(revision) for revision in idle[:cut])
