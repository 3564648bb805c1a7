"""Services that keep what they are asked and answer what a test says, for clients."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.nodes.v1.node_registry_pb2_grpc import NodeRegistryServicer, add_NodeRegistryServicer_to_server
from statefleet.api.object.v1.object_pb2 import Object
from statefleet.api.object.v1.verbs_pb2 import WatchEvent, WatchResponse
from statefleet.api.revisions.v1.revision_history_pb2_grpc import (
    RevisionHistoryServicer,
    add_RevisionHistoryServicer_to_server,
)
from statefleet.api.workloads.v1.workload_store_pb2_grpc import (
    WorkloadStoreServicer,
    add_WorkloadStoreServicer_to_server,
)
from statefleet.objects.kinds import NODES, REVISIONS, WORKLOADS
from statefleet.rpc.inprocess import InProcessServer
from statefleet.rpc.interceptors import CallInterceptor
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.rand import SystemRand


@dataclass
class FakeService:
    """Every method of a service: takes the next of `answers` and keeps the request in `requests`.

    An answer is a message, an error to raise, or for a stream a list of messages and errors.
    """

    answers: deque[Any] = field(default_factory=deque)
    requests: list[tuple[str, Any]] = field(default_factory=list)

    def answer(self, *answers: Any) -> None:
        """Add answers."""
        self.answers.extend(answers)

    def last(self) -> Any:
        """Return the last request."""
        return self.requests[-1][1]

    async def unary(self, method: str, request: Message) -> Any:
        """Answer with one message."""
        self.requests.append((method, request))
        return _given(self.answers.popleft())

    async def stream(self, method: str, request: Message) -> AsyncIterator[Any]:
        """Answer with a stream."""
        self.requests.append((method, request))
        answers = self.answers.popleft()
        for answer in answers if isinstance(answers, list) else [answers]:
            yield _given(answer)


def _given(answer: Any) -> Any:
    if isinstance(answer, BaseException):
        raise answer
    return answer


_SERVICES: dict[int, tuple[type[Any], Any]] = {
    WORKLOADS: (WorkloadStoreServicer, add_WorkloadStoreServicer_to_server),
    REVISIONS: (RevisionHistoryServicer, add_RevisionHistoryServicer_to_server),
    NODES: (NodeRegistryServicer, add_NodeRegistryServicer_to_server),
}


async def serve_fake(service: int, fake: FakeService) -> InProcessServer:
    """Start a server of a service that answers as the fake says."""
    base, add = _SERVICES[service]

    def method(name: str) -> Any:
        if name in {"List", "Watch"}:
            return lambda _, request, __: fake.stream(name, request)
        return lambda _, request, __: fake.unary(name, request)

    names = [name for name in vars(base) if not name.startswith("_")]
    servicer = type("Servicer", (base,), {name: method(name) for name in names})()
    server = InProcessServer([CallInterceptor(clock=SystemClock(), rand=SystemRand(1))])
    add(servicer, server)
    await server.start()
    return server


def pod(name: str, version: int | str = "", *, namespace: str = "default") -> Pod:
    """Return a pod with nothing but an identity."""
    made = Pod()
    made.metadata.name, made.metadata.namespace = name, namespace
    if version:
        made.metadata.resource_version = str(version)
    return made


def event(kind: str, item: Pod | None = None, version: int = 0, *, initial_end: bool = False) -> WatchEvent:
    """Return a watch event: ADDED, MODIFIED, DELETED, BOOKMARK or EXPIRED."""
    made = WatchEvent(type=WatchEvent.Type.Value(f"TYPE_{kind}"), initial_events_end=initial_end)
    if item is not None:
        made.object.CopyFrom(Object(pod=item))
        version = version or int(item.metadata.resource_version)
    made.resource_version = str(version)
    return made


def told(*events: WatchEvent) -> WatchResponse:
    """Return a watch response whose version is its last event's."""
    return WatchResponse(events=events, resource_version=events[-1].resource_version)


def initial(items: Iterable[Pod], version: int) -> WatchResponse:
    """Return the initial events of a watch with their closing bookmark."""
    return told(*(event("ADDED", item) for item in items), event("BOOKMARK", version=version, initial_end=True))
