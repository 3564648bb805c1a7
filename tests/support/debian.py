"""Programs out of Debian's packages, unpacked into a cache: nothing is installed, and no name collides.

The packages come from the sources that apt has, by `apt-get download`; where its lists are missing they are fetched
into the cache. No rights are needed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

CACHE = Path(os.environ.get("STATEFLEET_TEST_CACHE", "~/.cache/statefleet-tests")).expanduser()
"""Where packages stay unpacked from one run of the tests to the next."""


def program(package: str, name: str) -> Path:
    """Return a program of a package."""
    found = unpacked(package) / "usr" / "bin" / name
    assert found.exists(), f"the package {package} has no program {name}"
    return found


def unpacked(package: str) -> Path:
    """Return the folder that a package is unpacked in."""
    folder = CACHE / package
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several processes of one run may ask for it at once
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=CACHE) as made:
                work = Path(made)
                _run("dpkg", "--extract", str(_downloaded(package, work)), str(work / "root"))
                shutil.move(work / "root", folder)
    return folder


def _downloaded(package: str, folder: Path) -> Path:
    if not _knows(package):
        _run("apt-get", *_lists(), "update", folder=folder)
    _run("apt-get", *(() if _knows(package) else _lists()), "download", package, folder=folder)
    (found,) = folder.glob("*.deb")
    return found


def _knows(package: str) -> bool:
    """Whether the machine's own lists have a package."""
    return bool(subprocess.run(["apt-cache", "show", package], capture_output=True, check=False).stdout)


def _lists() -> tuple[str, ...]:
    """Return the options that have apt keep its lists in the cache."""
    (CACHE / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    return ("-o", f"Dir::State::Lists={CACHE}/lists", "-o", f"Dir::Cache={CACHE}")


def _run(*command: str, folder: Path | None = None) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
