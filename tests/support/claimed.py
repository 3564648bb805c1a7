"""Ports of the host and networks of containers that no other process of the tests takes.

They are given in turn, so that a server which is stopped finds its port and addresses free when it starts again.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from ipaddress import IPv4Network
from pathlib import Path

from docker.errors import APIError
from docker.types.networks import EndpointConfig, IPAMConfig, IPAMPool
from testcontainers.core.network import Network

from support import owned

PORTS = range(20_000, 28_000)
"""Ports for servers: below those that the kernel gives to whoever asks for any."""
SUBNETS = list(IPv4Network("198.18.0.0/16").subnets(new_prefix=24))
"""Addresses that are set aside for benchmarks, and so are nobody's; the upper half is for whoever asks for any."""
_DOCKER_API = "1.41"


def free_port() -> int:
    """Return a port of the host's loopback, which the next thousands of calls do not return again."""
    while True:
        port = PORTS[_next("ports") % len(PORTS)]
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def new_network() -> Network:
    """Make a network in which members can have addresses of their choice."""
    for _ in SUBNETS:
        subnet = SUBNETS[_next("subnets") % len(SUBNETS)]
        pool = IPAMPool(subnet=str(subnet), iprange=str(list(subnet.subnets())[1]), gateway=str(subnet[1]))
        network = Network(docker_network_kw={"labels": owned.labels(), "ipam": IPAMConfig(pool_configs=[pool])})
        try:
            return network.create()
        except APIError as error:
            network._docker.client.close()
            if "overlaps" not in str(error):
                raise
    raise AssertionError("every network that the tests may have is taken: docker network prune")


def remove_network(network: Network) -> None:
    """Remove a network that no container is in any more."""
    network.remove()
    release_network(network)


def release_network(network: Network) -> None:
    """Leave a network to others and forget it."""
    network._docker.client.close()


def address_in(network: Network, place: int) -> str:
    """Return the address of a place, 2 to 127, in a network that was made here."""
    attributes = network._docker.client.networks.get(network.name).attrs
    return str(IPv4Network(attributes["IPAM"]["Config"][0]["Subnet"])[place])


def endpoint(network: Network, name: str, address: str) -> dict[str, object]:
    """Return the options of a container that is in a network, under a name and at an address."""
    return {
        "network": network.name,
        "networking_config": {network.name: EndpointConfig(_DOCKER_API, aliases=[name], ipv4_address=address)},
    }


def _next(what: str) -> int:
    """Return the next number, and another one to each process of this user that asks."""
    with (Path(tempfile.gettempdir()) / f"statefleet-test-{what}-{os.getuid()}").open("a+") as told:
        fcntl.flock(told, fcntl.LOCK_EX)
        told.seek(0)
        number = int(told.read() or 0)
        told.truncate(0)
        told.write(str(number + 1))
    return number
