"""What a plan asks for. Each action is harmless when it is done twice. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from dataclasses import dataclass

from statefleet.daemonset.views import PodView
from statefleet.reconcile.history import DeleteRevision


@dataclass(frozen=True, slots=True)
class CreatePod:
    """Make a node's pod at the update revision."""

    node: str
    replaces: str = ""
    """The uid of the node's pod before it, empty where none is known: another pod gets another name."""


@dataclass(frozen=True, slots=True)
class DeletePod:
    """Delete a pod."""

    pod: PodView
    reason: str
    """misplaced, surplus, failed, succeeded, broken, unready or outdated."""

    @property
    def only_unchanged(self) -> bool:
        """Whether the pod must be as it was seen: one that has become Ready since is not broken."""
        return self.reason in ("broken", "unready")


PodAction = CreatePod | DeletePod
Action = PodAction | DeleteRevision
