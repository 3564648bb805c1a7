"""A log in a Kafka that wants to see a certificate and a password, and what is said where one is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from statefleet.errors import Unavailable
from statefleet.rpc.certificates import Authority
from statefleet.rpc.identity import Identity
from statefleet.runtime.clock import SystemClock
from statefleet.store.kafka_brokers import KafkaBrokers
from statefleet.store.kafka_log import KafkaCluster, KafkaLog
from statefleet.store.kafka_settings import KafkaSettings
from support.kafka_servers import STARTS_SOON, Kafka

USER, PASSWORD = "fleet", "correct-horse"


class SecureKafka(Kafka):
    """One broker that is reached over TLS by who shows a certificate of an authority, and a password."""

    def __init__(self, directory: Path) -> None:
        super().__init__(1, None, STARTS_SOON, {})
        self._authority = Authority(directory, SystemClock())
        self._authority.client(Identity("statefleet"))
        password = directory / "password"
        password.write_text(f"{PASSWORD}\n")
        self.settings = KafkaSettings(
            (self.address,),
            replication_factor=1,
            min_insync_replicas=1,
            security_protocol="SASL_SSL",
            sasl_mechanism="PLAIN",
            sasl_username=USER,
            sasl_password_file=password,
            tls_ca_file=directory / "ca.crt",
            tls_cert_file=directory / "statefleet.crt",
            tls_key_file=directory / "statefleet.key",
            request_timeout_seconds=3.0,
        )

    def environment(self, number: int) -> Mapping[str, str]:
        pair = self._authority.server("kafka", ["127.0.0.1"])
        login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        return {
            **super().environment(number),
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "HOST:SASL_SSL,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "KAFKA_SASL_ENABLED_MECHANISMS": "PLAIN",
            "KAFKA_LISTENER_NAME_HOST_PLAIN_SASL_JAAS_CONFIG": f'{login} user_{USER}="{PASSWORD}";',
            "KAFKA_SSL_CLIENT_AUTH": "required",
            "KAFKA_LISTENER_NAME_HOST_SSL_CLIENT_AUTH": "required",
            "KAFKA_SSL_KEYSTORE_TYPE": "PEM",
            "KAFKA_SSL_KEYSTORE_KEY": _one_line(pair.key),
            "KAFKA_SSL_KEYSTORE_CERTIFICATE_CHAIN": _one_line(pair.certificate),
            "KAFKA_SSL_TRUSTSTORE_TYPE": "PEM",
            "KAFKA_SSL_TRUSTSTORE_CERTIFICATES": _one_line(self._authority.certificate),
        }

    def serving(self) -> int:
        return asyncio.run(self._serving())

    async def _serving(self) -> int:
        brokers = KafkaBrokers(self.settings)
        try:
            await brokers.meet()
        except Unavailable:
            return 0
        else:
            return 1
        finally:
            await brokers.close()


def _one_line(pem: bytes) -> str:
    """Return a PEM text as a properties file has it."""
    return pem.decode().replace("\n", "\\n")


@pytest.fixture(scope="module")
def secured(real_servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaSettings]:
    kafka = SecureKafka(tmp_path_factory.mktemp("authority"))
    try:
        kafka.start()
        yield kafka.settings
    finally:
        kafka.remove()


async def refusal(settings: KafkaSettings) -> str:
    with pytest.raises(Unavailable) as caught:
        async with KafkaCluster(replace(settings, request_timeout_seconds=2.0)):
            pass
    return caught.value.message


async def test_who_shows_a_certificate_and_the_password_gets_in(secured: KafkaSettings) -> None:
    async with KafkaCluster(secured) as cluster:
        log = await KafkaLog.open(cluster, "log")
        assert await log.append(b"secret") == 0
        assert await log.end() == 1


async def test_a_wrong_password_is_named_and_not_shown(secured: KafkaSettings) -> None:
    told = await refusal(replace(secured, sasl_password_file=None, sasl_password="wrong-battery"))
    assert "Authentication failed" in told
    assert "wrong-battery" not in told


async def test_a_broker_of_another_authority_is_not_spoken_to(secured: KafkaSettings, tmp_path: Path) -> None:
    Authority(tmp_path, SystemClock())
    told = await refusal(replace(secured, tls_ca_file=tmp_path / "ca.crt"))
    assert "certificate verify failed" in told


async def test_without_a_certificate_nobody_gets_in(secured: KafkaSettings) -> None:
    await refusal(replace(secured, tls_cert_file=None, tls_key_file=None))


async def test_without_tls_nobody_gets_in(secured: KafkaSettings) -> None:
    plain = replace(
        secured, security_protocol="SASL_PLAINTEXT", tls_ca_file=None, tls_cert_file=None, tls_key_file=None
    )
    await refusal(plain)
