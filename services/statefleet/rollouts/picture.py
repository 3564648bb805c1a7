"""Keep what has been seen of a set and its pods. No I/O."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.client.following import Change, ChangeType
from statefleet.errors import NotFound, Subject
from statefleet.objects.kinds import POD, Kind, kind_of
from statefleet.objects.meta import REVISION_LABEL, controller_of, is_controlled_by
from statefleet.rollouts.pods import PodFacts, read_pod
from statefleet.rollouts.verdicts import RevisionedSet


class Picture:
    """A set of a kind and a name, and the pods that it controls, from the changes of its namespace."""

    def __init__(self, kind: Kind[Any], name: str) -> None:
        self._kind = kind
        self._name = name
        self._synced = False
        self._gone = False
        self._owner: RevisionedSet | None = None
        self._pods: dict[str, Pod] = {}
        self._facts: dict[str, PodFacts] = {}
        self._min_ready_seconds = 0

    def take(self, change: Change) -> bool:
        """Take up a change. Return whether there is something new to be seen."""
        if change.type is ChangeType.SYNCED:
            self._synced = True
        elif kind_of(change.message) is POD:
            return self._take_pod(change.message, gone=change.type is ChangeType.DELETED) and self._synced
        elif change.message.metadata.name == self._name:
            self._take_owner(change.message, gone=change.type is ChangeType.DELETED)
        else:
            return False
        return self._synced

    def owner(self) -> RevisionedSet | None:
        """Return the set, None as long as not all has been seen. NotFound where there is none, or no more."""
        if not self._synced:
            return None
        if self._owner is None or self._gone:
            kind = self._kind
            subject = Subject(name=self._name, group=kind.group, kind=kind.plural)
            raise NotFound(f'{kind.resource} "{self._name}" not found', subject)
        return self._owner

    def pods(self) -> list[PodFacts]:
        """Return what counts of the pods that the set controls. Each is read once for each of its versions."""
        assert self._owner is not None
        uid, facts = self._owner.metadata.uid, self._facts
        for name, pod in self._pods.items():
            if name not in facts and is_controlled_by(pod.metadata, uid):
                facts[name] = read_pod(pod, self._min_ready_seconds)
        return list(facts.values())

    def revisions_told(self) -> Hashable:
        """Return what changes when a revision of the set does that its progress names."""
        assert self._owner is not None
        status = self._owner.status
        labels = frozenset(pod.metadata.labels.get(REVISION_LABEL, "") for pod in self._pods.values())
        return status.observed_generation, labels

    def _take_owner(self, owner: RevisionedSet, *, gone: bool) -> None:
        # One that was deleted and made anew meanwhile is another set, with a rollout of its own.
        is_other = self._owner is not None and self._owner.metadata.uid != owner.metadata.uid
        self._gone = self._gone or gone or is_other
        self._owner = owner
        if self._min_ready_seconds != owner.spec.min_ready_seconds:
            self._min_ready_seconds = owner.spec.min_ready_seconds
            self._facts.clear()

    def _take_pod(self, pod: Pod, *, gone: bool) -> bool:
        """Take up a pod; return whether it is or was one of the set's."""
        name = pod.metadata.name
        self._facts.pop(name, None)
        controller = controller_of(pod.metadata)
        if gone or controller is None or (controller.kind, controller.name) != (self._kind.name, self._name):
            return self._pods.pop(name, None) is not None
        self._pods[name] = pod
        return True
