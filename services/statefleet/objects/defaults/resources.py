"""Defaults of resource quantities (v1). Pure."""

from __future__ import annotations

from collections.abc import MutableMapping
from functools import lru_cache

from statefleet.api.core.v1.container_pb2 import ResourceRequirements
from statefleet.api.core.v1.pod_pb2 import PodSpec
from statefleet.api.meta.v1.primitives_pb2 import Quantity
from statefleet.objects import quantity

_SHARED = ("cpu", "memory")
"""The resources of which the containers' requests make the pod's."""
_ZERO = quantity.Quantity()
_LONGEST = 64
"""No quantity that anyone means is longer."""
_MILLI = 10**6
"""In nanos, in which quantities are exact."""


def requests_from_limits(resources: ResourceRequirements) -> None:
    """Request as much as the limit of each resource that names a limit but no request."""
    requests = resources.requests
    for resource, limit in resources.limits.items():
        if resource not in requests:
            requests[resource].CopyFrom(limit)


def pod_requests(spec: PodSpec) -> None:
    """Let a pod that has limits of its own request what its containers do, and its limit of all else."""
    requests = spec.resources.requests
    for resource, amount in _container_requests(spec).items():
        if resource in _SHARED and resource not in requests:
            requests[resource].string = str(amount)
    requests_from_limits(spec.resources)


def _container_requests(spec: PodSpec) -> dict[str, quantity.Quantity]:
    """Return the most that containers request at one time: sidecars stay, other init containers come one by one."""
    total: dict[str, quantity.Quantity] = {}
    peak: dict[str, quantity.Quantity] = {}
    for container in spec.init_containers:
        for resource, amount in container.resources.requests.items():
            together = total.get(resource, _ZERO) + _amount(amount)
            peak[resource] = max(peak.get(resource, _ZERO), together)
            if container.restart_policy == "Always":
                total[resource] = together
    for container in spec.containers:
        for resource, amount in container.resources.requests.items():
            total[resource] = total.get(resource, _ZERO) + _amount(amount)
    return {resource: max(total.get(resource, _ZERO), peak.get(resource, _ZERO)) for resource in total | peak}


def _amount(amount: Quantity) -> quantity.Quantity:
    try:
        return quantity.parse(amount.string) if amount.string else _ZERO
    except ValueError:
        return _ZERO


def normalise(quantities: MutableMapping[str, Quantity]) -> None:
    """Bring quantities into canonical form, and what is finer than a thousandth up to whole thousandths."""
    for amount in quantities.values():
        text = amount.string
        if len(text) <= _LONGEST and _normal(text) != text:
            amount.string = _normal(text)


@lru_cache(maxsize=4096)
def _normal(text: str) -> str:
    try:
        exact = quantity.parse(text)
        return str(exact) if exact.nano % _MILLI == 0 else quantity.canonical(f"{exact.milli()}m")
    except ValueError:
        # Whether it is a quantity at all is for validation to say.
        return text
