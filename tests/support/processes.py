"""Processes of the statefleet command, and what they say."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")
PATIENCE_SECONDS = 30.0
"""How long anything that is waited for may take on a machine that is busy."""
STATEFLEET = str(Path(sys.executable).with_name("statefleet"))


def until(condition: Callable[[], object], wanted: str) -> None:
    """Wait until a condition holds, for what no watch tells."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"never: {wanted}"
        time.sleep(0.05)


class Heard:
    """Lines that come from elsewhere, and waiting for what one hopes to hear."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._ended = False
        self._changed = threading.Condition()

    def add(self, line: str) -> None:
        with self._changed:
            self._lines.append(line)
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def lines(self) -> list[str]:
        with self._changed:
            return list(self._lines)

    def until(self, find: Callable[[list[str]], T | None], wanted: str) -> T:
        """Return what `find` makes of the lines as soon as that is true."""
        found: T | None = None

        def came() -> bool:
            nonlocal found
            found = find(self._lines)
            return bool(found) or self._ended

        with self._changed:
            self._changed.wait_for(came, PATIENCE_SECONDS)
        if not found:
            pytest.fail(f"no {wanted} in:\n" + "\n".join(self.lines))
        return found


class Process:
    """A command that runs in the background; its standard output and error are heard as one."""

    def __init__(self, arguments: list[str], environment: dict[str, str] | None = None) -> None:
        self.arguments = arguments
        self.heard = Heard()
        self._popen = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | (environment or {}),
        )
        self._ears = threading.Thread(target=self._listen, daemon=True)
        self._ears.start()

    def _listen(self) -> None:
        stream = self._popen.stdout
        assert stream is not None
        with stream:
            for line in stream:
                self.heard.add(line.rstrip("\n"))
        self.heard.end()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    @property
    def output(self) -> str:
        return "\n".join(self.heard.lines)

    def until(self, pattern: str) -> re.Match[str]:
        """Return the match of a pattern once a line has one."""

        def find(lines: list[str]) -> re.Match[str] | None:
            return next((match for line in lines if (match := re.search(pattern, line))), None)

        return self.heard.until(find, repr(pattern))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the end and return the exit code."""
        self._popen.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.stop(signal.SIGKILL)

    def wait(self) -> int:
        """Return the exit code when it has ended."""
        code = self._popen.wait(PATIENCE_SECONDS)
        self._ears.join()
        return code


def statefleet(*arguments: object, **environment: str) -> Process:
    """Start a statefleet command."""
    return Process([STATEFLEET, *map(str, arguments)], environment)


@contextmanager
def ended(*processes: Process) -> Iterator[None]:
    """Kill the processes at the end of the block, where they still run."""
    try:
        yield
    finally:
        for process in processes:
            if process.running:
                process.kill()
