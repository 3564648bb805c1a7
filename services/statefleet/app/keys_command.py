"""`statefleet keys`: make and change the keys that logs are encrypted with."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def keys() -> None:
    """Make and change the keys that logs are encrypted with.

    To change them: `keys add` a new one and restart every replica, so that all can read it; then `keys use` it and
    restart them again. Take the old one out once the log no longer holds what it sealed.
    """


_KEYS_FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
_KEY_ID = click.argument("key_id", metavar="ID")


@keys.command("add")
@_KEYS_FILE
@_KEY_ID
def add_key(file: Path, key_id: str) -> None:
    """Add a new key named ID to FILE, which is made where it does not exist."""
    from statefleet.app import encryption  # noqa: PLC0415
    from statefleet.app.running import complaints  # noqa: PLC0415

    with complaints():
        encryption.add_key(file.expanduser(), key_id)
    click.echo(f"added {key_id} to {file}")


@keys.command("use")
@_KEYS_FILE
@_KEY_ID
def use_key(file: Path, key_id: str) -> None:
    """Have the key named ID in FILE seal what is written from the next start on."""
    from statefleet.app import encryption  # noqa: PLC0415
    from statefleet.app.running import complaints  # noqa: PLC0415

    with complaints():
        encryption.use_key(file.expanduser(), key_id)
    click.echo(f"{key_id} seals from the next start on")


@keys.command("list")
@_KEYS_FILE
def list_keys(file: Path) -> None:
    """Show the ids of the keys in FILE."""
    from statefleet.app import encryption  # noqa: PLC0415
    from statefleet.app.running import complaints  # noqa: PLC0415

    with complaints():
        ids = encryption.key_ids(file.expanduser())
    for index, key_id in enumerate(ids):
        click.echo(f"{key_id}  {'opens only' if index else 'seals and opens'}")
