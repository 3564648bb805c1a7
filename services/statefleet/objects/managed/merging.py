"""Merge an applied configuration into a document, and take fields out of one. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from statefleet.objects.managed.comparing import Repeated, fields_of, parts
from statefleet.objects.managed.sets import (
    FieldSet,
    difference,
    intersection,
    is_member,
    union,
    with_named_members,
)
from statefleet.objects.managed.topology import Granularity, Topology

_OF_THE_SYSTEM_TOO: Final = ("f:metadata", "f:status")
_GONE: Final = object()


def merged(topology: Topology, live: Any, configuration: Any) -> Any:
    """Return a value with what the configuration says of it; null takes a field away."""
    if topology.is_atomic or configuration is None or live is None:
        return configuration
    if topology.granularity in (Granularity.SET, Granularity.LIST):
        return _merged_list(topology, live, configuration)
    result = dict(live)
    for name, value in configuration.items():
        result[name] = merged(topology.part(f"f:{name}"), live.get(name), value)
    return result


def _merged_list(topology: Topology, live: list[Any], wanted: list[Any]) -> list[Any]:
    """Return the items of both lists: those wanted in the order wanted, the others where they stood among them."""
    old, new = parts(topology, live), parts(topology, wanted)
    waiting, shared = deque(new), deque(step for step in new if step in old)
    result: list[Any] = []

    def take(step: str) -> None:
        known = old.get(step)
        before = None if isinstance(known, Repeated) else known
        result.append(merged(topology.part(step), before, new[step]))
        if shared and shared[0] == step:
            shared.popleft()

    for item in live:
        step = topology.step_to(item)
        if step not in new:
            result.append(item)
        elif shared and shared[0] == step:
            # What is wanted before it and is new goes before it.
            while waiting[0] != step:
                take(waiting.popleft())
            take(waiting.popleft())
    for step in waiting:
        take(step)
    return result


def without(topology: Topology, value: Any, fields: FieldSet) -> Any:
    """Return a value without some of its fields."""
    if topology.is_atomic or not value:
        return value
    if isinstance(value, list):
        items = [_rest(topology, topology.step_to(item), item, fields) for item in value]
        return [item for item in items if item is not _GONE]
    rest = {name: _rest(topology, f"f:{name}", part, fields) for name, part in value.items()}
    return {name: part for name, part in rest.items() if part is not _GONE}


def _rest(topology: Topology, step: str, part: Any, fields: FieldSet) -> Any:
    below = fields.get(step)
    if below is None:
        return part
    return _GONE if is_member(below) else without(topology.part(step), part, below)


def pruned(topology: Topology, document: Any, before: FieldSet, owned: FieldSet) -> Any:
    """Return a document without the fields in `before` that are not in `owned`, the fields that anybody owns now.

    A message's field below which nobody owns anything any more goes with all that is in it, such as defaults; but of
    metadata and status, where the system writes too and is in no set, goes only what was owned itself.
    """
    if not before:
        return document
    had = with_named_members(topology, before)
    had |= {step: before[step] for step in _OF_THE_SYSTEM_TOO if step in before}
    all_fields = with_named_members(topology, fields_of(topology, document))
    left = with_named_members(topology, fields_of(topology, without(topology, document, had)))
    kept = union(left, with_named_members(topology, owned))
    rest = without(topology, document, difference(all_fields, kept))
    gone = difference(all_fields, with_named_members(topology, fields_of(topology, rest)))
    return without(topology, document, intersection(gone, had))
