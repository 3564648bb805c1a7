"""statefleet certs and keys, as an administrator of a fleet uses them; and tokens beside certificates."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.kubectl import Kubectl
from support.processes import STATEFLEET, ended, until
from support.suite import INSTANT, Suite


def call(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([STATEFLEET, *map(str, arguments)], capture_output=True, text=True, timeout=30, check=False)


def issue(directory: Path, *arguments: object) -> list[str]:
    done = call("certs", "issue", *arguments, "--certificates", directory)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_certificates_are_issued_listed_and_renewed(tmp_path: Path) -> None:
    authority, out = tmp_path / "authority", tmp_path / "out"
    issue(authority, "workload-store", "--host=store-1.example", "--host=10.0.0.1")
    issue(authority, "user", "vera", "--group=statefleet:viewers")
    files = issue(authority, "node", "db-7", "--host=db-7.example", "--out", out)
    assert [Path(file).name for file in files] == ["ca.crt", "system-node-db-7.crt", "system-node-db-7.key"]
    assert sorted(file.name for file in out.iterdir()) == sorted(Path(file).name for file in files)
    assert all(file.stat().st_mode & 0o077 == 0 for file in out.iterdir())
    listed = call("certs", "list", "--certificates", authority).stdout
    for text in ("vera", "statefleet:viewers", "system:node:db-7", "10.0.0.1", "system:statefleet:services"):
        assert text in listed
    assert listed.count("(364 days)") == 3
    before = (authority / "vera.crt").read_bytes()
    assert call("certs", "renew", "--certificates", authority).stdout == "nothing to renew\n"
    assert "renewed vera" in call("certs", "renew", "--all", "--certificates", authority).stdout
    assert (authority / "vera.crt").read_bytes() != before


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("node",), "node needs a NAME"),
        (("worker", "w1"), "worker has no NAME"),
        (("worker", "--group=x"), "--group is for users"),
        (("user", "worker"), '"worker" is a part of the suite'),
        (("user", "ca"), "the authority itself is kept under that name"),
        (("node", "n*"), 'name: Invalid value: "n*": a lowercase RFC 1123 subdomain'),
        (("gateway", "--host=10.0.0.1", "--host=a host"), 'host: Invalid value: "a host": a lowercase RFC 1123'),
        (("user", "v" * 65), "must have 1 to 64 bytes"),
        (("user", "vera", "--group="), "must have 1 to 64 bytes"),
    ],
)
def test_what_cannot_be_issued_is_refused(tmp_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    done = call("certs", "issue", *arguments, "--certificates", tmp_path)
    assert done.returncode != 0
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_where_the_authoritys_key_is_not_nothing_is_issued(tmp_path: Path) -> None:
    issue(tmp_path / "authority", "worker", "--out", tmp_path / "out")
    for arguments in (("issue", "worker"), ("renew", "--all")):
        done = call("certs", *arguments, "--certificates", tmp_path / "out")
        assert done.returncode == 1
        assert "only where the authority's ca.key is" in done.stderr
    assert "no key" in call("certs", "list", "--certificates", tmp_path / "out").stdout


@pytest.mark.parametrize("part", [("agent",), ("agent", "--identity=system-node-db-7"), ("work",)])
def test_a_part_without_its_certificate_is_never_ready(tmp_path: Path, part: tuple[str, ...]) -> None:
    issue(tmp_path / "authority", "gateway", "--out", tmp_path / "out")
    done = call(*part, "--certificates", tmp_path / "out")
    assert done.returncode == 1
    assert done.stdout == ""
    assert ".crt: there is no certificate with its key" in done.stderr


@pytest.mark.parametrize("name", ["ca.crt", "agent.crt"])
def test_a_part_whose_certificate_is_none_says_so(tmp_path: Path, name: str) -> None:
    issue(tmp_path / "authority", "agent", "--out", tmp_path / "out")
    (tmp_path / "out" / name).write_text("damaged", encoding="utf-8")
    done = call("agent", "--certificates", tmp_path / "out")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"Error: {tmp_path / 'out' / name}: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("damage", ["ca.crt", "ca.key"])
def test_a_damaged_authority_is_not_replaced(tmp_path: Path, damage: str) -> None:
    issue(tmp_path, "worker")
    (tmp_path / damage).write_text("damaged", encoding="utf-8")
    done = call("certs", "issue", "agent", "--certificates", tmp_path)
    assert done.returncode == 1
    assert f"{tmp_path / 'ca.key'}: is not the key of ca.crt; restore both" in done.stderr
    assert (tmp_path / damage).read_text(encoding="utf-8") == "damaged"


def test_tokens_let_users_in_and_are_read_again(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.csv"
    tokens.write_text('t0k3n,vera,1,"statefleet:viewers"\n', encoding="utf-8")
    suite = Suite(tmp_path / "data", *INSTANT, f"--tokens={tokens}", "--log-level=debug")
    suite.start()
    with ended(suite.process):
        config = tmp_path / "vera"
        where = ("--server", suite.url, "--certificates", suite.directory / "certificates", "--output", config)
        assert call("kubeconfig", "--user=vera", "--token=t0k3n", *where).returncode == 0
        vera = Kubectl(config)
        assert "vera" in vera("auth whoami")
        assert "node-1" in vera("get nodes")
        assert 'User "vera" cannot delete resource "nodes"' in vera.fails("delete node node-1")
        other = vera.fails("get nodes --token=wr0ng")
        assert other == "error: You must be logged in to the server (Unauthorized)\n"
        tokens.write_text('wr0ng,ada,2,"system:masters"\n', encoding="utf-8")
        until(lambda: vera.run("get nodes --token=wr0ng").code == 0, "the new token is taken")
        assert "Unauthorized" in vera.fails("get nodes")
        tokens.write_text("not,enough\n", encoding="utf-8")
        assert "node-1" in vera("get nodes --token=wr0ng")
        until(lambda: "tokens not read again" in suite.process.output, "a complaint")
        assert "wr0ng" not in suite.process.output
        assert "t0k3n" not in suite.process.output
        assert suite.process.stop() == 0


def test_a_file_of_tokens_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.csv"
    tokens.write_text("secret-but-no-user\n", encoding="utf-8")
    done = call("up", "--data-dir", tmp_path / "data", "--listen=127.0.0.1:0", f"--tokens={tokens}")
    assert done.returncode == 1
    assert "line 1 is not token,user,uid[,groups]" in done.stderr
    assert "secret-but-no-user" not in done.stderr
