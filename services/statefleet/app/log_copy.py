"""Copy the logs of a fleet, show how far that is, and read the copy back."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from statefleet.app.places import Directory, Place, Topics, opened_stores
from statefleet.errors import Conflict, NotFound
from statefleet.runtime.clock import SystemClock
from statefleet.store.copying import Copied, claim_quiet, copy_store, is_empty, verify_store
from statefleet.store.doors import StoreLogs
from statefleet.store.replay import Extent, extent_of

QUIET_SECONDS = 5.0
"""How long a log in Kafka must stay as it is after its leader was challenged."""


async def run_copy(source: Place, target: Place, keys: Path | None) -> None:
    """Copy what a place holds into another that is empty, and say what was copied.

    NotFound where there is nothing to copy, Conflict where the source is in use or the target not empty, Internal
    where the copy does not hold what the source does.
    """
    if source == target:
        raise Conflict(f"{source}: the source cannot be its own destination")
    if keys is None and isinstance(source, Directory) and source.own_keys.exists():
        keys = source.own_keys
    console = Console(highlight=False, soft_wrap=True)
    async with opened_stores(source, keys) as found:
        stores = {name: logs for name, logs in found.items() if not await is_empty(logs)}
        if not stores:
            raise NotFound(f"{source}: its logs are empty")
        async with opened_stores(target, keys, create=list(stores)) as there:
            await _refuse_unless_empty(target, there)
            if isinstance(source, Topics):
                await _refuse_in_use(stores)
            extents = {name: await extent_of(logs) for name, logs in stores.items()}
            sizes = await _copy(console, stores, there, extents)
        # Opened anew, so that what is verified is what was kept.
        async with opened_stores(target, keys, create=list(stores)) as there:
            copied = {
                name: await verify_store(logs, there[name], extents[name], sizes[name])
                for name, logs in stores.items()
            }
    console.print(_table(copied))
    console.print(f"copied and verified: {source} to {target}", style="green")
    for line in _advice(source, target, _carry(source, target, keys)):
        console.print(line)


async def _refuse_unless_empty(target: Place, there: Mapping[str, StoreLogs]) -> None:
    for name, logs in there.items():
        if not await is_empty(logs):
            raise Conflict(f"{target}: {name} is not empty: give an empty place, or remove what an earlier copy left")


async def _refuse_in_use(stores: Mapping[str, StoreLogs]) -> None:
    clock = SystemClock()
    await asyncio.gather(*(claim_quiet(logs, clock, QUIET_SECONDS) for logs in stores.values()))


async def _copy(
    console: Console, source: Mapping[str, StoreLogs], target: Mapping[str, StoreLogs], extents: Mapping[str, Extent]
) -> dict[str, int]:
    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    sizes = {}
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        for name, extent in extents.items():
            task = progress.add_task(name, total=extent.end - extent.first)
            copied = partial(progress.advance, task)
            sizes[name] = await copy_store(source[name], target[name], extent, copied)
    return sizes


def _table(copied: Mapping[str, Copied]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("store", header_style="bright_black")
    for heading in ("records", "snapshots", "objects", "version", "epoch", "bytes"):
        table.add_column(heading, justify="right", header_style="bright_black")
    for name, each in copied.items():
        table.add_row(name, *map(str, each))
    return table


def _carry(source: Place, target: Place, keys: Path | None) -> Path | None:
    """Give a data directory the certificates and keys of the fleet, where it has none; return where keys then are."""
    if not isinstance(target, Directory):
        return keys
    certificates = target.path / "certificates"
    if isinstance(source, Directory) and (source.path / "certificates").is_dir() and not certificates.exists():
        shutil.copytree(source.path / "certificates", certificates)
    if keys is not None and not target.own_keys.exists():
        target.own_keys.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy2(keys, target.own_keys)
        target.own_keys.chmod(0o600)
    return None if keys is None else target.own_keys


def _advice(source: Place, target: Place, keys: Path | None) -> list[str]:
    advice = []
    if keys is not None:
        advice.append(f"start the services with --encryption-keys {keys}")
    if isinstance(source, Directory) and isinstance(target, Topics):
        advice.append(f"and with --certificates {source.path / 'certificates'}, or kubectl has to be told anew")
    return [*advice, f"do not start services at {source} again: what they write there is not in the copy"]
