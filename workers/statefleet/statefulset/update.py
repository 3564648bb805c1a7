"""Decide which pods a rolling update deletes next. Pure: no I/O, clock or randomness.

A *broken* pod is one that is not at its target revision, was never Ready and shows that it will not be. It is
replaced before all others, whatever its ordinal: that a bad revision got stuck must not keep a good one from coming.
A pod that is only starting is waited for.
"""

from __future__ import annotations

from statefleet.statefulset.actions import DeletePod
from statefleet.statefulset.roster import Roster
from statefleet.statefulset.views import PodView


def is_broken(roster: Roster, pod: PodView) -> bool:
    """Return whether a replica is broken: stuck on the way up at another revision than its target."""
    return pod.stuck and not pod.was_ready and not pod.terminating and pod.revision != roster.target(pod.ordinal, pod)


def highest_broken(roster: Roster) -> PodView | None:
    """Return the broken pod of the highest ordinal."""
    return next((pod for pod in reversed(roster.members) if pod is not None and is_broken(roster, pod)), None)


def update_in_order(roster: Roster) -> list[DeletePod]:
    """Return the next pods of an OrderedReady update, where every replica is available: the highest outdated ones."""
    return [DeletePod(pod, "outdated") for pod in _outdated(roster)[: roster.observed.set.max_unavailable]]


def update_at_once(roster: Roster) -> list[DeletePod]:
    """Return the next pods of a Parallel update, so many that maxUnavailable replicas are down.

    First come broken pods, then outdated ones that were Ready and are no more, then Ready ones, the highest first of
    each. Only available pods cost availability, but the others are limited too: no more than maxUnavailable replicas
    are in between, missing or starting, so that a bad revision gets no more of them than that. Pods that have
    finished are in between already.
    """
    allowed = roster.observed.set.max_unavailable
    outdated = _outdated(roster)
    broken = [pod for pod in reversed(roster.members) if pod and not pod.finished and is_broken(roster, pod)]
    unready = [pod for pod in outdated if pod.was_ready and not pod.ready and not pod.finished]
    replaceable = [DeletePod(pod, "broken") for pod in broken] + [DeletePod(pod, "unready") for pod in unready]
    ready = [pod for pod in outdated if pod.ready]
    not_yet_available = sum(1 for pod in ready if not roster.available(pod))
    down = sum(1 for pod in roster.members if not roster.healthy(pod))
    room = max(0, allowed - (down - len(replaceable) - not_yet_available))
    chosen = replaceable[:room]
    in_turn = _ready_in_turn(roster, ready[: room - len(chosen)], allowed - down)
    return chosen + [DeletePod(pod, "outdated") for pod in in_turn]


def _ready_in_turn(roster: Roster, ready: list[PodView], spare: int) -> list[PodView]:
    """Return the first Ready pods of which at most `spare` are available; the others are down already."""
    chosen = []
    for pod in ready:
        cost = int(roster.available(pod))
        if cost > max(0, spare):
            break
        spare -= cost
        chosen.append(pod)
    return chosen


def _outdated(roster: Roster) -> list[PodView]:
    """Return the replicas, from the partition up and the highest first, that are not at the update revision."""
    observed = roster.observed
    lowest = observed.set.partition or 0
    return [
        pod
        for pod in reversed(roster.members[lowest:])
        if pod is not None and pod.revision != observed.update and not pod.terminating
    ]
