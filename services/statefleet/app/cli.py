"""The statefleet command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from statefleet.app import options
from statefleet.app.addresses import Address
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
@options.metrics_option
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
    @click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        required=True,
        help="Where the service keeps its log; each needs a directory of its own.",
    )
    @options.certificates_option
    @options.metrics_option
    @options.logging_options
    def command(
        listen: Address,
        data_dir: Path,
        certificates: Path,
        metrics_listen: Address | None,
        log_level: str,
        log_format: str,
    ) -> None:
        from statefleet.app.processes import serve_service  # noqa: PLC0415
        from statefleet.app.running import run, until_stopped  # noqa: PLC0415

        directory, authority = data_dir.expanduser(), certificates.expanduser()

        async def body() -> None:
            async with serve_service(name, listen, directory, authority, metrics_listen) as port:
                click.echo(f"ready: {name} at {Address(listen.host, port)}")
                await until_stopped()

        run(body(), log_level=log_level, log_format=log_format)

    return click.command(name, help=f"Serve the {name.replace('-', ' ')} over gRPC.")(command)


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
@options.peer_options
@options.metrics_option
@options.logging_options
def serve_gateway(
    listen: Address,
    grpc_listen: Address | None,
    metrics_listen: Address | None,
    log_level: str,
    log_format: str,
    **values: Any,
) -> None:
    """Serve the Kubernetes API in front of the services."""
    from statefleet.app import processes  # noqa: PLC0415
    from statefleet.app.running import run, until_stopped  # noqa: PLC0415

    async def body() -> None:
        peers = options.peers_of(values)
        async with processes.serve_gateway(listen, peers, metrics_listen, grpc_listen) as served:
            if grpc_listen is not None:
                click.echo(f"rollouts at {Address(grpc_listen.host, served.grpc_port)}")
            click.echo(f"ready: gateway at {served.url}")
            await until_stopped()

    run(body(), log_level=log_level, log_format=log_format)


@main.command()
@options.peer_options
@options.metrics_option
@options.logging_options
def work(metrics_listen: Address | None, log_level: str, log_format: str, **values: Any) -> None:
    """Run the workers: they roll out sets, schedule pods, provision volumes, collect garbage."""
    from statefleet.app import processes  # noqa: PLC0415
    from statefleet.app.running import run, run_until_stopped  # noqa: PLC0415

    peers = options.peers_of(values)
    click.echo("ready: workers")
    run(run_until_stopped(processes.work(peers, metrics_listen)), log_level=log_level, log_format=log_format)


@main.command()
@click.option("--first", type=click.IntRange(min=1), default=1, show_default=True, help="The first node's number.")
@options.node_options
@options.behaviour_options
@options.peer_options
@options.metrics_option
@options.logging_options
def agent(
    first: int, nodes: int, metrics_listen: Address | None, log_level: str, log_format: str, **values: Any
) -> None:
    """Stand for simulated nodes, named node-1, node-2 and so on, and run the pods bound to them."""
    from statefleet.app import processes  # noqa: PLC0415
    from statefleet.app.running import run, run_until_stopped  # noqa: PLC0415

    peers, size, behaviour = options.peers_of(values), options.size_of(values), options.behaviour_of(values)
    names = {f"node-{number}": number - 1 for number in range(first, first + nodes)}
    click.echo(f"ready: agent of {nodes} nodes")
    body = run_until_stopped(processes.run_agent(peers, names, size, behaviour, metrics_listen))
    run(body, log_level=log_level, log_format=log_format)


@main.command()
@click.option(
    "--server", default=f"https://127.0.0.1:{PORTS['gateway']}", show_default=True, help="The gateway's URL."
)
@click.option("--user", default="admin", show_default=True, help="The user's name: the certificate's common name.")
@click.option(
    "--group",
    multiple=True,
    default=["system:masters"],
    show_default=True,
    help="A group of the user; may be repeated.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The file to write; only its owner may read it.",
)
@options.certificates_option
def kubeconfig(server: str, user: str, group: tuple[str, ...], output: Path, certificates: Path) -> None:
    """Write a configuration with which kubectl calls a gateway."""
    from statefleet.app.authority import Identities  # noqa: PLC0415
    from statefleet.gateway import kubeconfig as files  # noqa: PLC0415
    from statefleet.rpc.identity import Identity  # noqa: PLC0415
    from statefleet.runtime.clock import SystemClock  # noqa: PLC0415

    identities = Identities(certificates.expanduser(), SystemClock())
    pair = identities.user(Identity(user, tuple(group)))
    credentials = files.Credentials(identities.authority, pair.certificate, pair.key)
    files.write(output.expanduser(), files.document(server, credentials, user=user))
    click.echo(f"export KUBECONFIG={output}")


@main.command()
def version() -> None:
    """Print which release this is."""
    click.echo(f"statefleet {VERSION}")
