"""Coordination with a ZooKeeper that asks for more than an address: TLS on both sides, and SASL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
from testcontainers.core.container import DockerContainer

from statefleet.coordination.zookeeper import ZooKeeperCoordination, ZooKeeperSettings
from statefleet.errors import Unavailable
from statefleet.rpc.certificates import Authority
from statefleet.rpc.identity import Identity
from statefleet.runtime.clock import SystemClock
from support import owned
from support.claimed import free_port
from support.zookeeper_servers import IMAGE

PLAIN, TLS = 2181, 2281
JAAS = 'Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_fleet="hush-hush"; };'
EXTRA = {
    "serverCnxnFactory": "org.apache.zookeeper.server.NettyServerCnxnFactory",
    "secureClientPort": str(TLS),
    "ssl.clientAuth": "need",
    "ssl.keyStore.location": "/secrets/server.pem",
    "ssl.trustStore.location": "/secrets/ca.pem",
    "authProvider.sasl": "org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
    "minSessionTimeout": "500",
}


class Guarded:
    """Where the server is, and the files that let one in."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ports = {PLAIN: free_port(), TLS: free_port()}
        authority = Authority(directory / "authority", SystemClock())
        server, client = authority.server("zookeeper", ["localhost"]), authority.client(Identity("fleet"))
        for name, content in {
            "server.pem": server.certificate + server.key,
            "ca.pem": authority.certificate,
            "client.crt": client.certificate,
            "client.key": client.key,
            "jaas.conf": JAAS.encode(),
        }.items():
            (directory / name).write_bytes(content)

    def settings(self, port: int, host: str = "localhost", **fields: object) -> ZooKeeperSettings:
        return ZooKeeperSettings(hosts=f"{host}:{self.ports[port]}", session_timeout_seconds=5, **fields)  # type: ignore[arg-type]

    def tls(self, host: str = "localhost", **fields: object) -> ZooKeeperSettings:
        shown = {"certificate": str(self.directory / "client.crt"), "key": str(self.directory / "client.key")}
        return self.settings(TLS, host, **{"tls": True, "ca": str(self.directory / "ca.pem"), **shown, **fields})


@pytest.fixture(scope="module")
def guarded(real_servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    directory = tmp_path_factory.mktemp("secrets")
    directory.chmod(0o755)  # the server runs as a user of its own
    made = Guarded(directory)
    container = DockerContainer(IMAGE).with_kwargs(labels=owned.labels())
    container.with_volume_mapping(str(directory), "/secrets")
    container.with_envs(
        ZOO_CFG_EXTRA=" ".join(f"{key}={value}" for key, value in EXTRA.items()),
        ZOO_ADMINSERVER_ENABLED="false",
        JVMFLAGS="-Djava.security.auth.login.config=/secrets/jaas.conf",
    )
    for inner, outer in made.ports.items():
        container.ports[str(inner)] = ("127.0.0.1", outer)  # type: ignore[assignment] # docker takes it
    with container:
        asyncio.run(until_served(made.settings(PLAIN)))
        yield made


async def until_served(settings: ZooKeeperSettings) -> None:
    async with asyncio.timeout(60), ZooKeeperCoordination(settings) as coordination:
        while not coordination.connected:
            await asyncio.sleep(0.05)


@pytest.fixture
async def stranger(guarded: Guarded) -> AsyncIterator[ZooKeeperCoordination]:
    async with ZooKeeperCoordination(guarded.settings(PLAIN)) as made:
        yield made


async def soon_leads(settings: ZooKeeperSettings, name: str) -> None:
    """Lead, and take part, as anybody can who is let in."""
    async with asyncio.timeout(30), ZooKeeperCoordination(settings) as coordination:
        await coordination.campaign(name, "a")
        await coordination.join(name, "a")
        assert await coordination.leader(name) == "a"
        async with aclosing(coordination.members(name)) as members:
            assert await anext(members) == ("a",)


async def refused(settings: ZooKeeperSettings, why: str) -> None:
    """Try until this is why nothing comes of it."""
    async with (
        asyncio.timeout(30),
        ZooKeeperCoordination(replace(settings, session_timeout_seconds=1)) as coordination,
    ):
        while True:
            with pytest.raises(Unavailable, match="ZooKeeper cannot be reached: ") as told:
                await coordination.campaign("store", "a")
            assert not coordination.connected
            if why in told.value.message:
                return


async def test_a_client_with_a_certificate_is_let_in_over_tls(guarded: Guarded) -> None:
    await soon_leads(guarded.tls(root="/tls"), "store")


async def test_a_client_without_a_certificate_is_not(guarded: Guarded) -> None:
    await refused(guarded.tls(certificate="", key=""), "")


async def test_a_server_of_another_authority_is_not_talked_to(guarded: Guarded, tmp_path: Path) -> None:
    other = Authority(tmp_path, SystemClock())
    assert other.certificate
    await refused(guarded.tls(ca=str(tmp_path / "ca.crt")), "certificate verify failed")


async def test_a_server_of_another_name_is_not_talked_to(guarded: Guarded) -> None:
    await refused(guarded.tls("127.0.0.1"), "IP address mismatch")
    await soon_leads(guarded.tls("127.0.0.1", check_hostname=False, root="/unnamed"), "store")


async def test_who_has_the_password_is_let_in_by_sasl_and_what_it_makes_is_its_own(
    guarded: Guarded, stranger: ZooKeeperCoordination
) -> None:
    sasl = {"mechanism": "DIGEST-MD5", "username": "fleet", "password": "hush-hush"}
    await soon_leads(guarded.settings(PLAIN, sasl=sasl, root="/statefleet"), "store")
    with pytest.raises(Unavailable, match="denies access to /statefleet/elections/store"):
        await stranger.leader("store")


async def test_who_has_a_wrong_password_is_told_so_and_tries_on(
    guarded: Guarded, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(0)
    sasl = {"mechanism": "DIGEST-MD5", "username": "fleet", "password": "not-this-one"}
    await refused(guarded.settings(PLAIN, sasl=sasl), "the credential is refused")
    told = caplog.text + "".join(capfd.readouterr())
    assert "turns this client away" in told
    assert "not-this-one" not in told
    assert "Traceback" not in told
