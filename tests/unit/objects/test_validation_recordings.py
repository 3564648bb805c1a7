"""Refusals are those of Kubernetes: its recorded causes and messages."""

from __future__ import annotations

from typing import Any

import pytest

from statefleet.errors import BadRequest, Cause
from statefleet.objects import codec
from statefleet.objects.kinds import KINDS, STATEFUL_SET
from statefleet.objects.validation import invalid, invalid_named
from support.judging import causes
from support.oracle_objects import Recording, recordings

RECORDED = {**recordings("errors"), "pod-quantities": recordings("defaults")["pod-quantities"]}
REFUSED = {name: case for name, case in RECORDED.items() if case.code == 422}
STRICTER = {name: case for name, case in RECORDED.items() if case.note}
UNDECODABLE = {"ds-bad-cpu", "sts-bad-cpu", "secret-b64"}
MISDIRECTED = {"array", "empty", "notjson", "ds-wrong-kind", "sts-wrong-kind", "ds-wrong-ns", "sts-wrong-ns"}
"""What the request refuses before there is an object to judge."""
ACCEPTED_FOR_DAEMON_SETS = {"replicas", "serviceName"}


def found(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(cause.reason, cause.message, cause.field) for cause in causes(document)]


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_causes_are_the_recorded_ones(case: Recording) -> None:
    assert found(case.body) == case.causes


@pytest.mark.surface("texts.invalid-replicas", "texts.selector-mismatch")
@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_the_error_is_the_recorded_one(case: Recording) -> None:
    kind, name = KINDS[case.body["kind"]], case.body["metadata"].get("name", "")

    error = invalid(kind, name, causes(case.body))

    details = case.response["details"]
    assert error.message == case.response["message"]
    assert (error.http_code, error.reason) == (422, case.response["reason"])
    assert error.subject is not None
    assert (error.subject.name, error.subject.kind) == (details.get("name", ""), details["kind"])
    assert error.subject.group == details.get("group", "")
    assert [(c.reason, c.message, c.field) for c in error.subject.causes] == case.causes


@pytest.mark.parametrize("case", STRICTER.values(), ids=STRICTER)
def test_a_stateful_set_is_judged_as_a_daemon_set_is(case: Recording) -> None:
    spec = {key: value for key, value in case.body["spec"].items() if key not in ACCEPTED_FOR_DAEMON_SETS}

    assert found(case.body) == found({**case.body, "kind": "DaemonSet", "spec": spec}) != []


@pytest.mark.parametrize("name", sorted(name for name in STRICTER if f"ds-{name[4:]}" in REFUSED))
def test_a_stateful_set_gets_the_causes_recorded_for_a_daemon_set(name: str) -> None:
    assert found(STRICTER[name].body) == REFUSED[f"ds-{name[4:]}"].causes


@pytest.mark.parametrize("name", sorted(UNDECODABLE))
def test_what_cannot_be_decoded_is_no_matter_of_rules(name: str) -> None:
    body = RECORDED[name].body

    with pytest.raises(BadRequest):
        codec.decode(KINDS[body["kind"]].message, body)


def test_every_recording_is_used() -> None:
    assert {name for name, case in RECORDED.items() if case.code == 400} == UNDECODABLE | MISDIRECTED
    assert RECORDED.keys() == REFUSED.keys() | STRICTER.keys() | UNDECODABLE | MISDIRECTED


def test_several_causes_stand_in_brackets_and_repeated_texts_once() -> None:
    low, high = Cause("FieldValueInvalid", "a", "spec.x"), Cause("FieldValueRequired", "b", "spec.y")

    assert (
        invalid(STATEFUL_SET, "x", [low, high]).message == 'StatefulSet.apps "x" is invalid: [spec.x: a, spec.y: b]'
    )
    assert invalid(STATEFUL_SET, "x", [low, low]).message == 'StatefulSet.apps "x" is invalid: spec.x: a'
    assert len(invalid(STATEFUL_SET, "x", [low, low]).subject.causes) == 2  # type: ignore[union-attr]


def test_what_is_no_kind_is_named_by_name_and_group() -> None:
    cause = Cause("FieldValueInvalid", "Invalid value: -2: must be greater than or equal to 0", "spec.replicas")

    error = invalid_named("Scale", "autoscaling", "x", [cause])

    expected = "spec.replicas: Invalid value: -2: must be greater than or equal to 0"
    assert error.message == f'Scale.autoscaling "x" is invalid: {expected}'
