"""A Docker engine for the tests: the one that answers, else Debian's, installed and started here.

An engine that was started here goes on running after the tests: the next environment uses it, and images that were
built stay. What was started, where it logs and how to end it is said when that happens.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("docker", "dockerd", "containerd", "runc", "iptables")
PACKAGES = ("docker.io", "containerd", "runc", "iptables")
START_SECONDS = 60.0
_DIRECTORY = Path(tempfile.gettempdir())


class NoEngineError(Exception):
    """No Docker engine answers and none could be started; the text says what to do."""


def ensure_engine() -> None:
    """Return when an engine answers."""
    if _complaint() is None:
        return
    with _alone():
        complaint = _complaint()
        if complaint is None:
            return
        if os.environ.get("DOCKER_HOST"):
            raise NoEngineError(f"no engine answers at DOCKER_HOST, {os.environ['DOCKER_HOST']}: {complaint}")
        if os.geteuid() != 0:
            raise NoEngineError(
                f"These tests need a Docker engine, and none answers: {complaint}. Start it, or let this user "
                "call it (usermod -aG docker USER), or run the tests as root: they install Debian's and start it."
            )
        _install(PROGRAMS, PACKAGES)
        _start()


def _complaint() -> str | None:
    """Return why no engine answers, or nothing if one does."""
    if shutil.which("docker") is None:
        return "there is no command docker"
    asked = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    return None if asked.returncode == 0 else (asked.stderr.strip() or "docker info failed")


def ensure_compose() -> None:
    """Return when there is a compose: the engine's plugin, or the program of its own."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0 or shutil.which("docker-compose"):
        return
    if os.geteuid() != 0:
        raise NoEngineError("These tests need docker compose or docker-compose, and there is neither: install one.")
    with _alone():
        _install(("docker-compose",), ("docker-compose",))


@contextmanager
def _alone() -> Iterator[None]:
    """Keep the other processes of the tests from installing and starting things meanwhile."""
    with (_DIRECTORY / f"statefleet-engine-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(programs: Sequence[str], packages: Sequence[str]) -> None:
    """Install Debian's packages unless all programs are there."""
    if all(shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") for name in programs):
        return
    if shutil.which("apt-get") is None:
        raise NoEngineError(f"These tests need {' '.join(programs)}, and there is no apt-get: install them.")
    _say(f"installing {' '.join(packages)}")
    install = [
        "apt-get",
        "--option",
        "DPkg::Lock::Timeout=300",
        "install",
        "--yes",
        "--no-install-recommends",
        *packages,
    ]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(install, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        subprocess.run(["apt-get", "update"], env=environment, capture_output=True, check=False)
        done = subprocess.run(install, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoEngineError(f"Tests need {' '.join(programs)}; {' '.join(install)} failed:\n{done.stderr.strip()}")


def _start() -> None:
    """Start what was installed, unless the machine's own service manager has done so."""
    if _complaint() is None:
        return
    log = _DIRECTORY / "statefleet-dockerd.log"
    with log.open("w") as output:
        dockerd = subprocess.Popen(
            [shutil.which("dockerd") or "/usr/sbin/dockerd"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while (complaint := _complaint()) is not None:
        if dockerd.poll() is not None or time.monotonic() > deadline:
            told = "\n".join(log.read_text().splitlines()[-15:])
            raise NoEngineError(f"dockerd does not answer ({complaint}); {log} ends with:\n{told}")
        time.sleep(0.2)
    dockerd.returncode = 0  # it outlives this process on purpose: nothing is left to wait for
    _say(f"started dockerd; it goes on running for later tests (log: {log}; to end it: kill {dockerd.pid})")


def _say(text: str) -> None:
    print(f"docker engine: {text}", file=sys.stderr, flush=True)
