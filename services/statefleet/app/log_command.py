"""`statefleet log`: move a fleet's logs, and show what they tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

_KEYS = click.option(
    "--encryption-keys",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="The keys that the logs are encrypted with; by default those that a data directory has.",
)
_KAFKA = click.option(
    "--kafka-config",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="A YAML file with how to call Kafka: replication_factor, security_protocol, …",
)


class _Place(click.ParamType[Any]):
    """Where logs are."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read where logs are."""
        from statefleet.app.places import PlaceError, read_place  # noqa: PLC0415

        try:
            return read_place(value)
        except PlaceError as error:
            self.fail(str(error), param, ctx)


@click.group()
def log() -> None:
    """Move the logs in which a fleet is kept, and show what they tell.

    A place is sqlite:DIR, the data directory of `statefleet up` or of a service,
    or kafka:HOST:PORT,...?prefix=PREFIX.
    """


@log.command("copy")
@click.option("--from", "source", type=_Place(), required=True, metavar="PLACE", help="Where the logs are.")
@click.option("--to", "target", type=_Place(), required=True, metavar="PLACE", help="Where to copy them.")
@_KEYS
@_KAFKA
def copy(source: Any, target: Any, encryption_keys: Path | None, kafka_config: Path | None) -> None:
    """Copy a fleet's logs from one place to another, such as out of a data directory into Kafka.

    Stop the services first. They go on at the new place where they were: versions, uids, history, claims and what
    requests were answered are as before. The old place is left as it is: do not start services there again.
    """
    from statefleet.app.log_copy import run_copy  # noqa: PLC0415
    from statefleet.app.places import configured  # noqa: PLC0415
    from statefleet.app.running import run  # noqa: PLC0415

    source, target = configured((source, target), "--kafka-config", kafka_config)
    run(run_copy(source, target, encryption_keys), log_level="warning", log_format="console")


@log.command("show")
@click.argument("kind")
@click.argument("name")
@click.option("--from", "source", type=_Place(), required=True, metavar="PLACE", help="Where the logs are.")
@click.option("-n", "--namespace", default="default", show_default=True, help="The object's namespace.")
@click.option("--since", type=click.FloatRange(min=0), help="Only what was done in the last so many seconds.")
@click.option("--status", is_flag=True, help="Show changes of the status too.")
@click.option("--refused", is_flag=True, help="Show attempts that had no effect too.")
@click.option("-o", "--output", type=click.Choice(["table", "yaml", "json"]), default="table", show_default=True)
@_KEYS
@_KAFKA
def show(kind: str, name: str, source: Any, kafka_config: Path | None, **options: Any) -> None:
    """Show what was done to an object: when, by whom, and which fields changed.

    KIND is a kind, a resource or a short name: StatefulSet, statefulsets, sts. The log is only read, also while a
    service is at work on it. It goes back as far as its oldest snapshot. The values of Secrets are never shown.
    """
    from statefleet.app.log_show import run_show  # noqa: PLC0415
    from statefleet.app.places import configured  # noqa: PLC0415
    from statefleet.app.running import run  # noqa: PLC0415

    (place,) = configured((source,), "--kafka-config", kafka_config)
    keys = options.pop("encryption_keys")
    run(run_show(place, keys, kind, name, **options), log_level="warning", log_format="console")
