"""Defaults of a container: image pull policy, ports, environment, probes and hooks (v1). Pure."""

from __future__ import annotations

from statefleet.api.core.v1.container_pb2 import (
    Container,
    EphemeralContainerCommon,
    HTTPGetAction,
    Lifecycle,
    Probe,
)
from statefleet.objects.defaults.images import pull_policy
from statefleet.objects.defaults.resources import normalise

_TERMINATION_LOG = "/dev/termination-log"


def default_container(container: Container | EphemeralContainerCommon) -> None:
    """Fill in a container of any of a pod's three lists."""
    if not container.image_pull_policy:
        container.image_pull_policy = pull_policy(container.image)
    if not container.termination_message_path:
        container.termination_message_path = _TERMINATION_LOG
    if not container.termination_message_policy:
        container.termination_message_policy = "File"
    for port in container.ports:
        if not port.protocol:
            port.protocol = "TCP"
    if container.env:
        _default_environment(container)
    if container.HasField("resources"):
        normalise(container.resources.limits)
        normalise(container.resources.requests)
    _default_probes(container)


def _default_environment(container: Container | EphemeralContainerCommon) -> None:
    for variable in container.env:
        if variable.HasField("value_from"):
            source = variable.value_from
            if source.HasField("field_ref") and not source.field_ref.api_version:
                source.field_ref.api_version = "v1"
            if source.HasField("file_key_ref") and not source.file_key_ref.HasField("optional"):
                source.file_key_ref.optional = False


def _default_probes(container: Container | EphemeralContainerCommon) -> None:
    if container.HasField("liveness_probe"):
        _default_probe(container.liveness_probe)
    if container.HasField("readiness_probe"):
        _default_probe(container.readiness_probe)
    if container.HasField("startup_probe"):
        _default_probe(container.startup_probe)
    if container.HasField("lifecycle"):
        _default_lifecycle(container.lifecycle)


def _default_probe(probe: Probe) -> None:
    if not probe.timeout_seconds:
        probe.timeout_seconds = 1
    if not probe.period_seconds:
        probe.period_seconds = 10
    if not probe.success_threshold:
        probe.success_threshold = 1
    if not probe.failure_threshold:
        probe.failure_threshold = 3
    if probe.HasField("handler"):
        handler = probe.handler
        if handler.HasField("http_get"):
            _default_http_get(handler.http_get)
        if handler.HasField("grpc") and not handler.grpc.HasField("service"):
            handler.grpc.service = ""


def _default_lifecycle(lifecycle: Lifecycle) -> None:
    if lifecycle.HasField("post_start") and lifecycle.post_start.HasField("http_get"):
        _default_http_get(lifecycle.post_start.http_get)
    if lifecycle.HasField("pre_stop") and lifecycle.pre_stop.HasField("http_get"):
        _default_http_get(lifecycle.pre_stop.http_get)


def _default_http_get(action: HTTPGetAction) -> None:
    if not action.path:
        action.path = "/"
    if not action.scheme:
        action.scheme = "HTTP"
