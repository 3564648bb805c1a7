from __future__ import annotations

from pathlib import Path

import click
import pytest

from statefleet.app.replication import backend_of
from statefleet.app.settings_files import read_settings
from statefleet.coordination.zookeeper_settings import ZooKeeperSettings
from statefleet.store.kafka_settings import KafkaSettings

OPTION = "--kafka-config"


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    return file


def kafka(tmp_path: Path, text: str) -> KafkaSettings:
    return read_settings(KafkaSettings, OPTION, written(tmp_path, text), bootstrap_servers=("b:1",))


def test_without_a_file_the_defaults_hold() -> None:
    assert read_settings(KafkaSettings, OPTION, None, bootstrap_servers=("b:1",)) == KafkaSettings(("b:1",))


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert kafka(tmp_path, "# nothing yet\n") == KafkaSettings(("b:1",))


def test_settings_of_each_type_are_taken_over(tmp_path: Path) -> None:
    authority = written(tmp_path, "").rename(tmp_path / "ca.crt")
    text = f"security_protocol: SSL\ntls_ca_file: {authority}\nreplication_factor: 5\nrequest_timeout_seconds: 2\n"
    found = kafka(tmp_path, text)
    assert (found.security_protocol, found.tls_ca_file, found.replication_factor) == ("SSL", authority, 5)
    assert found.request_timeout_seconds == 2


def test_a_secret_may_come_from_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    file = written(tmp_path, f"user: fleet\npassword_file: {tmp_path / 'password'}\n")
    settings = read_settings(ZooKeeperSettings, "--zookeeper-config", file, hosts="z:2181")
    assert settings.password == "secret"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("replicas: 3\n", "replicas: not known; known are .*replication_factor"),
        ("replication_factor: many\n", "replication_factor: must be a whole number"),
        ("replication_factor: true\n", "replication_factor: must be a whole number"),
        ("replication_factor: 0\n", "replication_factor: must be at least 1"),
        ("- replication_factor\n", "must be a mapping of settings"),
        ("a: b: c\n", "cannot be read"),
        ("sasl_password_file: /nowhere\n", "sasl_password_file: /nowhere is not a file"),
        ("bootstrap_servers: [x]\n", "bootstrap_servers: not known"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(click.UsageError, match=complaint):
        kafka(tmp_path, text)


def test_all_that_is_wrong_is_said_together(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match=r"one: not known.*two: not known"):
        kafka(tmp_path, "one: 1\ntwo: 2\n")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"data_dir": Path("d"), "kafka": "b:1"},
        {"kafka": "b:1"},
        {"zookeeper": "z:1"},
        {"data_dir": Path("d"), "zookeeper": "z:1"},
    ],
)
def test_a_log_is_in_one_place(given: dict[str, object]) -> None:
    absent = dict.fromkeys(("data_dir", "kafka", "kafka_config", "zookeeper", "zookeeper_config"))
    with pytest.raises(click.UsageError, match="give either --data-dir, or --kafka and --zookeeper"):
        backend_of({**absent, **given})
