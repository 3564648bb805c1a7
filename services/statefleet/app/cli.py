"""The statefleet command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from statefleet.app import options, replication
from statefleet.app.addresses import Address
from statefleet.app.certs_command import certs
from statefleet.app.health_command import health
from statefleet.app.keys_command import keys
from statefleet.app.log_command import log
from statefleet.app.options import ADDRESS, PORTS
from statefleet.app.peers import SERVICES
from statefleet.app.release import VERSION

DEFAULT_DATA_DIR = Path("~/.statefleet")
_CONTEXT = {"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "STATEFLEET", "max_content_width": 110}


@click.group(context_settings=_CONTEXT)
def main() -> None:
    """Run StatefulSets and DaemonSets on any fleet of hosts, without a Kubernetes cluster.

    Begin with `statefleet demo` to watch a story, or with `statefleet up` and kubectl.
    Every option may be given in the environment too, such as STATEFLEET_UP_NODES=5.
    """
    # gRPC's core reads this when it is loaded. What goes wrong in it comes as an error of a call too.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")


@main.command()
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_DATA_DIR,
    show_default=True,
    help="Where everything is kept; a later start goes on from there.",
)
@click.option(
    "--runtime", type=click.Choice(["simulated"]), default="simulated", show_default=True, help="What runs the pods."
)
@click.option(
    "--listen",
    type=ADDRESS,
    default=Address("127.0.0.1", PORTS["gateway"]),
    show_default=True,
    help="Where to serve the Kubernetes API; port 0 takes a free one.",
)
@click.option("--grpc-listen", type=ADDRESS, help="Where to serve gRPC; without it, nowhere.")
@click.option(
    "--kubeconfig",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write kubectl's configuration; by default into the data directory.",
)
@options.encryption_option("The keys that the data is encrypted with; by default the fleet makes its own.")
@options.tokens_option
@options.metrics_option
@options.level_option
@options.node_options
@options.behaviour_options
@options.logging_options
def up(data_dir: Path, kubeconfig: Path | None, log_level: str, log_format: str, **values: Any) -> None:
    """Run the whole suite in this process, with simulated nodes.

    It writes a configuration for kubectl and says where: export KUBECONFIG as it shows, then try `kubectl get nodes`.
    """
    from statefleet.app.embedded import EmbeddedSettings  # noqa: PLC0415 -- the suite, which help does not need
    from statefleet.app.running import run  # noqa: PLC0415
    from statefleet.app.up import run_up  # noqa: PLC0415

    directory = data_dir.expanduser()
    settings = EmbeddedSettings(
        data_dir=directory,
        kubeconfig=(kubeconfig or directory / "kubeconfig").expanduser(),
        size=options.size_of(values),
        behaviour=options.behaviour_of(values),
        **values,
    )
    run(run_up(settings), log_level=log_level, log_format=log_format)


@main.command()
@click.option("--fast", is_flag=True, help="Leave out the pauses between the scenes.")
@click.option("--keep", is_flag=True, help="Leave the fleet running at the end, until Ctrl-C.")
def demo(*, fast: bool, keep: bool) -> None:
    """Play a story with kubectl on simulated nodes: create, update, stage, canary, disrupt, clean up."""
    from statefleet.app.demo import run_demo  # noqa: PLC0415
    from statefleet.app.running import run  # noqa: PLC0415

    run(run_demo(fast=fast, keep=keep), log_level="error", log_format="console")


@main.group()
def serve() -> None:
    """Run one part of the suite that others call."""


def _serve_command(name: str) -> click.Command:
    @click.option(
        "--listen",
        type=ADDRESS,
        default=Address("127.0.0.1", PORTS[name]),
        show_default=True,
        help="Where to serve gRPC; port 0 takes a free one.",
    )
    @replication.backend_options
    @options.certificates_option
    @options.encryption_option("The keys that the logs are encrypted with; without them they are kept plain.")
    @options.level_option
    @options.metrics_option
    @options.logging_options
    def command(
        listen: Address,
        certificates: Path,
        metrics_listen: Address | None,
        advertise: Address | None,
        encryption_keys: Path | None,
        feature_level: int,
        log_level: str,
        log_format: str,
        **values: Any,
    ) -> None:
        from statefleet.app.processes import ServiceSettings, serve_service  # noqa: PLC0415
        from statefleet.app.running import run, until_stopped  # noqa: PLC0415

        settings = ServiceSettings(
            name=name,
            listen=listen,
            backend=replication.backend_of(values),
            certificates=certificates.expanduser(),
            advertise=advertise,
            metrics_listen=metrics_listen,
            encryption_keys=encryption_keys,
            feature_level=feature_level,
        )

        async def body() -> None:
            async with serve_service(settings) as served:
                click.echo(f"ready: {name} at {Address(listen.host, served.port)}")
                await until_stopped(served.failed)

        run(body(), log_level=log_level, log_format=log_format)

    return click.command(name, help=f"Serve the {name.replace('-', ' ')} over gRPC.")(command)


main.add_command(log)

for _name in SERVICES:
    serve.add_command(_serve_command(_name))


@serve.command("gateway")
@click.option(
    "--listen",
    type=ADDRESS,
    default=Address("127.0.0.1", PORTS["gateway"]),
    show_default=True,
    help="Where to serve the Kubernetes API; port 0 takes a free one.",
)
@click.option("--grpc-listen", type=ADDRESS, help="Where to serve the Rollouts API over gRPC; without it, nowhere.")
@options.tokens_option
@options.peer_options
@options.metrics_option
@options.logging_options
def serve_gateway(
    listen: Address,
    grpc_listen: Address | None,
    metrics_listen: Address | None,
    tokens: Path | None,
    log_level: str,
    log_format: str,
    **values: Any,
) -> None:
    """Serve the Kubernetes API in front of the services."""
    from statefleet.app import processes  # noqa: PLC0415
    from statefleet.app.running import run, until_stopped  # noqa: PLC0415

    async def body() -> None:
        peers = options.peers_of(values)
        async with processes.serve_gateway(listen, peers, metrics_listen, grpc_listen, tokens) as served:
            if grpc_listen is not None:
                click.echo(f"rollouts at {Address(grpc_listen.host, served.grpc_port)}")
            click.echo(f"ready: gateway at {served.url}")
            await until_stopped()

    run(body(), log_level=log_level, log_format=log_format)


@main.command()
@options.peer_options
@replication.zookeeper_options
@options.metrics_option
@options.logging_options
def work(metrics_listen: Address | None, log_level: str, log_format: str, **values: Any) -> None:
    """Run the workers: they roll out sets, schedule pods, provision volumes, collect garbage."""
    from statefleet.app import processes  # noqa: PLC0415
    from statefleet.app.running import run, run_until_stopped  # noqa: PLC0415

    zookeeper, peers = replication.zookeeper_of(values), options.peers_of(values)
    workers = processes.work(peers, lambda: click.echo("ready: workers"), metrics_listen, zookeeper)
    run(run_until_stopped(workers), log_level=log_level, log_format=log_format)


@main.command()
@click.option(
    "--identity",
    default="agent",
    show_default=True,
    help="The certificate to show, by its file's name, such as system-node-node-1 as `certs issue node` makes it.",
)
@click.option("--first", type=click.IntRange(min=1), default=1, show_default=True, help="The first node's number.")
@options.node_options
@options.behaviour_options
@options.peer_options
@options.metrics_option
@options.logging_options
def agent(
    identity: str,
    first: int,
    nodes: int,
    metrics_listen: Address | None,
    log_level: str,
    log_format: str,
    **values: Any,
) -> None:
    """Stand for simulated nodes, named node-1, node-2 and so on, and run the pods bound to them."""
    from statefleet.app import processes  # noqa: PLC0415
    from statefleet.app.running import run, run_until_stopped  # noqa: PLC0415

    peers, size, behaviour = options.peers_of(values), options.size_of(values), options.behaviour_of(values)
    names = {f"node-{number}": number - 1 for number in range(first, first + nodes)}

    def say_ready() -> None:
        click.echo(f"ready: agent of {nodes} nodes")

    agents = processes.run_agent(peers, names, size, behaviour, say_ready, metrics_listen, identity)
    run(run_until_stopped(agents), log_level=log_level, log_format=log_format)


@main.command()
@click.option(
    "--server",
    type=options.URL,
    default=f"https://127.0.0.1:{PORTS['gateway']}",
    show_default=True,
    help="The gateway's URL.",
)
@click.option("--user", default="admin", show_default=True, help="The user's name: the certificate's common name.")
@click.option(
    "--group",
    multiple=True,
    help="A group of the user, such as statefleet:viewers; may be repeated. The user admin is in system:masters.",
)
@click.option("--token", help="Call with this token of the gateway's --tokens file instead of a certificate; - asks.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The file to write; only its owner may read it.",
)
@options.certificates_option
def kubeconfig(
    server: str, user: str, group: tuple[str, ...], token: str | None, output: Path, certificates: Path
) -> None:
    """Write a configuration with which kubectl calls a gateway."""
    from statefleet.app.issuing import credentials_of  # noqa: PLC0415
    from statefleet.app.running import complaints  # noqa: PLC0415
    from statefleet.gateway import kubeconfig as files  # noqa: PLC0415

    if token == "-":  # noqa: S105 -- stands for one to be asked for
        token = click.prompt("token", hide_input=True, err=True)
    if token == "":
        raise click.UsageError("--token is empty: leave it out to call with a certificate")
    if token and group:
        raise click.UsageError("--group goes with a certificate: a token's groups are in the file of tokens")
    with complaints():
        credentials = credentials_of(certificates.expanduser(), user, group, token or "")
    files.write(output.expanduser(), files.document(server, credentials, user=user))
    click.echo(f"export KUBECONFIG={output}")


main.add_command(certs)
main.add_command(health)
main.add_command(keys)


@main.command()
def version() -> None:
    """Print which release this is."""
    click.echo(f"statefleet {VERSION}")
