"""Name a set's revisions as its pods do. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Iterable

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.rollouts.v1.rollouts_pb2 import Revision
from statefleet.objects.meta import REVISION_LABEL


class Revisions:
    """A set's revisions, found by what its pods carry: the name, or in a DaemonSet the hash alone."""

    def __init__(self, found: Iterable[ControllerRevision] = ()) -> None:
        by_number = sorted(found, key=lambda revision: (revision.revision, revision.metadata.name))
        self._by_label: dict[str, Revision] = {}
        self.newest_label = ""
        """What pods of the newest revision of a DaemonSet carry; empty where there is none."""
        for revision in by_number:
            meta = revision.metadata
            named = Revision(name=meta.name, number=revision.revision)
            self._by_label[meta.name] = named
            self.newest_label = meta.labels.get(REVISION_LABEL, "") or meta.name.rpartition("-")[2]
            self._by_label[self.newest_label] = named

    def named(self, label: str) -> Revision | None:
        """Return the revision that a pod carries, without a number where history has forgotten it; None for none."""
        if not label:
            return None
        return self._by_label.get(label) or Revision(name=label)
