"""Find the fields that a document has, and those in which two documents differ. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from statefleet.objects.managed.sets import FieldSet, member
from statefleet.objects.managed.topology import Granularity, Topology


class Difference(NamedTuple):
    """In which fields a document differs from an earlier one."""

    touched: FieldSet
    """Fields that were added or have another value."""
    removed: FieldSet
    """Fields that are gone."""

    def __bool__(self) -> bool:
        """Return whether the documents differ."""
        return bool(self.touched or self.removed)


_OBJECTS: Final = frozenset({Granularity.OBJECT, Granularity.MAP})


class Repeated(list[Any]):
    """The items of a list that have one name; they count as one value."""


def parts(topology: Topology, value: Any) -> dict[str, Any]:
    """Return the parts of a value by their path elements; none for one that is not of its type."""
    if topology.granularity in _OBJECTS:
        return {f"f:{name}": part for name, part in value.items()} if isinstance(value, dict) else {}
    found: dict[str, Any] = {}
    for item in value if isinstance(value, list) else ():
        step = topology.step_to(item)
        if step not in found:
            found[step] = item
        elif isinstance(found[step], Repeated):
            found[step].append(item)
        else:
            found[step] = Repeated([found[step], item])
    return found


def fields_of(topology: Topology, value: Any) -> FieldSet:
    """Return the fields that a document names. Absent is not named; null, zero and empty objects are."""
    named: FieldSet = {}
    is_object = topology.granularity is Granularity.OBJECT
    for step, part in parts(topology, value).items():
        inner = topology.part(step)
        if inner.is_atomic or part is None or part == {} or isinstance(part, Repeated):
            named[step] = {}
            continue
        below = fields_of(inner, part)
        if not is_object:
            named[step] = member(below)
        elif below:
            named[step] = below
    return named


def compare(topology: Topology, before: Any, after: Any) -> Difference:
    """Return in which fields `after` differs from `before`."""
    touched: FieldSet = {}
    removed: FieldSet = {}
    old, new = parts(topology, before), parts(topology, after)
    for step, part in new.items():
        if step not in old:
            touched[step] = _whole(topology.part(step), part)
        elif part != old[step]:
            _compare_parts(topology.part(step), step, old[step], part, touched, removed)
    for step, part in old.items():
        if step not in new:
            removed[step] = _whole(topology.part(step), part)
    return Difference(touched, removed)


def _compare_parts(
    topology: Topology, step: str, before: Any, after: Any, touched: FieldSet, removed: FieldSet
) -> None:
    if isinstance(before, Repeated) or isinstance(after, Repeated):
        touched[step] = _whole(topology, after)
    elif topology.is_atomic or not (before or after):
        touched[step] = {}
    else:
        inner = compare(topology, before, after)
        if inner.touched:
            touched[step] = inner.touched
        if inner.removed:
            removed[step] = inner.removed


def _whole(topology: Topology, value: Any) -> FieldSet:
    """Return a part with everything below it, each level in the set."""
    if topology.is_atomic or not value or isinstance(value, Repeated):
        return {}
    below: FieldSet = {".": {}}
    for step, part in parts(topology, value).items():
        inner = topology.part(step)
        below[step] = {} if inner.is_atomic else _whole(inner, part)
    return below
