"""Issue certificates to parts, nodes and users, and write what is handed out to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from statefleet.app.authority import ADMIN, PARTS, Identities, component
from statefleet.authorization.nodes import NODE_PREFIX
from statefleet.errors import BadRequest
from statefleet.gateway.kubeconfig import Credentials
from statefleet.network import parse_ip
from statefleet.objects.validation.names import dns_subdomain
from statefleet.rpc.certificates import Authority, stem_of, write_private
from statefleet.rpc.identity import NODES_GROUP, Identity
from statefleet.runtime.clock import SystemClock


@dataclass(frozen=True, slots=True)
class Request:
    """For whom a certificate is: a part of the suite, a node or a user."""

    kind: str
    name: str = ""
    hosts: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def identity(self) -> Identity:
        """Who its holder is. BadRequest for a name that is not one."""
        if self.kind == "node":
            return Identity(NODE_PREFIX + _node_name(self.name), (NODES_GROUP,))
        if self.kind == "user":
            if self.name in PARTS:
                raise BadRequest(f'name: Invalid value: "{self.name}" is a part of the suite')
            return Identity(self.name, self.groups)
        return component(self.kind)

    @property
    def file(self) -> str:
        """The name under which it is kept: a part finds it by its own."""
        return self.identity.name if self.kind in ("node", "user") else self.kind


def opened(directory: Path) -> Authority:
    """Return the authority in a directory that has one. BadRequest."""
    if not (directory / "ca.crt").exists():
        raise BadRequest(f"{directory}: there is no authority; `statefleet certs issue` makes one")
    return Authority(directory, SystemClock())


def hand_out(directory: Path, request: Request, out: Path | None) -> list[Path]:
    """Issue a certificate, or find it, and return the files that its holder needs. BadRequest."""
    authority = Authority(directory, SystemClock())
    if not authority.can_issue:
        raise BadRequest(f"{directory}: certificates can be issued only where the authority's ca.key is")
    if request.kind == "user":
        pair = authority.client(request.identity, request.file)
    else:
        pair = authority.server(request.file, [_host(host) for host in request.hosts], request.identity)
    place = directory if out is None else out.expanduser()
    stem = stem_of(request.file)
    if out is not None:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(place / "ca.crt", authority.certificate)
        write_private(place / f"{stem}.crt", pair.certificate)
        write_private(place / f"{stem}.key", pair.key)
    return [place / "ca.crt", place / f"{stem}.crt", place / f"{stem}.key"]


def _node_name(name: str) -> str:
    problems = dns_subdomain(name)
    if problems:
        raise BadRequest(f'name: Invalid value: "{name}": {problems[0]}')
    return name


def _host(host: str) -> str:
    """Return an address, or a name that may begin with a label of `*`. BadRequest for what is neither."""
    problems = dns_subdomain(host.lower().removeprefix("*."))
    if problems and parse_ip(host) is None:
        raise BadRequest(f'host: Invalid value: "{host}": {problems[0]}')
    return host


def credentials_of(directory: Path, user: str, groups: tuple[str, ...], token: str = "") -> Credentials:
    """Return with what a user calls a gateway: a token, or a certificate that is issued. BadRequest."""
    identities = Identities(directory, SystemClock())
    if token:
        return Credentials(identities.authority, token=token)
    given = ADMIN if user == ADMIN.name and not groups else Identity(user, groups)
    pair = identities.user(given)
    return Credentials(identities.authority, pair.certificate, pair.key)
