"""`statefleet certs`: the fleet's certificate authority at the command line."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from statefleet.app import options
from statefleet.runtime.clock import SystemClock

KINDS = ("workload-store", "revision-history", "node-registry", "gateway", "worker", "agent", "node", "user")
_NAMED = frozenset({"node", "user"})
_WIDE = 200
"""How many columns a table has that no terminal shows."""


@click.group()
def certs() -> None:
    """Issue the certificates of a fleet, show when they expire, and renew them.

    The directory with ca.key is the authority: keep it in one place. A part of the fleet that runs elsewhere is
    handed ca.crt, its own certificate and key, which `certs issue --out` writes, and told of them by --certificates.
    """


@certs.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name", required=False)
@click.option("--host", multiple=True, help="A name or address under which it is called; may be repeated.")
@click.option("--group", multiple=True, help="A group of a user, such as statefleet:viewers; may be repeated.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="A directory to put it in together with ca.crt, to be handed out.",
)
@options.certificates_option
def issue(
    kind: str, name: str | None, host: tuple[str, ...], group: tuple[str, ...], out: Path | None, certificates: Path
) -> None:
    """Issue a certificate to a part of the suite, to a node's agent, or to a user.

    KIND is a service, gateway, worker, agent (of simulated nodes), node or user; a node and a user have a NAME.
    """
    from statefleet.app.issuing import Request, hand_out  # noqa: PLC0415
    from statefleet.app.running import complaints  # noqa: PLC0415

    if (kind in _NAMED) != bool(name):
        raise click.UsageError(f"{kind} needs a NAME" if kind in _NAMED else f"{kind} has no NAME: leave out {name}")
    if group and kind != "user":
        raise click.UsageError("--group is for users: the groups of the other kinds are fixed")
    with complaints():
        files = hand_out(certificates.expanduser(), Request(kind, name or "", host, group), out)
    for path in files:
        click.echo(path)


@certs.command("list")
@options.certificates_option
def show(certificates: Path) -> None:
    """Show whose the certificates are and when they expire."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from statefleet.app.issuing import opened  # noqa: PLC0415
    from statefleet.app.running import complaints  # noqa: PLC0415

    with complaints():
        authority = opened(certificates.expanduser())
        rows = list(authority.issued())
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("FILE", "NAME", "GROUPS", "HOSTS", "EXPIRES", ""):
        table.add_column(heading, overflow="fold")
    note = "" if authority.can_issue else "no key"
    table.add_row("ca", "the authority", "", "", _expiry(authority.expires()), note)
    for each in rows:
        groups, hosts = "\n".join(each.identity.groups), "\n".join(sorted(each.hosts))
        note = "" if each.is_fresh else "renew it"
        table.add_row(each.name, each.identity.name, groups, hosts, _expiry(each.expires), note)
    Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE).print(table)


@certs.command()
@click.option("--all", "everything", is_flag=True, help="Renew those too that have time.")
@options.certificates_option
def renew(everything: bool, certificates: Path) -> None:
    """Renew the certificates that expire soon; processes take them up when they start again."""
    from statefleet.app.issuing import opened  # noqa: PLC0415
    from statefleet.app.running import complaints  # noqa: PLC0415

    with complaints():
        authority = opened(certificates.expanduser())
        due = [each for each in authority.issued() if everything or not each.is_fresh]
        for each in due:
            authority.renew(each)
            click.echo(f"renewed {each.name}")
    if not due:
        click.echo("nothing to renew")


def _expiry(at: datetime) -> str:
    days = int((at.timestamp() - SystemClock().now()) // 86400)
    return f"{at:%Y-%m-%d} ({days} days)" if days >= 0 else f"{at:%Y-%m-%d} (expired)"
