"""A ZooKeeper of n servers in containers, with a tick of 500 ms."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from testcontainers.core.network import Network

from support import claimed
from support.containers import Cluster, Server

IMAGE = "zookeeper:3.8"
TICK_MILLISECONDS = 500
_PLACES = 20
_CLIENTS = 2181


class ZooKeeper(Cluster):
    """Servers that make one ensemble; its addresses are the hosts to connect to."""

    def __init__(self, servers: int, network: Network | None) -> None:
        joined = network or claimed.new_network()
        members = [
            Server(IMAGE, f"zookeeper-{number}", _PLACES + number, joined, published=_CLIENTS, inner=_CLIENTS)
            for number in range(1, servers + 1)
        ]
        super().__init__(members, joined, owns_network=network is None)

    def environment(self, number: int) -> Mapping[str, str]:
        """Return what tells a server its part."""
        members = (f"server.{n}={server.ip}:2888:3888;{_CLIENTS}" for n, server in enumerate(self.servers, start=1))
        return {
            "ZOO_MY_ID": str(number),
            "ZOO_SERVERS": " ".join(members),
            "ZOO_TICK_TIME": str(TICK_MILLISECONDS),
            "ZOO_INIT_LIMIT": "20",
            "ZOO_SYNC_LIMIT": "4",
            "ZOO_ADMINSERVER_ENABLED": "false",
            "ZOO_4LW_COMMANDS_WHITELIST": "srvr,ruok,mntr",
            "ZK_SERVER_HEAP": "128",
            "JVMFLAGS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
        }

    def serving(self) -> int:
        """Return how many servers serve, provided that one of them leads."""
        modes = list(self._modes().values())
        return len(modes) if modes.count("leader") + modes.count("standalone") == 1 else 0

    def leader(self) -> Server:
        """Return the server that leads, or the one that serves alone."""
        return next(server for server, mode in self._modes().items() if mode in {"leader", "standalone"})

    def _modes(self) -> dict[Server, str]:
        return {server: mode for server in self.servers if (mode := _mode(server.address))}


def start_zookeeper(servers: int = 3, network: Network | None = None) -> ZooKeeper:
    """Start a ZooKeeper."""
    zookeeper = ZooKeeper(servers, network)
    zookeeper.start()
    return zookeeper


@contextmanager
def running_zookeeper(servers: int = 3, network: Network | None = None) -> Iterator[ZooKeeper]:
    """Run a ZooKeeper for as long as the block lasts."""
    zookeeper = start_zookeeper(servers, network)
    try:
        yield zookeeper
    finally:
        zookeeper.remove()


def _mode(address: str) -> str:
    """Return what a server serves as: leader, follower or standalone; nothing where it does not."""
    host, _, port = address.partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1) as connection:
            connection.sendall(b"srvr")
            told = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    except OSError:
        return ""
    return next((line.removeprefix("Mode: ") for line in told.splitlines() if line.startswith("Mode: ")), "")
