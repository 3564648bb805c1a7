"""Stock kubectl: its commands, and the streams that it prints."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from support.pod_stream import PodStream
from support.processes import PATIENCE_SECONDS, Process, until

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"


def find_kubectl() -> str:
    """Return the kubectl that was installed beside this Python, else the one on the path."""
    found = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")
    assert found is not None, "kubectl is missing; it comes with the dependency group test"
    return found


class Result(NamedTuple):
    """What became of a command."""

    code: int
    output: str
    errors: str


class Kubectl:
    """Runs kubectl with a configuration, in a namespace.

    A command is one string, as one would type it; arguments that need no splitting may follow. `program` is the one
    to run where it is to be another than the newest.
    """

    def __init__(self, kubeconfig: Path, namespace: str = "default", program: str = "") -> None:
        self.namespace = namespace
        self._environment = {"KUBECONFIG": str(kubeconfig), "HOME": str(kubeconfig.parent)}
        self._base = [program or find_kubectl(), f"--namespace={namespace}"]

    def run(self, command: str, *more: str, stdin: str = "", **environment: str) -> Result:
        """Run a command to its end, whatever that is."""
        done = subprocess.run(
            [*self._base, *shlex.split(command), *more],
            env=os.environ | self._environment | environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def __call__(self, command: str, *more: str, stdin: str = "", **environment: str) -> str:
        """Run a command that is to succeed and return what it printed."""
        result = self.run(command, *more, stdin=stdin, **environment)
        assert result.code == 0, f"kubectl {command}: {result.errors}"
        return result.output

    def fails(self, command: str, *more: str, stdin: str = "") -> str:
        """Run a command that is to fail, with exit code 1, and return its complaint."""
        result = self.run(command, *more, stdin=stdin)
        assert result.code == 1, f"kubectl {command}: {result.output}{result.errors}"
        return result.errors

    def apply(self, *objects: Any) -> str:
        """Apply objects that are at hand."""
        return self("apply -f -", stdin=document(*objects))

    def json(self, what: str) -> Any:
        """Return objects as JSON, such as `sts web`."""
        return json.loads(self(f"get {what} -o json"))

    def pods(self, selector: str = "") -> dict[str, Any]:
        """Return pods by name."""
        items = self.json(f"pods --selector={selector}")["items"]
        return {item["metadata"]["name"]: item for item in items}

    def until_pod(self, name: str, reached: Callable[[Any], object]) -> Any:
        """Return the pod of a name once a condition holds of it: also where it is not there yet, or is replaced."""
        found: Any = None

        def is_reached() -> object:
            nonlocal found
            found = self.pods().get(name)
            return found is not None and reached(found)

        until(is_reached, f"what is wanted of pod {name}")
        return found

    def patch(self, what: str, patch: Any) -> str:
        """Patch an object: with a JSON patch where it is a list, else strategically."""
        kind = "json" if isinstance(patch, list) else "strategic"
        return self(f"patch {what} --type={kind} -p", json.dumps(patch))

    @contextmanager
    def stream(self, selector: str = "") -> Iterator[PodStream]:
        """Watch pods with `kubectl get pods --watch` for as long as the block lasts."""
        with self.follow(f"get pods --selector={selector} --watch --output-watch-events -v=6") as process:
            yield PodStream(process.heard)

    @contextmanager
    def follow(self, command: str) -> Iterator[Process]:
        """Run a command that does not end, such as a watch, for as long as the block lasts."""
        process = Process([*self._base, *shlex.split(command)], self._environment)
        try:
            yield process
        finally:
            process.kill()


def document(*objects: Any) -> str:
    """Return objects as a manifest."""
    return "\n---\n".join(json.dumps(one) for one in objects)


def container(pod: Any) -> Any:
    """Return the first container of a pod or a template."""
    return pod["spec"]["containers"][0]


def images(pods: dict[str, Any]) -> list[str]:
    """Return the image of each pod, by name."""
    return [container(pods[name])["image"] for name in sorted(pods)]


def waits_for(pod: Any) -> str:
    """Return the reason for which a pod's first container waits; empty: it does not."""
    statuses = pod["status"].get("containerStatuses") or [{}]
    return str(statuses[0].get("state", {}).get("waiting", {}).get("reason", ""))


def is_unschedulable(pod: Any) -> bool:
    """Return whether no node was found for a pod."""
    conditions = pod["status"].get("conditions", [])
    return any(one["type"] == "PodScheduled" and one.get("reason") == "Unschedulable" for one in conditions)


def uids(pods: dict[str, Any]) -> dict[str, str]:
    """Return the uid of each pod."""
    return {name: pod["metadata"]["uid"] for name, pod in pods.items()}
