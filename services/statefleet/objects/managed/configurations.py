"""Judge the configurations that are applied. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.message import Message

from statefleet.errors import BadRequest
from statefleet.objects import codec, schema
from statefleet.objects.managed.sets import path_text
from statefleet.objects.managed.topology import Granularity, Topology

Path = tuple[str, ...]

_TYPE: Final = ("apiVersion", "kind")
_UNDECLARED: Final = ": field not declared in schema"


def check(message_type: type[Message], topology: Topology, configuration: dict[str, Any]) -> None:
    """Refuse a configuration with unknown fields, values of a wrong type, or list items without or with one name.

    Raises BadRequest.
    """
    metadata = configuration.get("metadata")
    if isinstance(metadata, dict) and metadata.get("managedFields") is not None:
        raise BadRequest("metadata.managedFields must be nil")
    try:
        _, complaints = codec.decode(message_type, configuration)
    except BadRequest as error:
        raise _untyped(configuration, [error.message]) from None
    found = list(_problems(topology, configuration, (), _TYPE))
    if complaints and not any(problem.endswith(_UNDECLARED) for problem in found):
        # Within what is owned as one, positions name the items.
        found += ["." + text.split('"')[1] + _UNDECLARED for text in complaints]
    if found:
        raise _untyped(configuration, found)


def _problems(topology: Topology, value: Any, path: Path, known: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield what is wrong with a value of the right type."""
    if topology.granularity is Granularity.OBJECT and isinstance(value, dict):
        assert topology.descriptor is not None
        fields = schema.json_fields(topology.descriptor)
        for name, part in value.items():
            step = f"f:{name}"
            if name in fields:
                yield from _problems(topology.part(step), part, (*path, step))
            elif name not in known:
                yield f"{path_text((*path, step))}{_UNDECLARED}"
    elif topology.granularity in (Granularity.LIST, Granularity.SET) and isinstance(value, list):
        yield from _list_problems(topology, value, path)


def _list_problems(topology: Topology, items: list[Any], path: Path) -> Iterator[str]:
    seen: set[str] = set()
    for index, item in enumerate(items):
        lacking = topology.nameless(item or {})
        if lacking:
            yield (
                f"{path_text(path)}: element {index}: associative list with keys has an element that omits key field "
                f'"{lacking}" (and doesn\'t have default value)'
            )
            continue
        step = topology.step_to(item)
        if step in seen:
            yield f"{path_text(path)}: duplicate entries for key {path_text((step,))}"
        seen.add(step)
        yield from _problems(topology.part(step), item, (*path, step))


def _untyped(configuration: dict[str, Any], problems: list[str]) -> BadRequest:
    """Return Kubernetes' error for a configuration that is none of its type."""
    metadata = configuration.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    group, _, version = str(configuration.get("apiVersion", "")).rpartition("/")
    what = (
        f"{named.get('namespace', '')}/{named.get('name', '')}; {group}/{version}, Kind={configuration.get('kind')}"
    )
    text = problems[0] if len(problems) == 1 else "errors:\n" + "\n".join(f"  {problem}" for problem in problems)
    return BadRequest(f"failed to create typed patch object ({what}): {text}")
