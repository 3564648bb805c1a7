"""Decide who leads among candidates in line. Pure: no I/O, clock or randomness.

Each candidate holds an ephemeral node whose name ends in a ten-digit sequence number that the coordinator gave it.
The lowest leads; each other watches the one before it, so that an end wakes one candidate and not all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_SEQUENCE = re.compile(r"\d{10}$")


@dataclass(frozen=True, slots=True)
class Lead:
    """This candidate leads."""


@dataclass(frozen=True, slots=True)
class Follow:
    """This candidate waits until the node `after` is gone, then decides again."""

    after: str


@dataclass(frozen=True, slots=True)
class Rejoin:
    """This candidate's node is gone: it must join the line anew."""


Decision = Lead | Follow | Rejoin


def sequence(node: str) -> int:
    """Return the sequence number at the end of a node's name. ValueError where there is none."""
    match = _SEQUENCE.search(node)
    if match is None:
        raise ValueError(f"{node!r} does not end in a sequence number")
    return int(match.group())


def in_line(nodes: Iterable[str]) -> list[str]:
    """Return the candidates' nodes, the leader's first; nodes that are no candidates' are left out."""
    return sorted((node for node in nodes if _SEQUENCE.search(node)), key=lambda node: (sequence(node), node))


def decide(own: str, nodes: Iterable[str]) -> Decision:
    """Return what the candidate with node `own` does, seeing the nodes there are."""
    line = in_line(nodes)
    if own not in line:
        return Rejoin()
    position = line.index(own)
    return Lead() if position == 0 else Follow(line[position - 1])
