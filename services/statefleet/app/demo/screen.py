"""Show the story as it goes: one picture that changes on a terminal, plain lines elsewhere."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from statefleet.app.demo.scene import Scene
from statefleet.app.demo.script import SCENES
from statefleet.app.demo.view import FleetPicture, PodView

_COLOURS = {
    "Ready": "green",
    "Running": "yellow",
    "ContainerCreating": "yellow",
    "Pending": "bright_black",
    "Terminating": "magenta",
    "ErrImagePull": "bold red",
    "ImagePullBackOff": "bold red",
    "Gone": "bright_black",
}
_BAR = {"Ready": 5, "Running": 4, "ContainerCreating": 3, "Pending": 1, "Terminating": 2}
_OUTPUT_LINES = 9
_STORY_SHOWN = 9


class Screen:
    """Tells the story on a console."""

    def __init__(self, console: Console, picture: FleetPicture) -> None:
        self._console = console
        self._picture = picture
        self._told = 0
        self._scene: Scene | None = None
        self._number = 0
        self._command = ""
        self._output: list[str] = []
        self._live: Live | None = None

    @property
    def interactive(self) -> bool:
        """Whether there is a terminal to draw on."""
        return self._console.is_terminal

    def open(self) -> None:
        """Begin to draw."""
        if self.interactive:
            self._live = Live(
                get_renderable=self._render, console=self._console, refresh_per_second=12, transient=True
            )
            self._live.start()

    def close(self) -> None:
        """Stop drawing; what was printed stays."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def begin(self, scene: Scene) -> None:
        """Open a scene."""
        self._scene, self._number, self._command, self._output = scene, self._number + 1, "", []
        self._told = len(self._picture.story)
        if not self.interactive:
            self._console.print(f"\n[bold]{self._number}. {scene.title}[/bold]\n   {scene.text}")

    def run(self, command: str) -> None:
        """Show a command that is being run."""
        self._command, self._output = command, []
        if not self.interactive:
            self._console.print(f"   $ {command}", style="cyan", markup=False)

    def say(self, line: str) -> None:
        """Show a line that a command printed."""
        self._output.append(line)
        if not self.interactive:
            self._console.print(f"     {line}", markup=False)

    def changed(self) -> None:
        """Show what has become of the pods."""
        if self.interactive:
            return
        width = max((len(name) for name in self._picture.pods), default=0)
        for name, phase in self._picture.story[self._told :]:
            self._console.print(f"       {name:<{width}} {phase}", style=_COLOURS.get(phase, "default"))
        self._told = len(self._picture.story)

    def end(self, moral: str, seconds: float) -> None:
        """Close a scene with what happened."""
        title = self._scene.title if self._scene else ""
        line = Text.assemble(("✔ ", "bold green"), (title, "bold"), ("  " + moral if moral else "", "default"))
        line.append(f"  {seconds:.1f} s", "bright_black")
        self._console.print(line)

    def _render(self) -> RenderableType:
        scene = self._scene
        if scene is None:
            return Text("")
        body = Table.grid(padding=(0, 4))
        body.add_row(self._pods(), self._story())
        parts: list[RenderableType] = [
            Text(scene.text, "default"),
            Padding(Text(f"$ {self._command}", "cyan"), (1, 0, 0, 0)),
            *[Text(line, "bright_black") for line in self._output[-_OUTPUT_LINES:]],
            Padding(body, (1, 0, 0, 0)),
        ]
        title = f"[bold]{self._number} of {len(SCENES)}  {scene.title}[/bold]"
        return Panel(Group(*parts), title=title, title_align="left", border_style="blue", padding=(1, 2))

    def _pods(self) -> Table:
        table = Table(box=None, pad_edge=False)
        for heading in ("pod", "", "state", "node", "cpu", "image", "revision"):
            table.add_column(heading, header_style="bright_black")
        for name in sorted(self._picture.pods):
            table.add_row(*_row(self._picture.pods[name]))
        return table

    def _story(self) -> Table:
        table = Table(box=None, pad_edge=False)
        table.add_column("what happened", header_style="bright_black")
        for name, phase in self._picture.story[-_STORY_SHOWN:]:
            table.add_row(Text.assemble((f"{name} ", "default"), (phase, _COLOURS.get(phase, "default"))))
        return table


def _row(pod: PodView) -> list[RenderableType]:
    colour = _COLOURS.get(pod.phase, "default")
    full = _BAR.get(pod.phase, 1)
    bar = Text("█" * full + "░" * (max(_BAR.values()) - full), colour)
    return [pod.name, bar, Text(pod.phase, colour), pod.node, pod.cpu, pod.tag, Text(pod.revision, "bright_black")]
