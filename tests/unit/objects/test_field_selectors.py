"""Field selectors: the fields of each kind, what they mean, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from statefleet.api.core.v1.event_pb2 import Event
from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.errors import BadRequest
from statefleet.objects.field_selectors import FieldSelector
from statefleet.objects.kinds import (
    CONFIG_MAP,
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

GOLDEN = Path(__file__).parents[2] / "golden" / "requests"


@pytest.fixture
def pod() -> Pod:
    pod = Pod()
    pod.metadata.name, pod.metadata.namespace = "web-0", "shop"
    pod.spec.node_name = "node-1"
    pod.spec.host_network = True
    pod.status.phase = "Running"
    pod.status.pod_ips.add(ip="10.0.0.1")
    return pod


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", True),
        ("spec.nodeName=node-1", True),
        ("spec.nodeName==node-1,metadata.namespace=shop", True),
        ("spec.host=node-1", True),
        ("spec.nodeName!=node-1", False),
        ("spec.nodeName=", False),
        ("spec.nodeName!=", True),
        ("status.nominatedNodeName=", True),
        ("spec.hostNetwork=true", True),
        ("status.podIPs=10.0.0.1", True),
        ("status.phase!=Failed,status.phase!=Succeeded", True),
        ("status.phase=Pending,metadata.name=web-0", False),
    ],
)
def test_pods(pod: Pod, text: str, selected: bool) -> None:
    assert FieldSelector.parse(POD, text).matches(pod) is selected


def test_event_source_is_the_reporting_component_where_it_has_none() -> None:
    event = Event(reporting_component="scheduler")
    assert FieldSelector.parse(EVENT, "source=scheduler,reportingComponent=scheduler").matches(event)
    event.source.component = "agent"
    assert FieldSelector.parse(EVENT, "source=agent").matches(event)


def test_events_are_found_by_what_they_are_about() -> None:
    event = Event(type="Warning", reason="Failed")
    event.involved_object.kind, event.involved_object.uid = "Pod", "u1"
    assert FieldSelector.parse(EVENT, "involvedObject.kind=Pod,involvedObject.uid=u1,type!=Normal").matches(event)


def test_booleans_are_words() -> None:
    assert FieldSelector.parse(NODE, "spec.unschedulable=false").matches(Node())


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        *((kind, "metadata.name") for kind in KINDS.values()),
        (SECRET, "type"),
        (NAMESPACE, "status.phase"),
        (SERVICE, "spec.clusterIP"),
        (SERVICE, "spec.type"),
        (CONFIG_MAP, "metadata.namespace"),
    ],
)
def test_fields_of_other_kinds(kind: Kind[Any], field: str) -> None:
    selector = FieldSelector.parse(kind, f"{field}=x")
    assert not selector.matches(kind.message())
    assert selector.exact(field) == "x"


def test_exact_value_is_told() -> None:
    selector = FieldSelector.parse(POD, "spec.nodeName=n,status.phase!=Failed")
    assert selector.exact("spec.nodeName") == "n"
    assert selector.exact("status.phase") is None
    assert selector.exact("metadata.name") is None
    assert not selector.selects_everything
    assert FieldSelector.parse(POD, ",").selects_everything


def test_values_are_escaped() -> None:
    selector = FieldSelector.parse(POD, r"metadata.name=a\,b\=c\\d,spec.nodeName=n")
    assert selector.exact("metadata.name") == r"a,b=c\d"
    assert str(selector) == r"metadata.name=a\,b\=c\\d,spec.nodeName=n"


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (POD, "spec.foo=x", "field label not supported: spec.foo"),
        (
            CONFIG_MAP,
            "data=x",
            '"data" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
        (STATEFUL_SET, "spec.x=1", "field label not supported for appsv1.StatefulSet: spec.x"),
        (POD, "metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
        (POD, r"metadata.name=a\b", r"invalid field selector: invalid escape sequence: \b"),
        (POD, "metadata.name=a=b", "invalid field selector: unescaped character in value: ="),
    ],
)
def test_what_is_refused(kind: Kind[Any], text: str, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        FieldSelector.parse(kind, text)
    assert caught.value.message == message


def test_refusal_is_the_recorded_one() -> None:
    recorded = json.loads((GOLDEN / "list-bad-field.json").read_text())["response"]
    with pytest.raises(BadRequest) as caught:
        FieldSelector.parse(POD, "spec.foo=x")
    assert (caught.value.message, caught.value.reason) == (recorded["message"], recorded["reason"])
