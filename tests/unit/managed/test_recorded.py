"""Who owns what of a new object, against what a Kubernetes API server recorded."""

from __future__ import annotations

import orjson
import pytest

from statefleet.objects.codec import decode
from statefleet.objects.defaults import apply_defaults
from statefleet.objects.kinds import KINDS
from statefleet.objects.managed import UPDATE, Author, created, write_entries
from support.oracle_objects import Recording, recordings
from support.recorded_owners import owned

RECORDED = {
    name: case for name, case in recordings("defaults").items() if "managedFields" in case.response["metadata"]
}


def test_there_are_recordings() -> None:
    assert len(RECORDED) > 20


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in RECORDED.items()])
def test_a_creator_owns_what_was_recorded(case: Recording) -> None:
    kind = KINDS[case.response["kind"]]
    message, _ = decode(kind.message, case.body)
    apply_defaults(message)
    author = Author("python-requests", UPDATE, kind.api_version)
    entries = write_entries(created(message, author, 0, {}))
    fields = orjson.loads(entries[0].fields_v1.raw) if entries else {}
    assert fields == owned(case)
