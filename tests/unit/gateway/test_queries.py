"""How the options of a request are read."""

from typing import Any

import pytest

from statefleet.api.meta.v1.delete_options_pb2 import DeleteOptions
from statefleet.errors import BadRequest, FleetError, Invalid
from statefleet.gateway import queries


def fields(error: FleetError) -> list[str]:
    assert error.subject is not None
    return [cause.field for cause in error.subject.causes]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, False),
        ({"watch": ""}, True),
        ({"watch": "1"}, True),
        ({"watch": "False"}, False),
        ({"watch": "0"}, False),
    ],
)
def test_flags(query: dict[str, str], expected: Any) -> None:
    assert queries.flag(query, "watch") is expected


def test_read_options_are_read() -> None:
    options = queries.read_options({"limit": "500", "continue": "x", "labelSelector": "a=b", "timeoutSeconds": "9"})
    assert (options.limit, options.continue_token, options.label_selector, options.timeout_seconds) == (
        500,
        "x",
        "a=b",
        9,
    )
    assert options.send_initial_events is None


def test_a_limit_that_is_no_number() -> None:
    with pytest.raises(BadRequest, match='parsing "many"'):
        queries.read_options({"limit": "many"})


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"resourceVersionMatch": "Exact"}, "resourceVersionMatch"),
        ({"resourceVersionMatch": "Nearly", "resourceVersion": "5"}, "resourceVersionMatch"),
        ({"resourceVersionMatch": "Exact", "resourceVersion": "0"}, "resourceVersionMatch"),
        ({"sendInitialEvents": "true"}, "sendInitialEvents"),
        ({"watch": "1", "sendInitialEvents": "true"}, "resourceVersionMatch"),
        ({"watch": "1", "resourceVersionMatch": "NotOlderThan"}, "resourceVersionMatch"),
        ({"watch": "1", "continue": "x"}, "continue"),
    ],
)
def test_contradicting_options_are_refused(query: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        queries.read_options(query)
    assert field in fields(caught.value)


def test_initial_events_as_kubectl_asks_for_them() -> None:
    query = {"watch": "1", "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    assert queries.read_options(query).send_initial_events is True


def test_write_options_name_the_client_as_manager() -> None:
    options = queries.write_options({}, "kubectl/v1.37.1 (linux/amd64)", "CreateOptions")
    assert (options.field_manager, options.dry_run, options.field_validation) == ("kubectl", False, queries.WARN)


def test_write_options_in_full() -> None:
    query = {"fieldManager": "me", "dryRun": "All", "fieldValidation": "Strict"}
    options = queries.write_options(query, "x", "PatchOptions")
    assert (options.field_manager, options.dry_run, options.field_validation) == ("me", True, queries.STRICT)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"dryRun": "Some"}, "dryRun"),
        ({"fieldValidation": "x"}, "fieldValidation"),
        ({"fieldManager": "m" * 129}, "fieldManager"),
    ],
)
def test_bad_write_options_are_refused(query: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        queries.write_options(query, "x", "CreateOptions")
    assert fields(caught.value) == [field]


def test_delete_options_from_the_query() -> None:
    options = queries.delete_options({"gracePeriodSeconds": "0", "propagationPolicy": "Orphan", "dryRun": "All"})
    assert options.HasField("grace_period_seconds")
    assert options.grace_period_seconds == 0
    assert options.propagation_policy == "Orphan"
    assert list(options.dry_run) == ["All"]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (DeleteOptions(propagation_policy="Orphan", orphan_dependents=True), "propagationPolicy"),
        (DeleteOptions(propagation_policy="Sometimes"), "propagationPolicy"),
        (DeleteOptions(dry_run=["Some"]), "dryRun"),
    ],
)
def test_contradicting_delete_options_are_refused(options: DeleteOptions, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        queries.check_delete_options(options)
    assert fields(caught.value) == [field]
