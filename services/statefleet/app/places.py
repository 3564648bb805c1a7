"""Say where a fleet's logs are: `sqlite:DIR` or `kafka:HOST:PORT,...?prefix=PREFIX`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import click

from statefleet.app.backends import STORES, KafkaLogs, SqliteLogs, sqlite_path
from statefleet.app.encryption import KEYS_FILE, SealedLogs, sealed
from statefleet.app.settings_files import read_settings
from statefleet.coordination.local import hold_directory
from statefleet.errors import NotFound
from statefleet.store.doors import StoreLogs
from statefleet.store.kafka_log import KafkaCluster
from statefleet.store.kafka_settings import KafkaSettings
from statefleet.store.keyring import Keyring
from statefleet.store.sqlite_reader import SqliteReader

ALL_STORES = tuple(store for stores in STORES.values() for store in stores)


@dataclass(frozen=True, slots=True)
class Directory:
    """Logs in the SQLite files of a directory."""

    path: Path

    def __str__(self) -> str:
        return f"sqlite:{self.path}"

    @property
    def own_keys(self) -> Path:
        """Where a fleet in one process keeps its keys."""
        return self.path / "certificates" / KEYS_FILE


@dataclass(frozen=True, slots=True)
class Topics:
    """Logs in the topics of a Kafka cluster."""

    settings: KafkaSettings

    def __str__(self) -> str:
        return f"kafka:{','.join(self.settings.bootstrap_servers)}?prefix={self.settings.topic_prefix}"


Place = Directory | Topics


class PlaceError(ValueError):
    """What does not say where logs are; the message says what would."""


def read_place(text: str) -> Place:
    """Read sqlite:DIR or kafka:HOST:PORT,...?prefix=PREFIX. PlaceError."""
    scheme, _, rest = text.partition(":")
    if scheme == "sqlite" and rest:
        return Directory(Path(rest).expanduser())
    if scheme == "kafka" and rest:
        return _read_topics(rest)
    raise PlaceError(f"{text!r} is neither sqlite:DIR nor kafka:HOST:PORT,...?prefix=PREFIX")


def _read_topics(text: str) -> Topics:
    servers, _, query = text.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(options.keys() - {"prefix"}):
        raise PlaceError(f"{unknown[0]!r} is not known after the ?: only prefix is")
    given: Mapping[str, Any] = {"topic_prefix": options["prefix"]} if "prefix" in options else {}
    try:
        return Topics(KafkaSettings(bootstrap_servers=tuple(servers.split(",")), **given))
    except ValueError as error:
        raise PlaceError(str(error)) from None


def configured(places: Sequence[Place], option: str, path: Path | None) -> list[Place]:
    """Return places with the rest of how to call Kafka from the file of an option. UsageError."""
    if path is None:
        return list(places)
    if all(isinstance(place, Directory) for place in places):
        raise click.UsageError(f"{option} goes with kafka:..., and there is none")
    return [place if isinstance(place, Directory) else _configured(place, option, path) for place in places]


def _configured(place: Topics, option: str, path: Path) -> Topics:
    servers = place.settings.bootstrap_servers
    settings = read_settings(KafkaSettings, option, path, bootstrap_servers=servers)
    default = KafkaSettings(bootstrap_servers=servers).topic_prefix
    if place.settings.topic_prefix != default:
        settings = replace(settings, topic_prefix=place.settings.topic_prefix)
    return Topics(settings)


@asynccontextmanager
async def readable_store(place: Place, store: str, keys: Path | None) -> AsyncIterator[StoreLogs]:
    """Open the logs of a store for reading alone, also while a service writes them. NotFound, Unavailable."""
    async with AsyncExitStack() as stack:
        if isinstance(place, Directory):
            path = sqlite_path(place.path, store)
            if not path.exists():
                raise NotFound(f"{place}: holds no {store}")
            reader = stack.enter_context(SqliteReader(path))
            logs = StoreLogs(reader.log("records"), reader.log("snapshots"))
            keys = keys or (place.own_keys if place.own_keys.exists() else None)
        else:
            kafka = KafkaLogs(await stack.enter_async_context(KafkaCluster(place.settings)))
            if not await kafka.has(store):
                raise NotFound(f"{place}: holds no {store}")
            logs = await kafka.open(store)
        yield logs if keys is None else sealed(logs, Keyring.read(keys), store)


@asynccontextmanager
async def opened_stores(
    place: Place, keys: Path | None, *, create: Collection[str] = ()
) -> AsyncIterator[Mapping[str, StoreLogs]]:
    """Open the logs of a place for this process alone, as long as the context lasts; by the store's name.

    Those that there are, or those to `create`, made where absent. A directory is held: Unavailable where it is
    in use. NotFound where there are none.
    """
    async with AsyncExitStack() as stack:
        logs: Any
        if isinstance(place, Directory):
            if not create and not place.path.is_dir():
                raise NotFound(f"{place}: there is no such directory")
            stack.enter_context(hold_directory(place.path))
            logs = SqliteLogs(stack, place.path)
            found = create or [store for store in ALL_STORES if sqlite_path(place.path, store).exists()]
        else:
            cluster = await stack.enter_async_context(KafkaCluster(place.settings))
            logs = KafkaLogs(cluster)
            found = create or [store for store in ALL_STORES if await logs.has(store)]
        if not found:
            raise NotFound(f"{place}: holds no logs of a fleet")
        if keys is not None:
            logs = SealedLogs(logs, Keyring.read(keys))
        yield {store: await logs.open(store) for store in found}
