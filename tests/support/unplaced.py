"""A PodCreator that knows no nodes."""

from __future__ import annotations

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.object.v1.verbs_pb2 import Slot
from statefleet.reconcile.executor import Executor


class Unplaced:
    async def create(self, pod: Pod, act: Executor, *, slot: Slot | None = None) -> Pod:
        return await act.create(pod, slot=slot)
