"""Which nodes a caller stands for. Pure: no I/O, clock or randomness.

An agent's certificate is in the group system:nodes and names its node as Kubernetes' do, `system:node:NAME`: as its
common name, or as further groups where one agent stands for several. Only an agent that simulates nodes is given a
name that ends in an asterisk, such as `system:node:node-*`: it stands for every node whose name begins so.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from statefleet.rpc.identity import NODES_GROUP, Identity

NODE_PREFIX = "system:node:"
_ANY = "*"


@dataclass(frozen=True, slots=True)
class NodeScope:
    """The nodes that somebody stands for, by name and by how names begin."""

    names: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()

    def includes(self, node: str) -> bool:
        """Return whether it stands for a node of this name; never for none."""
        return bool(node) and (node in self.names or node.startswith(self.prefixes))

    @property
    def is_open(self) -> bool:
        """Whether its nodes cannot be listed by name."""
        return bool(self.prefixes)


@functools.lru_cache(maxsize=4096)
def nodes_of(identity: Identity) -> NodeScope:
    """Return the nodes that a caller stands for; none for who is no agent."""
    if NODES_GROUP not in identity.groups:
        return NodeScope()
    named = (each for each in (identity.name, *identity.groups) if each.startswith(NODE_PREFIX))
    nodes = [each.removeprefix(NODE_PREFIX) for each in named]
    return NodeScope(
        frozenset(node for node in nodes if node and not node.endswith(_ANY)),
        tuple(node.removesuffix(_ANY) for node in nodes if node.endswith(_ANY)),
    )
