"""Which settings of a topic are dangerous to a log."""

from __future__ import annotations

import pytest

from statefleet.store.kafka_settings import KafkaSettings
from statefleet.store.kafka_topic import dangers, wanted

SETTINGS = KafkaSettings(("kafka:9092",), replication_factor=3, min_insync_replicas=2)


def test_what_we_make_is_not_dangerous() -> None:
    assert dangers(SETTINGS, 1, 3, wanted(SETTINGS)) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cleanup.policy", "compact"),
        ("cleanup.policy", "compact,delete"),
        ("retention.ms", "604800000"),
        ("retention.bytes", "1073741824"),
        ("unclean.leader.election.enable", "true"),
        ("min.insync.replicas", "1"),
        ("max.message.bytes", "1048588"),
    ],
)
def test_a_dangerous_setting_is_named_with_its_value_and_the_fix(name: str, value: str) -> None:
    found = dangers(SETTINGS, 1, 3, {**wanted(SETTINGS), name: value})
    assert list(found) == [name]
    assert found[name].startswith(f"{value} instead of ")
    assert f"--add-config {name}={wanted(SETTINGS)[name]}" in found[name]


def test_more_than_one_partition_and_too_few_replicas_are_dangerous() -> None:
    assert list(dangers(SETTINGS, 2, 1, wanted(SETTINGS))) == ["partitions", "replication factor"]


def test_stricter_than_asked_is_fine() -> None:
    strict = {**wanted(SETTINGS), "min.insync.replicas": "3", "max.message.bytes": "10000000"}
    assert dangers(SETTINGS, 1, 5, strict) == {}
