"""Sets of fields in the form of FieldsV1, and what is done with sets. Pure: no I/O, clock or randomness.

A set is the JSON object that FieldsV1 is: keys are path elements (`f:` a field, `k:` an item by its key fields, `v:`
an item by its value, `i:` one by its place), values what lies below. An element is a member where nothing lies below
it, or a `.` beside that. Sets are never changed: results share parts with what they were made of.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from statefleet.objects.managed.topology import Granularity, Topology

FieldSet = dict[str, Any]

_SELF: Final = "."


def is_member(below: FieldSet) -> bool:
    """Return whether the element above is itself in the set."""
    return not below or _SELF in below


def member(below: FieldSet) -> FieldSet:
    """Return what stands for an element that is in the set together with what is below it."""
    return {_SELF: {}, **below} if below else {}


def union(left: FieldSet, right: FieldSet) -> FieldSet:
    """Return the fields that are in either set."""
    if not left or not right:
        return left or right
    joined = dict(left)
    for step, below in right.items():
        joined[step] = _joined(joined[step], below) if step in joined else below
    return joined


def _joined(left: FieldSet, right: FieldSet) -> FieldSet:
    joined = union(left, right)
    return member(joined) if is_member(left) or is_member(right) else joined


def difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """Return the fields of the left set that are not in the right one."""
    if not right:
        return left
    rest: FieldSet = {}
    for step, below in left.items():
        if step not in right:
            rest[step] = below
        elif step != _SELF:
            _put(
                rest,
                step,
                difference(_below(below), _below(right[step])),
                is_member(below) and not is_member(right[step]),
            )
    return rest


def intersection(left: FieldSet, right: FieldSet) -> FieldSet:
    """Return the fields that are in both sets."""
    shared: FieldSet = {}
    for step, below in left.items():
        if step in right and step != _SELF:
            other = right[step]
            _put(shared, step, intersection(_below(below), _below(other)), is_member(below) and is_member(other))
    return shared


def _below(node: FieldSet) -> FieldSet:
    return {step: below for step, below in node.items() if step != _SELF} if _SELF in node else node


def _put(found: FieldSet, step: str, below: FieldSet, itself: bool) -> None:
    if itself:
        found[step] = member(below)
    elif below:
        found[step] = below


def with_named_members(topology: Topology, fields: FieldSet) -> FieldSet:
    """Return the set with every field of a message in it below which something is: such a field stands for all."""
    named: FieldSet = {}
    is_object = topology.granularity is Granularity.OBJECT
    for step, below in fields.items():
        inner = with_named_members(topology.part(step), below)
        named[step] = member(inner) if is_object and inner and step != _SELF else inner
    return named


def paths(fields: FieldSet) -> Iterator[tuple[str, ...]]:
    """Yield the path to each member, the members of one level before those below them."""
    steps = sorted(step for step in fields if step != _SELF)
    yield from ((step,) for step in steps if is_member(fields[step]))
    for step in steps:
        yield from ((step, *rest) for rest in paths(fields[step]))


def path_text(path: tuple[str, ...]) -> str:
    """Return a path as people read it: `.spec.template.spec.containers[name="c"].image`."""
    return "".join(map(_step_text, path))


def _step_text(step: str) -> str:
    kind, _, text = step.partition(":")
    if kind == "f":
        return f".{text}"
    if kind == "k":
        named = orjson.loads(text)
        return "[" + ",".join(f"{key}={_value_text(named[key])}" for key in sorted(named)) + "]"
    return f"[={_value_text(orjson.loads(text))}]" if kind == "v" else f"[{text}]"


def _value_text(value: Any) -> str:
    return orjson.dumps(value).decode()
