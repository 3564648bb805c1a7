"""What a node's pods hold of it, and which of its addresses are taken. No I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network

from statefleet.agent.runner import PodRunner
from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.objects.pods import host_ports


@dataclass(slots=True)
class Place:
    """A node and its pods."""

    node: Node
    runners: dict[str, PodRunner] = field(default_factory=dict)
    """By the pod's uid."""
    _ports: dict[tuple[str, int], str] = field(default_factory=dict)
    _addresses: dict[str, str] = field(default_factory=dict)

    @property
    def host_ip(self) -> str:
        """The node's own address."""
        return next((a.address for a in self.node.status.addresses if a.type == "InternalIP"), "")

    def take_address(self, pod: Pod) -> str:
        """Return the pod's address: the one it has, else the first free one; empty where none is left."""
        uid = pod.metadata.uid
        if pod.spec.host_network:
            return ""
        wanted = pod.status.pod_ip
        if wanted and self._addresses.setdefault(wanted, uid) == uid:
            return wanted
        for address in self._own_addresses():
            if self._addresses.setdefault(address, uid) == uid:
                return address
        return ""

    def take_ports(self, pod: Pod) -> tuple[str, int] | None:
        """Take the pod's host ports. Return the one that another pod holds, if any; then none is taken."""
        wanted, uid = host_ports(pod), pod.metadata.uid
        for port in wanted:
            if self._ports.get(port, uid) != uid:
                return port
        self._ports.update(dict.fromkeys(wanted, uid))
        return None

    def give_back(self, uid: str) -> None:
        """Free what a pod held."""
        for held in (self._ports, self._addresses):
            for thing in [thing for thing, holder in held.items() if holder == uid]:
                del held[thing]  # type: ignore[arg-type]

    def _own_addresses(self) -> Iterator[str]:
        return map(str, _network(self.node.spec.pod_cidr).hosts()) if self.node.spec.pod_cidr else iter(())


_network = lru_cache(maxsize=8192)(IPv4Network)
"""Nodes keep their networks, and reading one costs more than to take an address of it."""
