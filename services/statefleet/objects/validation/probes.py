"""Judge probes, lifecycle hooks and the actions they take. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from statefleet.api.core.v1.container_pb2 import (
    ExecAction,
    GRPCAction,
    HTTPGetAction,
    Lifecycle,
    LifecycleHandler,
    Probe,
    ProbeHandler,
    TCPSocketAction,
)
from statefleet.api.meta.v1.primitives_pb2 import IntOrString
from statefleet.objects.validation.names import http_header, port_name, port_number
from statefleet.objects.validation.report import Path, Report

_SCHEMES: Final = ("HTTP", "HTTPS")


def validate_liveness_probe(report: Report, path: Path, probe: Probe) -> None:
    """Judge a liveness or a startup probe: one success is enough."""
    validate_probe(report, path, probe)
    if probe.success_threshold != 1:
        report.invalid((*path, "successThreshold"), probe.success_threshold, "must be 1")


def validate_readiness_probe(report: Report, path: Path, probe: Probe) -> None:
    """Judge a readiness probe: it never ends a container."""
    validate_probe(report, path, probe)
    if probe.HasField("termination_grace_period_seconds"):
        seconds = probe.termination_grace_period_seconds
        report.invalid((*path, "terminationGracePeriodSeconds"), seconds, "must not be set for readinessProbes")


def validate_probe(report: Report, path: Path, probe: Probe) -> None:
    """Judge what every probe has."""
    _validate_handler(report, path, probe.handler, None)
    report.not_negative((*path, "initialDelaySeconds"), probe.initial_delay_seconds)
    report.not_negative((*path, "timeoutSeconds"), probe.timeout_seconds)
    report.not_negative((*path, "periodSeconds"), probe.period_seconds)
    report.not_negative((*path, "successThreshold"), probe.success_threshold)
    report.not_negative((*path, "failureThreshold"), probe.failure_threshold)
    if probe.HasField("termination_grace_period_seconds") and probe.termination_grace_period_seconds <= 0:
        seconds = probe.termination_grace_period_seconds
        report.invalid((*path, "terminationGracePeriodSeconds"), seconds, "must be greater than 0")


def validate_lifecycle(report: Report, path: Path, lifecycle: Lifecycle, grace_seconds: int | None) -> None:
    """Judge the hooks of a container whose pod gives it so many seconds to end, None where that is not known."""
    if lifecycle.HasField("post_start"):
        _validate_handler(report, (*path, "postStart"), lifecycle.post_start, grace_seconds)
    if lifecycle.HasField("pre_stop"):
        _validate_handler(report, (*path, "preStop"), lifecycle.pre_stop, grace_seconds)


def _validate_handler(
    report: Report, path: Path, handler: ProbeHandler | LifecycleHandler, grace_seconds: int | None
) -> None:
    actions = handler.ListFields()
    if not actions:
        report.required(path, "must specify a handler type")
        return
    # Kubernetes judges the first action by the order of the API and refuses each further one.
    for position, (field, action) in enumerate(actions):
        at = (*path, field.json_name)
        if position:
            report.forbidden(at, "may not specify more than 1 handler type")
        elif field.name == "sleep":
            _validate_sleep(report, at, action.seconds, grace_seconds)
        else:
            _ACTIONS[field.name](report, at, action)


def _validate_sleep(report: Report, path: Path, seconds: int, grace_seconds: int | None) -> None:
    if grace_seconds is not None and not 0 <= seconds <= grace_seconds:
        detail = f"must be non-negative and less than terminationGracePeriodSeconds ({grace_seconds})"
        report.invalid(path, seconds, detail)


def _validate_exec(report: Report, path: Path, action: ExecAction) -> None:
    if not action.command:
        report.required((*path, "command"))


def _validate_http_get(report: Report, path: Path, action: HTTPGetAction) -> None:
    if not action.path:
        report.required((*path, "path"))
    validate_port(report, (*path, "port"), action.port)
    if action.scheme not in _SCHEMES:
        report.not_supported((*path, "scheme"), action.scheme, _SCHEMES)
    for header in action.http_headers:
        report.all_invalid((*path, "httpHeaders"), header.name, http_header(header.name))


def _validate_tcp_socket(report: Report, path: Path, action: TCPSocketAction) -> None:
    validate_port(report, (*path, "port"), action.port)


def _validate_grpc(report: Report, path: Path, action: GRPCAction) -> None:
    report.all_invalid((*path, "port"), action.port, port_number(action.port))


_ACTIONS: Final[dict[str, Callable[[Report, Path, Any], None]]] = {
    "exec": _validate_exec,
    "http_get": _validate_http_get,
    "tcp_socket": _validate_tcp_socket,
    "grpc": _validate_grpc,
}


def validate_port(report: Report, path: Path, port: IntOrString) -> None:
    """Judge a port given by number or by name."""
    if port.type:
        problems = port_name(port.str_val)
        if problems:
            report.all_invalid(path, port.str_val, problems)
    elif not 1 <= port.int_val <= 65535:
        report.all_invalid(path, port.int_val, port_number(port.int_val))
