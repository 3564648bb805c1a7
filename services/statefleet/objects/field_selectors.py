"""Select objects by their fields, such as spec.nodeName=node-1. Pure: no I/O, clock or randomness.

Each kind has a few fields that can be selected by, those of Kubernetes; so are the texts of errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Self

from statefleet.errors import BadRequest
from statefleet.objects import schema
from statefleet.objects.kinds import (
    EVENT,
    KINDS,
    NAMESPACE,
    NODE,
    POD,
    SECRET,
    SERVICE,
    STATEFUL_SET,
    Kind,
)

Getter = Callable[[Any], str]
"""Reads one field of a message as the text that selectors compare."""


def _reads(kind: Kind[Any], path: str) -> Getter:
    """Return what reads the field of a path in JSON. KeyError where the kind has none."""
    names = []
    descriptor: Any = kind.message.DESCRIPTOR
    for step in path.split("."):
        field = schema.json_fields(descriptor)[step]
        names.append(field.name)
        descriptor = field.message

    def read(message: Any) -> str:
        for name in names:
            message = getattr(message, name)
        if isinstance(message, bool):
            return "true" if message else "false"
        return str(message)

    return read


def _event_source(event: Any) -> str:
    return event.source.component or event.reporting_component or ""


def _pod_ips(pod: Any) -> str:
    return ",".join(address.ip for address in pod.status.pod_ips)


_METADATA: Final = ("metadata.name", "metadata.namespace")
_PATHS: Final[dict[Kind[Any], tuple[str, ...]]] = {
    POD: (
        *_METADATA,
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    EVENT: (
        *_METADATA,
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "type",
    ),
    NODE: ("metadata.name", "spec.unschedulable"),
    NAMESPACE: ("metadata.name", "status.phase"),
    SECRET: (*_METADATA, "type"),
    SERVICE: (*_METADATA, "spec.clusterIP", "spec.type"),
}
"""The fields of the kinds that have others than the metadata's."""
_COMPUTED: Final[dict[Kind[Any], dict[str, Getter]]] = {
    POD: {"status.podIPs": _pod_ips},
    EVENT: {"source": _event_source},
}
_FIELDS: Final[dict[Kind[Any] | None, dict[str, Getter]]] = {
    kind: {path: _reads(kind, path) for path in _PATHS.get(kind, _METADATA)} | _COMPUTED.get(kind, {})
    for kind in KINDS.values()
} | {None: {path: _reads(POD, path) for path in _METADATA}}
"""The fields by kind; None stands for objects of which only the metadata is known."""
_ALIASES: Final[dict[tuple[Kind[Any] | None, str], str]] = {(POD, "spec.host"): "spec.nodeName"}
"""Older names of fields."""
_TERM: Final = re.compile(r"(.*?)(!=|==|=)(.*)", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.?)", re.DOTALL)
_COMMA: Final = re.compile(r"((?:[^\\,]|\\.?)*)(?:,|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    """One condition: the field has the value, or has not."""

    field: str
    value: str
    equal: bool
    read: Getter


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """Conditions that an object's fields meet all. Without conditions it selects everything."""

    requirements: tuple[FieldRequirement, ...] = ()

    @classmethod
    def parse(cls, kind: Kind[Any], text: str) -> Self:
        """Return the selector that a text means for a kind. BadRequest where it means none or names other fields."""
        return cls(_parse(kind, text))

    @classmethod
    def parse_metadata(cls, text: str) -> Self:
        """Return the selector that a text means for objects that have metadata alone. BadRequest as in `parse`."""
        return cls(_parse(None, text))

    def matches(self, message: Any) -> bool:
        """Return whether an object of the kind meets every condition."""
        return all((item.read(message) == item.value) is item.equal for item in self.requirements)

    def exact(self, field: str) -> str | None:
        """Return the value that a field must have, None where the selector leaves it open."""
        for requirement in self.requirements:
            if requirement.equal and requirement.field == field:
                return requirement.value
        return None

    @property
    def selects_everything(self) -> bool:
        """Whether there is no condition."""
        return not self.requirements

    def __str__(self) -> str:
        return ",".join(
            f"{item.field}{'=' if item.equal else '!='}{_escape(item.value)}" for item in self.requirements
        )


@lru_cache(maxsize=1024)
def _parse(kind: Kind[Any] | None, text: str) -> tuple[FieldRequirement, ...]:
    return tuple(_parse_term(kind, text, term) for term in sorted(_split(text)) if term)


def _split(text: str) -> list[str]:
    """Return the terms between commas that no backslash escapes."""
    return _COMMA.findall(text)


def _parse_term(kind: Kind[Any] | None, text: str, term: str) -> FieldRequirement:
    match = _TERM.fullmatch(term)
    if match is None:
        raise BadRequest(f"invalid selector: '{text}'; can't understand '{term}'")
    name, operator, value = match.groups()
    name = _ALIASES.get((kind, name), name)
    fields = _FIELDS[kind]
    plain = _unescape(value)
    if name not in fields:
        raise BadRequest(_unsupported(kind, name))
    return FieldRequirement(name, plain, operator != "!=", fields[name])


def _unsupported(kind: Kind[Any] | None, name: str) -> str:
    if kind in _PATHS:
        return f"field label not supported: {name}"
    if kind is STATEFUL_SET:
        return f"field label not supported for appsv1.StatefulSet: {name}"
    return f'"{name}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def _unescape(value: str) -> str:
    """Return the value that a text stands for: a backslash, comma or equals sign follows a backslash."""
    bare = _ESCAPED.sub("", value)
    for unescaped in "=,":
        if unescaped in bare:
            raise BadRequest(f"invalid field selector: unescaped character in value: {unescaped}")
    for escaped in _ESCAPED.findall(value):
        if escaped not in ("\\", ",", "="):
            raise BadRequest(f"invalid field selector: invalid escape sequence: \\{escaped}")
    return _ESCAPED.sub(r"\1", value)


def _escape(value: str) -> str:
    return re.sub(r"([\\,=])", r"\\\1", value)
