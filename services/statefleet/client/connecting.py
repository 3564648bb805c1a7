"""Connect a program to a fleet: where it is, and who calls."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import grpc.aio

from statefleet.client.fleet import TIMEOUT_SECONDS, Fleet
from statefleet.client.rollouts import Rollouts
from statefleet.objects.kinds import NODES, REVISIONS, WORKLOADS
from statefleet.rpc import channel as channels
from statefleet.rpc.tls import ClientTls


@dataclass(frozen=True, slots=True)
class Connection:
    """A fleet's objects and its rollouts, over one channel. Leaving it as a context closes that."""

    fleet: Fleet
    rollouts: Rollouts
    channel: grpc.aio.Channel

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the channel, which ends the calls under way."""
        await self.channel.close()


def connect(
    target: str,
    certificates: str | Path,
    user: str = "admin",
    *,
    field_manager: str = "",
    server_name: str = "",
    timeout: float = TIMEOUT_SECONDS,
) -> Connection:
    """Connect to `statefleet up --grpc-listen` at `target`, such as 127.0.0.1:7443. To be called on an event loop.

    `certificates` is a directory that has the authority's ca.crt and the user's <user>.crt and <user>.key, as the one
    in the data directory does. `field_manager` is who is said to write, by default the user. `server_name` is the
    name in the server's certificate where `target` has another. OSError where a certificate cannot be read.
    """
    directory = Path(certificates).expanduser()
    tls = ClientTls.load(
        directory / "ca.crt", directory / f"{user}.crt", directory / f"{user}.key", server_name=server_name
    )
    channel = channels.connect(target, tls=tls)
    manager = field_manager or user
    fleet = Fleet({WORKLOADS: channel, REVISIONS: channel, NODES: channel}, field_manager=manager, timeout=timeout)
    return Connection(fleet, Rollouts(channel, field_manager=manager, timeout=timeout), channel)
