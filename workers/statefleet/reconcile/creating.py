"""Add the pods that sets ask for."""

from __future__ import annotations

from typing import Protocol

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.object.v1.verbs_pb2 import Slot
from statefleet.reconcile.executor import Executor


class PodCreator(Protocol):
    """Adds pods, and may know their nodes: one that it adds without a node is bound later."""

    async def create(self, pod: Pod, act: Executor, *, slot: Slot | None = None) -> Pod:
        """Add a pod, in a slot where one is named, and return it as stored. Raises what `act.create` raises."""
