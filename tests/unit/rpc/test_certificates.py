from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from statefleet.errors import BadRequest
from statefleet.rpc.certificates import Authority
from statefleet.rpc.identity import Identity
from statefleet.rpc.issuing import LEAF_LIFETIME
from statefleet.rpc.tls import ClientTls, ServerTls

ALICE = Identity("alice", ("ops", "system:masters"))


class SettableClock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.time = datetime(2030, 1, 1, tzinfo=UTC)

    def now(self) -> float:
        return self.time.timestamp()

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def test_a_client_certificate_names_its_holder(tmp_path: Path) -> None:
    authority = Authority(tmp_path, SettableClock())
    certificate = x509.load_pem_x509_certificate(authority.client(ALICE).certificate)
    subject = certificate.subject
    assert [each.value for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["alice"]
    assert [each.value for each in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == [
        "ops",
        "system:masters",
    ]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate))


def test_a_server_certificate_names_its_hosts(tmp_path: Path) -> None:
    pair = Authority(tmp_path, SettableClock()).server("api", ["localhost", "127.0.0.1", "::1"])
    names = (
        x509.load_pem_x509_certificate(pair.certificate)
        .extensions.get_extension_for_class(x509.SubjectAlternativeName)
        .value
    )
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert {str(address) for address in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1"}


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki", SettableClock())
    authority.client(Identity("system:node:n/1"))
    files = sorted((tmp_path / "pki").iterdir())
    assert [file.name for file in files] == ["ca.crt", "ca.key", "system-node-n-1.crt", "system-node-n-1.key"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_what_is_there_is_used_again(tmp_path: Path) -> None:
    clock = SettableClock()
    first = Authority(tmp_path, clock)
    pairs = (first.server("api", ["localhost"]), first.client(ALICE))
    second = Authority(tmp_path, clock)
    assert second.certificate == first.certificate
    assert (second.server("api", ["localhost"]), second.client(ALICE)) == pairs


def test_other_hosts_or_groups_make_a_new_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path, SettableClock())
    server, client = authority.server("api", ["localhost"]), authority.client(ALICE)
    assert authority.server("api", ["localhost", "example.org"]) != server
    assert authority.client(Identity("alice")) != client


def test_a_certificate_is_renewed_before_it_ends(tmp_path: Path) -> None:
    clock = SettableClock()
    authority = Authority(tmp_path, clock)
    pair = authority.client(ALICE)
    clock.time += LEAF_LIFETIME / 2
    assert authority.client(ALICE) == pair
    clock.time += LEAF_LIFETIME / 3
    assert authority.client(ALICE) != pair


def test_a_new_authority_replaces_all(tmp_path: Path) -> None:
    clock = SettableClock()
    pair = Authority(tmp_path, clock).client(ALICE)
    for name in ("ca.crt", "ca.key"):
        (tmp_path / name).unlink()
    authority = Authority(tmp_path, clock)
    renewed = authority.client(ALICE)
    assert renewed != pair
    x509.load_pem_x509_certificate(renewed.certificate).verify_directly_issued_by(
        x509.load_pem_x509_certificate(authority.certificate)
    )


def test_a_nodes_certificate_serves_and_calls(tmp_path: Path) -> None:
    identity = Identity("system:node:n1", ("system:nodes",))
    pair = Authority(tmp_path, SettableClock()).server("n1", ["10.0.0.1"], identity)
    usage = x509.load_pem_x509_certificate(pair.certificate).extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert {oid._name for oid in usage.value} == {"clientAuth", "serverAuth"}


def test_pairs_are_loaded_from_files(tmp_path: Path) -> None:
    authority = Authority(tmp_path, SettableClock())
    server, client = authority.server("api", ["localhost"]), authority.client(ALICE)
    ca = tmp_path / "ca.crt"
    assert ServerTls.load(tmp_path / "api.crt", tmp_path / "api.key", ca) == ServerTls(server, authority.certificate)
    loaded = ClientTls.load(ca, tmp_path / "alice.crt", tmp_path / "alice.key", "localhost")
    assert loaded == ClientTls(authority.certificate, client, "localhost")


def test_a_servers_further_names_are_added_to_those_that_it_has(tmp_path: Path) -> None:
    authority = Authority(tmp_path, SettableClock())
    first = authority.server("api", ["a.example", "b.example"])
    assert authority.server("api", ["a.example"]) == first
    assert authority.client(Identity("api"), "api") == first
    second = authority.server("api", ["c.example"])
    assert authority.server("api", ["a.example", "b.example", "c.example"]) == second


def test_without_the_authoritys_key_what_is_there_is_used_and_nothing_made(tmp_path: Path) -> None:
    clock = SettableClock()
    authority = Authority(tmp_path, clock)
    pair = authority.server("api", ["a.example"])
    (tmp_path / "ca.key").unlink()
    handed = Authority(tmp_path, clock)
    assert not handed.can_issue
    assert handed.certificate == authority.certificate
    assert handed.server("api", ["b.example"]) == handed.client(Identity("api"), "api") == pair
    with pytest.raises(BadRequest, match=r"web\.crt: there is no certificate"):
        handed.server("web", [])
    clock.time += LEAF_LIFETIME
    with pytest.raises(BadRequest, match=r"api\.crt: expired at 2031-01-01"):
        handed.server("api", [])
    assert not (tmp_path / "ca.key").exists()


def test_a_certificate_of_another_authority_is_not_used(tmp_path: Path) -> None:
    clock = SettableClock()
    Authority(tmp_path / "one", clock).client(ALICE)
    Authority(tmp_path / "two", clock)
    ours = tmp_path / "two"
    for ending in ("crt", "key"):
        (ours / f"alice.{ending}").write_bytes((tmp_path / "one" / f"alice.{ending}").read_bytes())
    (ours / "ca.key").unlink()
    with pytest.raises(BadRequest, match="is not of the authority"):
        Authority(ours, clock).client(ALICE)


def test_what_was_issued_is_told_and_renewed_as_it_is(tmp_path: Path) -> None:
    clock = SettableClock()
    authority = Authority(tmp_path, clock)
    authority.client(ALICE)
    authority.server("api", ["a.example"])
    alice, api = authority.issued()
    assert (alice.name, alice.identity, alice.server, alice.is_fresh) == ("alice", ALICE, False, True)
    assert (api.name, api.hosts, api.server) == ("api", frozenset({"a.example"}), True)
    clock.time += LEAF_LIFETIME * 0.8
    stale = list(authority.issued())
    assert [each.is_fresh for each in stale] == [False, False]
    for each in stale:
        authority.renew(each)
    fresh = list(authority.issued())
    assert [(each.identity, each.hosts, each.server) for each in fresh] == [
        (each.identity, each.hosts, each.server) for each in stale
    ]
    assert all(each.is_fresh for each in fresh)


def test_nobody_can_take_the_authoritys_place(tmp_path: Path) -> None:
    authority = Authority(tmp_path, SettableClock())
    with pytest.raises(BadRequest, match="the authority itself"):
        authority.client(Identity("ca"))
