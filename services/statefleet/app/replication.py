"""The options that say where a process's replicas meet: Kafka and ZooKeeper, or a directory of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from statefleet.app.options import ADDRESSES, CALLED
from statefleet.app.settings_files import read_settings

if TYPE_CHECKING:
    from statefleet.app.backends import Backend
    from statefleet.coordination.zookeeper_settings import ZooKeeperSettings

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(dir_okay=False, exists=True, path_type=Path)


def zookeeper_options(command: F) -> F:
    """Add where ZooKeeper is."""
    command = click.option(
        "--zookeeper-config",
        type=_FILE,
        help="A YAML file with how to call ZooKeeper: root, session_timeout_seconds, user, password_file, tls, …",
    )(command)
    return click.option(
        "--zookeeper",
        metavar="HOST:PORT,...",
        help="The ZooKeeper servers through which the processes of a kind know of one another.",
    )(command)


def backend_options(command: F) -> F:
    """Add where a service's log is, and where its other replicas call this one."""
    for option in (
        click.option("--advertise", type=CALLED, help="Where other replicas call this one; else where it listens."),
        zookeeper_options,
        click.option(
            "--kafka-config",
            type=_FILE,
            help="A YAML file with how to call Kafka: prefix, replication_factor, security_protocol, …",
        ),
        click.option("--kafka", type=ADDRESSES, help="The Kafka brokers that keep the log which the replicas share."),
        click.option(
            "--data-dir",
            type=click.Path(file_okay=False, path_type=Path),
            help="Where a service without replicas keeps its log; each needs a directory of its own.",
        ),
    ):
        command = option(command)
    return command


def zookeeper_of(values: dict[str, Any]) -> ZooKeeperSettings | None:
    """Take where ZooKeeper is out of a command's options; None where that is not said."""
    from statefleet.coordination.zookeeper_settings import ZooKeeperSettings  # noqa: PLC0415

    hosts, path = values.pop("zookeeper"), values.pop("zookeeper_config")
    if hosts is None:
        if path is not None:
            raise click.UsageError("--zookeeper-config goes with --zookeeper")
        return None
    return read_settings(ZooKeeperSettings, "--zookeeper-config", path, hosts=hosts)


def backend_of(values: dict[str, Any]) -> Backend:
    """Take where a service's log is out of a command's options."""
    from statefleet.app.backends import OwnDirectory, Shared  # noqa: PLC0415
    from statefleet.store.kafka_settings import KafkaSettings  # noqa: PLC0415

    zookeeper = zookeeper_of(values)
    directory, brokers, path = values.pop("data_dir"), values.pop("kafka"), values.pop("kafka_config")
    if directory is not None and not (brokers or zookeeper or path):
        return OwnDirectory(directory.expanduser())
    if directory is not None or not (brokers and zookeeper):
        raise click.UsageError("give either --data-dir, or --kafka and --zookeeper")
    kafka = read_settings(KafkaSettings, "--kafka-config", path, bootstrap_servers=tuple(map(str, brokers)))
    return Shared(kafka, zookeeper)
