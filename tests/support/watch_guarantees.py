"""One check for each guarantee of a watch, over what a client got and what the log says happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from statefleet.store.entries import Changed, Key
from statefleet.store.watch import Delivery

Wanted = Callable[[Changed], bool]


@dataclass
class Connection:
    """One watch from its begin until the client left: after a version, or after None with the objects there were."""

    after: int | None
    deliveries: list[Delivery[Changed]] = field(default_factory=list)

    @property
    def begins_at(self) -> int:
        """The version whose objects the client has before the first change."""
        return self.deliveries[0].version if self.after is None else self.after

    @property
    def changes(self) -> list[Delivery[Changed]]:
        """The deliveries but the one with the objects there were."""
        return self.deliveries if self.after is not None else self.deliveries[1:]


@dataclass
class Client:
    """One who watches, leaves, and resumes from the last version it was told."""

    wanted: Wanted
    connections: list[Connection] = field(default_factory=list)


Truth = Sequence[Sequence[Changed]]
"""The changes of every transaction, oldest first."""


def expected(truth: Truth, wanted: Wanted, after: int, until: int) -> list[int]:
    """The versions of the wanted changes after one version and until another."""
    return [c.version for changes in truth for c in changes if after < c.version <= until and wanted(c)]


def got(deliveries: Sequence[Delivery[Changed]]) -> list[int]:
    return [changed.version for delivery in deliveries for changed in delivery.events]


def ordered(client: Client, truth: Truth) -> None:
    """Events come in the order of their versions."""
    for connection in client.connections:
        versions = got(connection.changes)
        assert versions == sorted(versions)
        told = [delivery.version for delivery in connection.deliveries]
        assert told == sorted(told)


def unique(client: Client, truth: Truth) -> None:
    """No event comes twice, not on another connection either."""
    versions = [version for connection in client.connections for version in got(connection.changes)]
    assert len(versions) == len(set(versions))


def reliable(client: Client, truth: Truth) -> None:
    """No change between two delivered ones is left out."""
    for connection in client.connections:
        versions = got(connection.changes)
        if versions:
            assert versions == expected(truth, client.wanted, connection.begins_at, versions[-1])


def atomic(client: Client, truth: Truth) -> None:
    """The changes of one transaction share one delivery."""
    whole = {c.version: index for index, changes in enumerate(truth) for c in changes}
    for connection in client.connections:
        seen: set[int] = set()
        for delivery in connection.changes:
            transactions = {whole[changed.version] for changed in delivery.events}
            assert not transactions & seen
            seen |= transactions


def resumable(client: Client, truth: Truth) -> None:
    """A watch from a version that was told continues after it without gap or repetition."""
    connections = [connection for connection in client.connections if connection.deliveries]
    if connections:
        versions = [version for connection in connections for version in got(connection.changes)]
        last = connections[-1].deliveries[-1].version
        assert versions == expected(truth, client.wanted, connections[0].begins_at, last)


def bookmarkable(client: Client, truth: Truth) -> None:
    """Every change up to a version that was told was delivered by then."""
    for connection in client.connections:
        seen: list[int] = []
        for delivery in connection.changes:
            seen.extend(changed.version for changed in delivery.events)
            assert seen == expected(truth, client.wanted, connection.begins_at, delivery.version)


def begins_whole(client: Client, truth: Truth) -> None:
    """The objects there were are those of exactly the version that was told with them."""
    for connection in client.connections:
        if connection.after is None and connection.deliveries:
            first = connection.deliveries[0]
            assert first.initial
            held: dict[Key, Changed] = {}
            for changed in (c for changes in truth for c in changes if c.version <= first.version):
                held[changed.key] = changed
            present = sorted((key, c.version) for key, c in held.items() if c.after is not None)
            assert [(c.key, c.version) for c in first.events] == [
                (key, version) for key, version in present if client.wanted(_created(held[key]))
            ]


def _created(changed: Changed) -> Changed:
    return Changed(changed.key, changed.version, None, changed.after)


GUARANTEES = [ordered, unique, reliable, atomic, resumable, bookmarkable, begins_whole]
