"""Who a request is taken to come from."""

from pathlib import Path

import pytest

from statefleet.errors import BadRequest, Forbidden, Unauthorized
from statefleet.gateway.authentication import Authenticator, FileTokens, StaticTokens, impersonated
from statefleet.rpc.identity import AUTHENTICATED_GROUP, MASTERS_GROUP, Identity

CERTIFICATE = {"subject": ((("organizationName", MASTERS_GROUP),), (("commonName", "admin"),))}
TOKENS = StaticTokens({"s3cret": Identity("robot", ("ci",))})


def test_a_certificate_names_user_and_groups() -> None:
    found = Authenticator().identify("", CERTIFICATE)
    assert found == Identity("admin", (MASTERS_GROUP, AUTHENTICATED_GROUP))


def test_a_token_names_its_owner() -> None:
    assert Authenticator(TOKENS).identify("Bearer s3cret", None) == Identity("robot", ("ci", AUTHENTICATED_GROUP))


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic czNjcmV0", "Bearer "])
def test_without_a_valid_credential_nobody_is_let_in(header: str) -> None:
    with pytest.raises(Unauthorized):
        Authenticator(TOKENS).identify(header, None)


def test_a_stranger_may_be_let_in_but_not_with_a_wrong_token() -> None:
    stranger = Identity("guest")
    open_door = Authenticator(TOKENS, stranger)
    assert open_door.identify("", None) == stranger
    with pytest.raises(Unauthorized):
        open_door.identify("Bearer wrong", None)


def test_tokens_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "tokens.csv"
    path.write_text('abc,ann,1,"dev, ops"\n\ndef,bob,2\n', encoding="utf-8")
    tokens = StaticTokens.read(path)
    assert tokens.owner("abc") == Identity("ann", ("dev", "ops"))
    assert tokens.owner("def") == Identity("bob")
    assert tokens.owner("ghi") is None


def test_a_malformed_token_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokens.csv"
    path.write_text("abc,ann\n", encoding="utf-8")
    with pytest.raises(BadRequest, match="line 1"):
        StaticTokens.read(path)


def test_a_token_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokens.csv"
    path.write_text("abc,ann,1\nabc,bob,2\n", encoding="utf-8")
    with pytest.raises(BadRequest, match="line 2 stands there twice"):
        StaticTokens.read(path)


def test_tokens_are_read_again_when_their_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "tokens.csv"
    path.write_text("abc,ann,1\n", encoding="utf-8")
    tokens = FileTokens(path)
    assert tokens.owner("abc") == Identity("ann")
    path.write_text("abcd,bob,2\n", encoding="utf-8")
    assert (tokens.owner("abc"), tokens.owner("abcd")) == (None, Identity("bob"))
    path.write_text("broken\n", encoding="utf-8")
    assert tokens.owner("abcd") == Identity("bob")
    path.unlink()
    assert tokens.owner("abcd") == Identity("bob")


def test_an_administrator_may_be_taken_for_somebody_else() -> None:
    admin = Identity("admin", (MASTERS_GROUP,))
    assert impersonated(admin, "", ()) is admin
    assert impersonated(admin, "ann", ["dev"]) == Identity("ann", ("dev", AUTHENTICATED_GROUP))
    with pytest.raises(BadRequest, match="without a user"):
        impersonated(admin, "", ["dev"])
    with pytest.raises(Forbidden, match='User "robot" cannot impersonate'):
        impersonated(Identity("robot", ("ci",)), "admin", [MASTERS_GROUP])


@pytest.mark.parametrize("name", ["a\udcff", "a\x00b", "a\nb"])
def test_nobody_is_taken_for_somebody_whose_name_cannot_be_written(name: str) -> None:
    admin = Identity("admin", (MASTERS_GROUP,))
    for asked in ((name, []), ("ann", [name])):
        with pytest.raises(BadRequest, match="printable"):
            impersonated(admin, *asked)


def test_a_file_that_is_not_there_is_named_once(tmp_path: Path) -> None:
    path = tmp_path / "tokens.csv"
    with pytest.raises(BadRequest) as caught:
        StaticTokens.read(path)
    assert caught.value.message == f"{path}: the tokens cannot be read: No such file or directory"
