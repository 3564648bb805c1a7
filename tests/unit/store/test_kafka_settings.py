"""What settings of Kafka are refused, and that no secret shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from statefleet.store.kafka_settings import KafkaSettings

PLAIN = KafkaSettings(("kafka-1:9092", "[::1]:9092", "10.0.0.7:19092"))
SASL = replace(
    PLAIN,
    security_protocol="SASL_PLAINTEXT",
    sasl_mechanism="SCRAM-SHA-512",
    sasl_username="statefleet",
    sasl_password="hunter2",
)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"bootstrap_servers": ()}, "bootstrap_servers"),
        ({"bootstrap_servers": ("kafka",)}, "bootstrap_servers"),
        ({"bootstrap_servers": ("kafka:65536",)}, "bootstrap_servers"),
        ({"bootstrap_servers": ("[::1]:0",)}, "bootstrap_servers"),
        ({"topic_prefix": "a b"}, "topic_prefix"),
        ({"replication_factor": 0, "min_insync_replicas": 1}, "replication_factor"),
        ({"replication_factor": 2, "min_insync_replicas": 3}, "min_insync_replicas"),
        ({"min_insync_replicas": 0}, "min_insync_replicas"),
        ({"request_timeout_seconds": 0.0}, "request_timeout_seconds"),
        ({"security_protocol": "TLS"}, "security_protocol"),
        ({"sasl_username": "somebody"}, "security_protocol"),
        ({"tls_ca_file": Path(__file__)}, "tls_ca_file"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, object], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: [^;]*$"):
        replace(PLAIN, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sasl_mechanism": "GSSAPI"}, "sasl_mechanism"),
        ({"sasl_username": ""}, "sasl_username"),
        ({"sasl_password": ""}, "sasl_password_file"),
        ({"sasl_password_file": Path("/nowhere/password")}, "sasl_password_file"),
        ({"tls_cert_file": Path(__file__), "security_protocol": "SASL_SSL"}, "tls_cert_file and tls_key_file"),
    ],
)
def test_what_is_wrong_with_security_is_named(changes: dict[str, object], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: [^;]*$"):
        replace(SASL, **changes)  # type: ignore[arg-type]


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"bootstrap_servers: .*; topic_prefix: .*; security_protocol: "):
        KafkaSettings((), topic_prefix="", security_protocol="NONE")


def test_a_password_is_never_shown() -> None:
    assert "hunter2" not in repr(SASL)
    assert "hunter2" not in str(SASL)


def test_a_password_file_is_read_anew_each_time(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.touch()
    settings = replace(SASL, sasl_password="", sasl_password_file=file)
    for password in ("first", "second"):
        file.write_text(password + "\n")
        assert settings.connection_options()["sasl_plain_password"] == password
