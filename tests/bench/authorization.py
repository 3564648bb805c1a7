"""Measure what asking who may do what adds to a call: python tests/bench/authorization.py

Figures are microseconds of processor time a call, of a pod's status written by each of those who may.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from statefleet.api.core.v1.reference_pb2 import ObjectReference
from statefleet.api.object.v1.verbs_pb2 import UpdateStatusRequest
from statefleet.app.authority import component
from statefleet.authorization.agents import Place
from statefleet.authorization.interceptor import Authorization
from statefleet.authorization.nodes import NodeScope
from statefleet.authorization.requests import reading_of
from statefleet.objects.kinds import POD
from statefleet.rpc.identity import CALLED_FOR
from support.objects import a_pod

METHOD = "/statefleet.api.workloads.v1.WorkloadStore/UpdateStatus"
CALLS, ROUNDS = 20_000, 3


class OnePlace:
    """Every pod is on node-1."""

    def place(self, namespace: str, name: str) -> Place:
        return Place("node-1", "uid")

    def is_mounted(self, scope: NodeScope, kind: str, namespace: str, name: str) -> bool:
        return False

    def told_of(self, namespace: str, name: str) -> ObjectReference | None:
        return None

    async def catch_up(self) -> None:
        pass


async def main() -> None:
    """Print a line for each caller."""
    authorization, reading = Authorization(OnePlace()), reading_of(METHOD)
    assert reading is not None
    pod = a_pod("web-0")
    pod.metadata.uid = "uid"
    request = UpdateStatusRequest(object=POD.wrap(pod))
    for part in ("statefleet", "worker", "agent"):
        CALLED_FOR.set(component(part))
        best = float("inf")
        for _ in range(ROUNDS):
            began = time.process_time()
            for _ in range(CALLS):
                await authorization._admit("UpdateStatus", reading, request, None)
            best = min(best, (time.process_time() - began) / CALLS * 1e6)
        print(f"{part:>12}: {best:.1f} µs a call")


if __name__ == "__main__":
    asyncio.run(main())
