"""Put a set's pods in their places and tell their standing. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from functools import cached_property

from statefleet.statefulset.views import NEVER, Observed, PodView


class Roster:
    """The replicas that should be, by place, and the pods that should not.

    `members[i]` is the pod of ordinal start + i, or None where it is missing. `condemned` are the pods outside of the
    ordinals, highest first.
    """

    def __init__(self, observed: Observed) -> None:
        wanted = observed.set
        self.observed = observed
        self.members: list[PodView | None] = [None] * wanted.replicas
        self.condemned: list[PodView] = []
        start, end = wanted.start, wanted.start + wanted.replicas
        members = self.members
        for pod in observed.pods:
            ordinal = pod.ordinal
            if start <= ordinal < end:
                members[ordinal - start] = pod
            else:
                self.condemned.append(pod)
        self.condemned.sort(key=_ordinal, reverse=True)
        # Without minReadySeconds nobody's clock counts: Ready is available.
        self._ready_by = observed.now - wanted.min_ready_seconds if wanted.min_ready_seconds else NEVER

    def available(self, pod: PodView) -> bool:
        """Return whether a pod has been Ready for the set's minReadySeconds."""
        return pod.ready and pod.ready_since <= self._ready_by

    def healthy(self, pod: PodView | None) -> bool:
        """Return whether a replica is there, available and not on its way out."""
        return pod is not None and pod.ready and not pod.terminating and pod.ready_since <= self._ready_by

    def target(self, ordinal: int, pod: PodView | None = None) -> str:
        """Return the revision that an ordinal's replica is to be made from, or made again from in place of `pod`.

        Under a null rollingUpdate as many of the lowest replicas keep the current revision as others now have it.
        """
        observed = self.observed
        wanted = observed.set
        if wanted.on_delete or observed.current == observed.update:
            return observed.update
        kept = wanted.partition
        if kept is None:
            kept = self._at_current - (pod is not None and pod.revision == observed.current and not pod.terminating)
        return observed.current if ordinal < wanted.start + kept else observed.update

    @cached_property
    def _at_current(self) -> int:
        pods = self.observed.pods
        return sum(1 for pod in pods if pod.revision == self.observed.current and not pod.terminating)

    def next_available(self) -> float | None:
        """Return in how many seconds the next pod becomes available by the passing of time alone, if one will."""
        if not self.observed.set.min_ready_seconds:
            return None
        soonest = NEVER
        for pod in self.observed.pods:
            if pod.ready and self._ready_by < pod.ready_since < soonest:
                soonest = pod.ready_since
        return None if soonest == NEVER else soonest - self._ready_by


def _ordinal(pod: PodView) -> int:
    return pod.ordinal
