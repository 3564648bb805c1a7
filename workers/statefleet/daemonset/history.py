"""Decide which revisions history has no more room for. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Container

from statefleet.daemonset.actions import DeleteRevision
from statefleet.daemonset.views import RevisionView


def plan_history(revisions: tuple[RevisionView, ...], used: Container[str], limit: int) -> tuple[DeleteRevision, ...]:
    """Return the oldest revisions beyond the set's limit; those in use, by their hashes, neither go nor count.

    `revisions` are ordered by rising number.
    """
    if len(revisions) <= limit:
        return ()
    idle = [revision for revision in revisions if revision.hash not in used]
    return tuple(DeleteRevision(revision) for revision in idle[: max(0, len(idle) - limit)])
