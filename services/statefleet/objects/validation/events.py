"""Judge Events. Pure."""

from __future__ import annotations

from typing import Final

from statefleet.api.core.v1.event_pb2 import Event
from statefleet.objects.validation.metadata import (
    validate_metadata,
    validate_metadata_update,
    validate_qualified_name,
)
from statefleet.objects.validation.names import dns_subdomain, path_segment
from statefleet.objects.validation.report import Report

_SHORT: Final = 128
_LONG: Final = 1024
_MISMATCH: Final = "does not match event.namespace"


def validate_event(report: Report, event: Event) -> None:
    """Judge a new event."""
    _validate_contents(report, event)
    validate_metadata(report, event.metadata, namespaced=True, name_rule=path_segment)


def validate_event_update(report: Report, new: Event, old: Event) -> None:
    """Judge a changed event."""
    _validate_contents(report, new)
    validate_metadata_update(report, new.metadata, old.metadata)


def _validate_contents(report: Report, event: Event) -> None:
    namespace, subject = event.metadata.namespace, event.involved_object.namespace
    path = ("involvedObject", "namespace")
    if not event.HasField("event_time"):
        if namespace != subject and not (not subject and namespace in ("", "default")):
            report.invalid(path, subject, _MISMATCH)
    else:
        if not subject and namespace not in ("default", "kube-system"):
            report.invalid(path, subject, _MISMATCH)
        _validate_new_form(report, event)
    report.all_invalid(("namespace",), namespace, dns_subdomain(namespace))


def _validate_new_form(report: Report, event: Event) -> None:
    """Judge what events with an eventTime have to say."""
    if not event.reporting_component:
        report.required(("reportingController",))
    validate_qualified_name(report, ("reportingController",), event.reporting_component)
    for name, text, limit in (
        ("reportingInstance", event.reporting_instance, _SHORT),
        ("action", event.action, _SHORT),
        ("reason", event.reason, _SHORT),
        ("message", event.message, _LONG),
    ):
        if not text and name != "message":
            report.required((name,))
        if len(text) > limit:
            report.invalid((name,), "", f"can have at most {limit} characters")
