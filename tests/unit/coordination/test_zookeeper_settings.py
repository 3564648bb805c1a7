from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from statefleet.coordination.zookeeper import ZooKeeperSettings
from statefleet.errors import Invalid

WRONG = [
    ({"hosts": ""}, "hosts has '', which is not host:port"),
    ({"hosts": "a:2181,b:port"}, "hosts has 'b:port', which is not host:port"),
    ({"hosts": "a:2181,b:65536"}, "hosts has 'b:65536', whose port is not from 1 to 65535"),
    ({"hosts": "a:0"}, "hosts has 'a:0', whose port is not from 1 to 65535"),
    ({"hosts": "a:2181,,b:2181"}, "hosts has '', which is not host:port"),
    ({"hosts": "a:2181/fleets"}, "hosts 'a:2181/fleets' must not end in a path: name it as root"),
    ({"hosts": "user:password@a:2181"}, "which is not host:port"),
    ({"root": "statefleet"}, "root 'statefleet' is not a path such as /statefleet"),
    ({"root": "/"}, "root '/' is not a path"),
    ({"root": "/a//b"}, "root '/a//b' is not a path"),
    ({"root": "/a/../b"}, "root '/a/../b' is not a path"),
    ({"session_timeout_seconds": 0}, "session_timeout_seconds 0 must be greater than 0"),
    ({"user": "fleet"}, "user and password go together"),
    ({"password": "secret"}, "user and password go together"),
    ({"user": "a:b", "password": "secret"}, "user must not contain a colon"),
    ({"sasl": {"username": "fleet"}}, "sasl names no mechanism"),
    ({"sasl": {"mechanism": "DIGEST-MD5"}, "user": "a", "password": "b"}, "user and sasl exclude one another"),
    ({"tls": True, "certificate": "tls.crt"}, "certificate and key go together"),
    ({"ca": "ca.crt"}, "need tls to be on"),
]


@pytest.mark.parametrize(("fields", "problem"), WRONG)
def test_what_is_wrong_is_named_with_the_fix(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        ZooKeeperSettings(**{"hosts": "a:2181", **fields})


def test_all_that_is_wrong_is_reported_together() -> None:
    with pytest.raises(ValueError, match=r"root .*; session_timeout_seconds .*; user and password"):
        ZooKeeperSettings(hosts="a", root="", session_timeout_seconds=-1, user="x")


@pytest.mark.parametrize("hosts", ["a", "a:2181", "zk-0.zk:2181, zk-1.zk:2181", "10.0.0.1:2181,[::1]:2181"])
def test_hosts_are_names_or_addresses(hosts: str) -> None:
    assert ZooKeeperSettings(hosts=hosts).hosts == hosts


def test_secrets_do_not_show() -> None:
    digest = ZooKeeperSettings(hosts="a", user="fleet", password="hush", tls=True, key_password="hush")
    sasl = ZooKeeperSettings(hosts="a", sasl={"mechanism": "DIGEST-MD5", "username": "fleet", "password": "hush"})
    assert "hush" not in f"{digest} {digest!r} {sasl} {sasl!r}"


def test_a_shared_credential_closes_what_is_made_to_others() -> None:
    assert ZooKeeperSettings(hosts="a", user="fleet", password="hush").authenticated
    assert ZooKeeperSettings(hosts="a", sasl={"mechanism": "GSSAPI"}).authenticated
    assert not ZooKeeperSettings(hosts="a").authenticated


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    absent, empty = tmp_path / "absent.pem", tmp_path / "empty.pem"
    empty.touch()
    with pytest.raises(Invalid, match=rf"^ca '{absent}' of ZooKeeper cannot be used: No such file"):
        ZooKeeperSettings(hosts="a", tls=True, ca=str(absent)).tls_context()
    with pytest.raises(Invalid, match=rf"^ca '{empty}' of ZooKeeper cannot be used"):
        ZooKeeperSettings(hosts="a", tls=True, ca=str(empty)).tls_context()
    with pytest.raises(Invalid, match=rf"^certificate '{absent}' with key '{empty}' of ZooKeeper cannot be used"):
        ZooKeeperSettings(hosts="a", tls=True, certificate=str(absent), key=str(empty)).tls_context()
    assert ZooKeeperSettings(hosts="a").tls_context() is None
