"""Decide which revisions of a set its history has no more room for. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RevisionView:
    """What counts of a ControllerRevision that a set controls."""

    name: str
    label: str
    """What pods made from it bear as their revision: its name in a StatefulSet, its hash in a DaemonSet."""
    uid: str = ""


@dataclass(frozen=True, slots=True)
class DeleteRevision:
    """Delete a revision that history has no more room for; harmless when it is done twice."""

    revision: RevisionView


def cut_history(revisions: tuple[RevisionView, ...], used: Container[str], limit: int) -> tuple[DeleteRevision, ...]:
    """Return the oldest revisions beyond a limit; those in use, by their labels, neither go nor count.

    `revisions` are ordered by rising number.
    """
    idle = [revision for revision in revisions if revision.label not in used]
    return tuple(DeleteRevision(revision) for revision in idle[: max(0, len(idle) - limit)])
