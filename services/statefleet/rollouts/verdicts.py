"""What a rollout's pods should be, and what is to be said of a rollout. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.rollouts.v1.rollouts_pb2 import Progress
from statefleet.objects.meta import is_deleting
from statefleet.rollouts.pods import BROKEN, READY, STARTING, TERMINATING, WAITING, Phase, PodFacts

RevisionedSet: TypeAlias = StatefulSet | DaemonSet
"""What has rollouts."""

_ON_DELETE: Final = "OnDelete"
_WAITS: Final[dict[Phase, tuple[str, str]]] = {
    WAITING: ("Waiting", "get a node"),
    TERMINATING: ("Terminating", "terminate"),
    STARTING: ("Starting", "become ready"),
    READY: ("NotYetAvailable", "stay ready for minReadySeconds"),
    BROKEN: ("Broken", "be replaced"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A pod, or the lack of one, and what it should be."""

    name: str
    phase: Phase
    pod: PodFacts | None = None
    target: str = ""
    """What it should carry as its revision; empty: it should not exist, or what it should be is not known yet."""
    outdated: bool = False
    """It is to be replaced by another."""
    by_hand: bool = False
    """If so, only when somebody deletes it."""
    ordinal: int | None = None

    @property
    def stuck(self) -> bool:
        """Whether it is broken and nothing will replace it."""
        return self.phase == BROKEN and bool(self.target) and (self.by_hand or not self.outdated)


class Verdict(NamedTuple):
    """What has become of a rollout, and why."""

    state: Progress.State.ValueType
    reason: str
    message: str
    pod: str = ""


def is_observed(owner: RevisionedSet) -> bool:
    """Return whether the set's status tells of its spec as it is."""
    return owner.status.observed_generation >= owner.metadata.generation


def updates_by_hand(owner: RevisionedSet) -> bool:
    """Return whether pods are updated only when somebody deletes them."""
    return owner.spec.update_strategy.type == _ON_DELETE


def done(reason: str, message: str) -> Verdict:
    """Return the verdict on a rollout that is done."""
    return Verdict(Progress.STATE_DONE, reason, message)


def going_on(reason: str, message: str, pod: str = "") -> Verdict:
    """Return the verdict on a rollout that goes on."""
    return Verdict(Progress.STATE_PROGRESSING, reason, message, pod)


def waiting_for(place: Place) -> Verdict:
    """Return the verdict on a rollout that waits for a pod to go on in its life."""
    reason, what = _WAITS[place.phase]
    if place.pod is None:
        what = "be made"
    told = f" ({place.pod.reason})" if place.pod is not None and place.pod.reason else ""
    return going_on(reason, f"waiting for {place.name} to {what}{told}", place.name)


def waiting_for_turn(place: Place) -> Verdict:
    """Return the verdict on a rollout whose next pod to be replaced is this one."""
    if place.by_hand:
        return going_on("OnDelete", f"{place.name} is updated when somebody deletes it", place.name)
    return going_on("Outdated", f"{place.name} is the next to be updated", place.name)


def early_verdict(owner: RevisionedSet, places: Sequence[Place]) -> Verdict | None:
    """Return the verdict where nothing has to be counted for it, such as on a rollout that is stuck."""
    if is_deleting(owner.metadata):
        return Verdict(Progress.STATE_FAILED, "Deleted", "the set is being deleted")
    if not is_observed(owner):
        return going_on("NotObserved", "the set's last change has not been taken up yet")
    for place in reversed(places):
        if place.stuck and place.pod is not None:
            told = place.pod.message or place.pod.reason
            return Verdict(Progress.STATE_FAILED, place.pod.reason, f"{place.name} is stuck: {told}", place.name)
    return None
