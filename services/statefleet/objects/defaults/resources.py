"""Defaults of resource quantities (v1). Pure."""

from __future__ import annotations

from collections.abc import MutableMapping

from statefleet.api.core.v1.container_pb2 import ResourceRequirements
from statefleet.api.meta.v1.primitives_pb2 import Quantity
from statefleet.objects.quantity import canonical, milli


def requests_from_limits(resources: ResourceRequirements) -> None:
    """Request as much as the limit of each resource that names a limit but no request."""
    requests = resources.requests
    for resource, limit in resources.limits.items():
        if resource not in requests:
            requests[resource].CopyFrom(limit)


def round_up(quantities: MutableMapping[str, Quantity]) -> None:
    """Round what is finer than a thousandth up to whole thousandths; quantities are in canonical form."""
    for quantity in quantities.values():
        text = quantity.string
        # The canonical form has no smaller suffix than the value needs.
        if text and text[-1] in "nu":
            quantity.string = _thousandths(text)


def _thousandths(text: str) -> str:
    try:
        return canonical(f"{milli(text)}m")
    except ValueError:
        # Whether it is a quantity at all is for validation to say.
        return text
