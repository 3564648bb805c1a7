"""Put together what a node and its pods use, and in how many messages that is told. No I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from statefleet.agent.containers import Running
from statefleet.agent.place import Place
from statefleet.agent.runner import PodRunner
from statefleet.agent.runtime import Runtime
from statefleet.api.nodes.v1.usage_pb2 import ContainerUsage, NodeUsage, PodUsage

BATCH_BYTES = 1 << 18
"""About how much of it one message holds at most: so much is put together in some hundredths of a second."""
_MOST = (1 << 63) - 1
"""More than that of anything nobody has."""


def node_usage(place: Place, runtime: Runtime, now: float) -> NodeUsage:
    """Return what a node uses at `now`, seconds since the Unix epoch: the sum of what its containers use."""
    found = (_pod_usage(runner, runtime, now) for runner in place.runners.values())
    pods = [pod for pod in found if pod is not None]
    return NodeUsage(
        node=place.node.metadata.name,
        time_millis=min((pod.time_millis for pod in pods), default=_millis(now)),
        window_millis=max((pod.window_millis for pod in pods), default=0),
        cpu_nanocores=_capped(sum(each.cpu_nanocores for pod in pods for each in pod.containers)),
        memory_bytes=_capped(sum(each.memory_bytes for pod in pods for each in pod.containers)),
        pods=pods,
    )


def batches(usages: Iterable[NodeUsage]) -> Iterator[list[NodeUsage]]:
    """Divide usages among messages that are not too heavy; one, without any, where there are none."""
    batch: list[NodeUsage] = []
    weight = 0
    for usage in usages:
        if weight >= BATCH_BYTES:
            yield batch
            batch, weight = [], 0
        batch.append(usage)
        weight += usage.ByteSize()
    yield batch


def _pod_usage(runner: PodRunner, runtime: Runtime, now: float) -> PodUsage | None:
    """Return what the containers of a pod use; None where none runs that was measured."""
    pod = runner.pod
    containers, times, windows = [], [], []
    for life in runner.machine.containers.values():
        used = runtime.usage(pod, life, now) if isinstance(life.state, Running) else None
        if used is not None:
            containers.append(
                ContainerUsage(name=life.name, cpu_nanocores=_capped(used.cpu), memory_bytes=_capped(used.memory))
            )
            times.append(used.time)
            windows.append(used.window)
    if not containers:
        return None
    meta = pod.metadata
    return PodUsage(
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        time_millis=_millis(min(times)),
        window_millis=_millis(max(windows)),
        containers=containers,
    )


def _capped(amount: int) -> int:
    return min(amount, _MOST)


def _millis(seconds: float) -> int:
    return max(int(seconds * 1000), 0)
