"""Facts about metadata, and times."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.api.meta.v1.primitives_pb2 import MicroTime, Time
from statefleet.objects import meta, times

FEW = settings(max_examples=100, deadline=None, database=None)


def test_controller_is_the_owner_that_controls() -> None:
    owned = ObjectMeta()
    owned.owner_references.add(kind="Service", uid="u1")
    assert meta.controller_of(owned) is None
    workload = StatefulSet()
    workload.metadata.name, workload.metadata.uid = "web", "u2"
    owned.owner_references.append(meta.controller_reference(workload))
    controller = meta.controller_of(owned)
    assert controller is not None
    assert (controller.api_version, controller.kind, controller.name) == ("apps/v1", "StatefulSet", "web")
    assert controller.block_owner_deletion
    assert meta.is_controlled_by(owned, "u2")
    assert not meta.is_controlled_by(owned, "u1")
    assert meta.is_owned_by(owned, "u1")
    assert not meta.is_owned_by(owned, "u3")


def test_deletion_is_told_by_its_time() -> None:
    going = ObjectMeta()
    assert not meta.is_deleting(going)
    going.deletion_timestamp.CopyFrom(meta.to_time(0))
    assert meta.is_deleting(going)


def test_finalizers() -> None:
    held = ObjectMeta(finalizers=["a", "b"])
    assert meta.has_finalizer(held, "a")
    assert meta.remove_finalizer(held, "a")
    assert not meta.remove_finalizer(held, "a")
    assert list(held.finalizers) == ["b"]


def test_identity() -> None:
    assert meta.full_name(ObjectMeta(name="a", namespace="n")) == "n/a"
    assert meta.full_name(ObjectMeta(name="node")) == "node"
    assert meta.version_of(ObjectMeta()) == 0
    assert meta.version_of(ObjectMeta(resource_version="17")) == 17
    first, again = ObjectMeta(name="a", uid="1"), ObjectMeta(name="a", uid="2")
    assert meta.same_object(first, first)
    assert not meta.same_object(first, again)


def test_times_of_seconds() -> None:
    assert times.to_time(1.9) == Time(seconds=1)
    assert times.to_time(-0.5) == Time(seconds=-1)
    assert times.to_micro_time(1.5) == MicroTime(seconds=1, nanos=500_000_000)
    assert times.seconds(Time(seconds=3)) == 3.0
    assert times.seconds(MicroTime(seconds=3, nanos=500_000_000)) == 3.5
    assert times.seconds(Time()) == 0.0
    assert times.is_set(times.to_time(0))
    assert not times.is_set(Time())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-01-01T02:00:00+02:00", 1767225600),
        ("2025-12-31T23:30:00-00:30", 1767225600),
        ("2026-01-01T00:00:00.999Z", 1767225600),
        ("2024-02-29T00:00:00Z", 1709164800),
    ],
)
def test_text_of_times(text: str, seconds: int) -> None:
    assert times.parse_time(text) == Time(seconds=seconds)


def test_micro_times_keep_six_digits() -> None:
    assert times.parse_micro_time("1970-01-01T00:00:01.1234567Z") == MicroTime(seconds=1, nanos=123_456_000)
    assert times.format_micros(1, 123_456_789) == "1970-01-01T00:00:01.123456Z"


def test_time_of_year_one_is_none() -> None:
    assert times.parse_time("0001-01-01T00:00:00Z") == Time()
    assert times.parse_micro_time("0001-01-01T00:00:00.000000Z") == MicroTime()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006"'),
        ("2026/01", 'parsing time "2026/01" as "2006-01-02T15:04:05Z07:00": cannot parse "/01" as "-"'),
        (
            "2026-01-01T00:00:00",
            'parsing time "2026-01-01T00:00:00" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00"',
        ),
        ("2026-13-01T00:00:00Z", 'parsing time "2026-13-01T00:00:00Z": month out of range'),
        ("2026-02-29T00:00:00Z", 'parsing time "2026-02-29T00:00:00Z": day out of range'),
        ("2026-01-01T24:00:00Z", 'parsing time "2026-01-01T24:00:00Z": hour out of range'),
        ("2026-01-01T00:60:00Z", 'parsing time "2026-01-01T00:60:00Z": minute out of range'),
        ("2026-01-01T00:00:61Z", 'parsing time "2026-01-01T00:00:61Z": second out of range'),
        ("2026-01-01T00:00:00Z!", 'parsing time "2026-01-01T00:00:00Z!": extra text: "!"'),
    ],
)
def test_what_is_no_time(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^parsing time") as caught:
        times.parse_time(text)
    assert str(caught.value) == message


@FEW
@given(st.integers(-62135596799, 253402300799))
def test_time_comes_back_from_its_text(seconds: int) -> None:
    assert times.parse_time(times.format_seconds(seconds)) == Time(seconds=seconds)


@pytest.mark.parametrize(("seconds", "text"), [(2**62, "9999-12-31T23:59:59Z"), (-(2**62), "0001-01-01T00:00:00Z")])
def test_times_beyond_all_years_are_shown_as_the_last(seconds: int, text: str) -> None:
    assert times.format_seconds(seconds) == text
