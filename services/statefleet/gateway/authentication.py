"""Find out who sends a request: by client certificate first, then by bearer token."""

from __future__ import annotations

import csv
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import structlog

from statefleet.errors import BadRequest, Forbidden, Unauthorized, without_path
from statefleet.rpc.identity import AUTHENTICATED_GROUP, MASTERS_GROUP, Identity

_log = structlog.get_logger(__name__)


class Tokens(Protocol):
    """A source of bearer tokens' owners."""

    def owner(self, token: str) -> Identity | None:
        """Return whose token it is, None where it is nobody's."""


class StaticTokens:
    """Tokens that were given. Only their digests are kept, so that a look-up's time tells nothing."""

    def __init__(self, owners: Mapping[str, Identity]) -> None:
        self._owners = {_digest(token): identity for token, identity in owners.items()}

    @classmethod
    def read(cls, path: Path) -> StaticTokens:
        """Read a file with lines as Kubernetes has them: token,user,uid[,"group1,group2"].

        BadRequest for others, for a token that stands there twice, and where it cannot be read.
        """
        owners: dict[str, Identity] = {}
        try:
            with path.open(newline="", encoding="utf-8") as lines:
                for number, token, owner in _parse_tokens(csv.reader(lines)):
                    if token in owners:
                        raise ValueError(f"the token of line {number} stands there twice")
                    owners[token] = owner
        except (OSError, ValueError, csv.Error) as error:
            raise BadRequest(f"{path}: the tokens cannot be read: {without_path(error)}") from error
        return cls(owners)

    def owner(self, token: str) -> Identity | None:
        """Return whose token it is, None where it is nobody's."""
        digest = _digest(token)
        found = None
        for known, identity in self._owners.items():  # Every one of them, whichever it is.
            if hmac.compare_digest(known, digest):
                found = identity
        return found


class FileTokens:
    """The tokens of a file, read again when it changes. What can no longer be read leaves those read before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp(path)
        self._tokens = StaticTokens.read(path)

    def owner(self, token: str) -> Identity | None:
        """Return whose token it is, None where it is nobody's."""
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._tokens = StaticTokens.read(self._path)
            except BadRequest as error:
                _log.error("tokens not read again", error=error.message)
        return self._tokens.owner(token)


class Authenticator:
    """Decides who sends a request.

    `stranger` is who is taken to send a request without any credential; None, as it should be wherever others can
    connect: such requests are refused.
    """

    def __init__(self, tokens: Tokens | None = None, stranger: Identity | None = None) -> None:
        self._tokens = tokens or StaticTokens({})
        self._stranger = stranger

    def identify(self, authorization: str, certificate: Mapping[str, Any] | None) -> Identity:
        """Return the sender. Unauthorized where no valid credential came.

        `authorization` is the header; `certificate` is the peer's, already verified, as ssl.getpeercert returns it.
        """
        if certificate:
            found = of_certificate(certificate)
            if found is not None:
                return found
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            owner = self._tokens.owner(token.strip())
            if owner is not None:
                return _authenticated(owner.name, owner.groups)
        elif self._stranger is not None:
            return self._stranger
        raise Unauthorized("Unauthorized")


def impersonated(caller: Identity, name: str, groups: Sequence[str]) -> Identity:
    """Return who a caller asks to be taken for (`kubectl --as`), by the headers Impersonate-User and -Group.

    Forbidden for whom is not of the group system:masters, BadRequest for groups of nobody.
    """
    if any(not text.isprintable() for text in (name, *groups)):
        raise BadRequest("Impersonate-User, Impersonate-Group: Invalid value: must be printable UTF-8")
    if (name or groups) and MASTERS_GROUP not in caller.groups:
        raise Forbidden(
            f'users "{name}" is forbidden: User "{caller.name}" cannot impersonate resource "users" '
            'in API group "" at the cluster scope'
        )
    if name:
        return _authenticated(name, tuple(groups))
    if groups:
        raise BadRequest("a group was to be impersonated without a user")
    return caller


def of_certificate(certificate: Mapping[str, Any]) -> Identity | None:
    """Return whom a certificate was issued to: common name and organizations. None where it names nobody."""
    pairs = [pair for relative_name in certificate.get("subject", ()) for pair in relative_name]
    names = [value for key, value in pairs if key == "commonName"]
    groups = tuple(value for key, value in pairs if key == "organizationName")
    return _authenticated(names[0], groups) if names else None


def _authenticated(name: str, groups: tuple[str, ...]) -> Identity:
    if AUTHENTICATED_GROUP in groups:
        return Identity(name, groups)
    return Identity(name, (*groups, AUTHENTICATED_GROUP))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what differs once a file has changed; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _parse_tokens(rows: Iterable[list[str]]) -> Iterable[tuple[int, str, Identity]]:
    for number, row in enumerate(rows, 1):
        if not row:
            continue
        if len(row) < 3 or not row[0] or not row[1]:
            raise ValueError(f"line {number} is not token,user,uid[,groups]")
        groups = tuple(group.strip() for group in row[3].split(",")) if len(row) > 3 and row[3] else ()
        yield number, row[0], Identity(row[1], groups)
