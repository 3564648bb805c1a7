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
from statefleet.objects.kinds import (
    EVENT,
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


def _of(path: str) -> Getter:
    names = path.split(".")

    def read(message: Any) -> str:
        for name in names:
            message = getattr(message, name)
        if isinstance(message, bool):
            return "true" if message else "false"
        return str(message)

    return read


def _event_source(event: Any) -> str:
    return event.source.component or event.reporting_controller or ""


def _pod_ips(pod: Any) -> str:
    return ",".join(address.ip for address in pod.status.pod_ips)


_NAME: Final = {"metadata.name": _of("metadata.name")}
_METADATA: Final = {**_NAME, "metadata.namespace": _of("metadata.namespace")}
_FIELDS: Final[dict[Kind[Any], dict[str, Getter]]] = {
    POD: {
        **_METADATA,
        "spec.nodeName": _of("spec.node_name"),
        "spec.restartPolicy": _of("spec.restart_policy"),
        "spec.schedulerName": _of("spec.scheduler_name"),
        "spec.serviceAccountName": _of("spec.service_account_name"),
        "spec.hostNetwork": _of("spec.host_network"),
        "status.phase": _of("status.phase"),
        "status.podIP": _of("status.pod_ip"),
        "status.podIPs": _pod_ips,
        "status.nominatedNodeName": _of("status.nominated_node_name"),
    },
    EVENT: {
        **_METADATA,
        "involvedObject.kind": _of("involved_object.kind"),
        "involvedObject.namespace": _of("involved_object.namespace"),
        "involvedObject.name": _of("involved_object.name"),
        "involvedObject.uid": _of("involved_object.uid"),
        "involvedObject.apiVersion": _of("involved_object.api_version"),
        "involvedObject.resourceVersion": _of("involved_object.resource_version"),
        "involvedObject.fieldPath": _of("involved_object.field_path"),
        "reason": _of("reason"),
        "reportingComponent": _of("reporting_controller"),
        "source": _event_source,
        "type": _of("type"),
    },
    NODE: {**_NAME, "spec.unschedulable": _of("spec.unschedulable")},
    NAMESPACE: {**_NAME, "status.phase": _of("status.phase")},
    SECRET: {**_METADATA, "type": _of("type")},
    SERVICE: {**_METADATA, "spec.clusterIP": _of("spec.cluster_ip"), "spec.type": _of("spec.type")},
}
_ALIASES: Final = {(POD, "spec.host"): "spec.nodeName"}
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
def _parse(kind: Kind[Any], text: str) -> tuple[FieldRequirement, ...]:
    return tuple(_parse_term(kind, text, term) for term in sorted(_split(text)) if term)


def _split(text: str) -> list[str]:
    """Return the terms between commas that no backslash escapes."""
    return _COMMA.findall(text)


def _parse_term(kind: Kind[Any], text: str, term: str) -> FieldRequirement:
    match = _TERM.fullmatch(term)
    if match is None:
        raise BadRequest(f"invalid selector: '{text}'; can't understand '{term}'")
    name, operator, value = match.groups()
    name = _ALIASES.get((kind, name), name)
    fields = _FIELDS.get(kind, _METADATA)
    plain = _unescape(value)
    if name not in fields:
        raise BadRequest(_unsupported(kind, name))
    return FieldRequirement(name, plain, operator != "!=", fields[name])


def _unsupported(kind: Kind[Any], name: str) -> str:
    if kind in _FIELDS:
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
