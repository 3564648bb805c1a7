"""Facts about pods: readiness, what they ask of a node, and their quality of service. Pure: no I/O or clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Final

from statefleet.api.core.v1.container_pb2 import Container, ResourceRequirements
from statefleet.api.core.v1.pod_pb2 import Pod, PodCondition, PodSpec
from statefleet.api.meta.v1.primitives_pb2 import Quantity
from statefleet.objects import quantity, times

Amounts = dict[str, int]
"""Amounts by resource: thousandths for cpu, whole units for the others, such as bytes of memory."""

GUARANTEED: Final = "Guaranteed"
BURSTABLE: Final = "Burstable"
BEST_EFFORT: Final = "BestEffort"

_TERMINAL: Final = frozenset({"Failed", "Succeeded"})
_QOS_RESOURCES: Final = ("cpu", "memory")
_HUGE_PAGES: Final = "hugepages-"


def condition(pod: Pod, name: str) -> PodCondition | None:
    """Return the condition of a type, such as Ready, where the pod has it."""
    for found in pod.status.conditions:
        if found.type == name:
            return found
    return None


def tell_disruption(pod: Pod, reason: str, message: str, now: float) -> None:
    """Have a pod say that it is about to end for a disruption, `now` in seconds since the Unix epoch."""
    target = condition(pod, "DisruptionTarget") or pod.status.conditions.add(type="DisruptionTarget")
    if target.status != "True":
        target.last_transition_time.CopyFrom(times.to_time(now))
    target.status, target.reason, target.message = "True", reason, message


def is_ready(pod: Pod) -> bool:
    """Return whether the pod's Ready condition is True."""
    found = condition(pod, "Ready")
    return found is not None and found.status == "True"


def is_available(pod: Pod, min_ready_seconds: int, now: float) -> bool:
    """Return whether the pod has been ready for so many seconds at `now`, in seconds since the Unix epoch."""
    return available_at(pod, min_ready_seconds, now) <= now


def available_at(pod: Pod, min_ready_seconds: int, now: float) -> float:
    """Return when the pod is or was available if it stays ready: `now` where it need not wait, else infinity."""
    found = condition(pod, "Ready")
    if found is None or found.status != "True":
        return float("inf")
    if not min_ready_seconds:
        return now
    since = found.last_transition_time
    return times.seconds(since) + min_ready_seconds if times.is_set(since) else float("inf")


def is_terminal(pod: Pod) -> bool:
    """Return whether the pod has ended and will not run again."""
    return pod.status.phase in _TERMINAL


def claim_names(pod: Pod) -> list[str]:
    """Return the names of the claims that a pod mounts."""
    sources = (volume.volume_source for volume in pod.spec.volumes)
    return [
        source.persistent_volume_claim.claim_name for source in sources if source.HasField("persistent_volume_claim")
    ]


def is_sidecar(container: Container) -> bool:
    """Return whether an init container keeps running beside the main ones."""
    return container.restart_policy == "Always"


def running_containers(spec: PodSpec) -> Iterator[Container]:
    """Return the containers that run for as long as the pod does: sidecars, then the main ones."""
    return chain(filter(is_sidecar, spec.init_containers), spec.containers)


def host_ports(pod: Pod) -> tuple[tuple[str, int], ...]:
    """Return the protocols and ports that the pod takes of its node's own, each once.

    A port on one host address counts as the port on all of them.
    """
    ports = (port for container in running_containers(pod.spec) for port in container.ports)
    return tuple({(port.protocol or "TCP", port.host_port): None for port in ports if port.host_port})


def requests(pod: Pod) -> Amounts:
    """Return what a node must have free for the pod: the most its containers request at one time, and overhead.

    Init containers run one after the other, each beside the sidecars that started before it; then the main containers
    run beside all sidecars. Requests of the pod as a whole stand in for those of its containers.
    """
    spec = pod.spec
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.init_containers:
        own = _amounts(container.resources.requests)
        if is_sidecar(container):
            _add(sidecars, own)
            own = sidecars
        else:
            _add(own, sidecars)
        _raise_to(peak, own)
    total = dict(sidecars)
    for container in spec.containers:
        _add(total, _amounts(container.resources.requests))
    _raise_to(total, peak)
    if spec.HasField("resources"):
        total.update(_of_whole_pod(_amounts(spec.resources.requests)))
    _add(total, _amounts(spec.overhead))
    return total


def qos_class(pod: Pod) -> str:
    """Return the quality of service that the pod's requests and limits of cpu and memory give it."""
    asked, allowed, all_limited = _qos_totals(_qos_resources(pod.spec))
    if not asked and not allowed:
        return BEST_EFFORT
    return GUARANTEED if all_limited and asked == allowed else BURSTABLE


def _qos_resources(spec: PodSpec) -> Iterable[ResourceRequirements]:
    if spec.HasField("resources") and (spec.resources.requests or spec.resources.limits):
        return (spec.resources,)
    return (container.resources for container in chain(spec.init_containers, spec.containers))


def _qos_totals(resources: Iterable[ResourceRequirements]) -> tuple[Amounts, Amounts, bool]:
    """Return the sums of requests and of limits, and whether each container limits both cpu and memory."""
    asked: Amounts = {}
    allowed: Amounts = {}
    all_limited = True
    for each in resources:
        _add(asked, _qos_amounts(each.requests))
        limits = _qos_amounts(each.limits)
        all_limited = all_limited and len(limits) == len(_QOS_RESOURCES)
        _add(allowed, limits)
    return asked, allowed, all_limited


def _qos_amounts(resources: Mapping[str, Quantity]) -> Amounts:
    found = {name: quantity.parse(resources[name].string or "0").nano for name in _QOS_RESOURCES if name in resources}
    return {name: nano for name, nano in found.items() if nano}


def _of_whole_pod(amounts: Amounts) -> Amounts:
    """Return what can be requested for a pod as a whole."""
    return {name: n for name, n in amounts.items() if name in _QOS_RESOURCES or name.startswith(_HUGE_PAGES)}


def _amounts(resources: Mapping[str, Quantity]) -> Amounts:
    return {name: amount(name, resources[name].string) for name in resources}


def amount(name: str, text: str) -> int:
    """Return a quantity of a resource: thousandths for cpu, whole units for the others. An empty text is zero."""
    text = text or "0"
    return quantity.milli(text) if name == "cpu" else quantity.value(text)


def _add(total: Amounts, more: Amounts) -> None:
    for name, number in more.items():
        total[name] = total.get(name, 0) + number


def _raise_to(total: Amounts, least: Amounts) -> None:
    for name, number in least.items():
        total[name] = max(total.get(name, 0), number)
