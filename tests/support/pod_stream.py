"""What `kubectl get pods --watch --output-watch-events` tells of pods."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from support.processes import Heard

REPLACED = ("Terminating", "gone", "Pending", "ContainerCreating", "Running 0/1", "Running 1/1")
"""What a pod goes through that is replaced, and its successor until it serves."""

_EVENTS = ("ADDED", "MODIFIED", "DELETED")


class Step(NamedTuple):
    """A pod has come to a stage: its status, for a running pod with how many containers are ready, or gone."""

    pod: str
    stage: str


class PodStream:
    """The steps of pods in the order in which kubectl printed them, from when it has begun to watch.

    It must tell its requests too (`-v=6`): it says nothing else where there are no pods yet.
    """

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._begun = 0
        heard.until(lambda lines: any("watch=true" in line for line in lines), "watch")
        self.skip()

    def skip(self) -> None:
        """Forget what has been told so far."""
        self._begun = len(self._steps(self._heard.lines))

    @property
    def steps(self) -> list[Step]:
        """The steps since the last `skip`."""
        return self._steps(self._heard.lines)[self._begun :]

    def of(self, stage: str) -> list[str]:
        """Return the pods that came to a stage, in that order."""
        return [step.pod for step in self.steps if step.stage == stage]

    def until(self, reached: Callable[[list[Step]], bool], wanted: str) -> list[Step]:
        """Return the steps since the last `skip` once a condition holds of them."""

        def find(lines: list[str]) -> list[Step] | None:
            steps = self._steps(lines)[self._begun :]
            return steps if reached(steps) else None

        return self._heard.until(find, wanted)

    def until_stage(self, stage: str, *pods: str) -> list[Step]:
        """Return the steps once each of the pods has come to a stage."""
        wanted = {Step(pod, stage) for pod in pods}
        return self.until(lambda steps: wanted.issubset(steps), f"{stage} of {', '.join(pods)}")

    @staticmethod
    def _steps(lines: Iterable[str]) -> list[Step]:
        latest: dict[str, str] = {}
        steps = []
        for line in lines:
            event, *columns = line.split()
            if event not in _EVENTS:
                continue
            pod, ready, status = columns[:3]
            stage = "gone" if event == "DELETED" else f"{status} {ready}" if status == "Running" else status
            if latest.get(pod) != stage:
                latest[pod] = stage
                steps.append(Step(pod, stage))
        return steps


def replacements(*pods: str) -> list[Step]:
    """Return the steps of pods that are replaced one after the other."""
    return [Step(pod, stage) for pod in pods for stage in REPLACED]
