#!/usr/bin/env python3
"""Provide container images: each is looked up here, else pulled, else built from this folder.

    python3 deploy/images/provide.py zookeeper:3.8 apache/kafka:4.4.0

Names are those of the registry, and what is built is kept under the same name: whoever uses an image need not know
where it came from. Needs Python's standard library, the docker command, and, to make the base where none can be
pulled, mmdebstrap (which root gets installed). Says what it does on standard error; exits with 1 and the reason
where an image cannot be had.
"""

from __future__ import annotations

import fcntl
import io
import os
import re
import selectors
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
BASE = "debian:bookworm-slim"
SUITE = "statefleet:latest"
"""The suite itself is nobody's to pull, and built each time: what has not changed since the last time is kept."""


@dataclass(frozen=True)
class Recipe:
    """What an image is built from: a folder, the files of it that the build reads, and variables passed on to it."""

    folder: Path
    files: tuple[str, ...] = (".",)
    dockerfile: str = "Dockerfile"
    authorities: str = "authorities"
    """Where the build takes authorities from that it is to trust."""
    variables: tuple[str, ...] = ()


RECIPES = {
    "zookeeper:3.8": Recipe(FOLDER / "zookeeper"),
    "apache/kafka:4.4.0": Recipe(FOLDER / "kafka"),
    "prom/prometheus:v2.42.0": Recipe(FOLDER / "prometheus"),
    SUITE: Recipe(
        FOLDER.parents[1],
        ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "deploy", "protos", "services", "workers"),
        "deploy/Dockerfile",
        "deploy/authorities",
        ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"),
    ),
}
"""What is built where it cannot be pulled."""

ANSWER_SECONDS = 20.0
"""How long a registry may take to know an image; what it then sends may take any time."""
TRUSTED = (Path("/usr/local/share/ca-certificates"), Path("/etc/pki/ca-trust/source/anchors"))
"""Where Debian and Fedora keep the authorities that a machine's administrator added."""


class Unavailable(Exception):  # noqa: N818 -- what the image is
    """An image can be neither found, nor pulled, nor built; the text says why and what would help."""


def provide(image: str) -> None:
    """Have an image here. Several processes may ask at once: one of them works and the others wait."""
    if image != SUITE and _is_here(image):
        return
    with _alone():
        _build(image) if image == SUITE else _ensure(image)


def _is_here(image: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode == 0


def _pulled(image: str) -> bool:
    _say(f"{image}: not here, pulling")
    pull = subprocess.Popen(["docker", "pull", image], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with pull:
        if not _answers(pull):
            pull.kill()
            _say(f"{image}: no registry answered within {ANSWER_SECONDS:g} s")
            return False
        _, error = pull.communicate()
    if pull.returncode != 0:
        _say(f"{image}: not pulled: {error.decode().strip()}")
    return pull.returncode == 0


def _answers(pull: subprocess.Popen[bytes]) -> bool:
    """Whether a pull has something to say in time: its first line comes with the registry's answer."""
    with selectors.DefaultSelector() as selector:
        for stream in (pull.stdout, pull.stderr):
            if stream is not None:
                selector.register(stream, selectors.EVENT_READ)
        return bool(selector.select(ANSWER_SECONDS))


def _build(image: str) -> None:
    if image == BASE:
        _bootstrap(image)
        return
    recipe = RECIPES.get(image)
    if recipe is None:
        raise Unavailable(f"{image} cannot be pulled, and {FOLDER} has nothing to build it from")
    _ensure(BASE)
    _say(f"{image}: building it from {recipe.folder}")
    variables = [f"--build-arg={name}" for name in recipe.variables if name in os.environ]
    command = ["docker", "build", "--force-rm", "--file", recipe.dockerfile, "--tag", image, *variables, "-"]
    _run(command, image, content=_context(recipe))


def _ensure(image: str) -> None:
    if not _is_here(image) and not _pulled(image):
        _build(image)


def _bootstrap(image: str) -> None:
    """Make a minimal Debian out of its packages."""
    if shutil.which("mmdebstrap") is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise Unavailable(f"{image} cannot be pulled; to make it from Debian's packages, install mmdebstrap")
        _say(f"{image}: installing mmdebstrap to make it with")
        _run(["apt-get", "update"], image)
        _run(["apt-get", "install", "--yes", "--no-install-recommends", "mmdebstrap"], image)
    _say(f"{image}: making it out of Debian's packages")
    suite = image.partition(":")[2].removesuffix("-slim")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root.tar"
        _run(["mmdebstrap", "--quiet", "--variant=minbase", suite, str(root)], image)
        _run(["docker", "import", "--change", "CMD bash", str(root), image], image)


def _context(recipe: Recipe) -> bytes:
    """Return what a build may read: the files, and the authorities that this machine trusts beside the known."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for file in recipe.files:
            archive.add(recipe.folder / file, arcname=file, filter=_unless_made)
        for number, certificate in enumerate(_authorities()):
            entry = tarfile.TarInfo(f"{recipe.authorities}/machine-{number}.crt")
            entry.size = len(certificate)
            archive.addfile(entry, io.BytesIO(certificate))
    return packed.getvalue()


def _unless_made(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out what a build makes by itself, so that it does not count as a change."""
    return None if re.search(r"__pycache__|_pb2(_grpc)?\.pyi?$|descriptors\.binpb$", entry.name) else entry


def _authorities() -> Iterator[bytes]:
    for folder in TRUSTED:
        for file in sorted(folder.glob("**/*.crt")) + sorted(folder.glob("**/*.pem")):
            yield from re.findall(
                rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", file.read_bytes(), re.DOTALL
            )


def _run(command: list[str], image: str, content: bytes | None = None) -> None:
    done = subprocess.run(command, input=content, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        told = "\n".join(done.stdout.decode(errors="replace").splitlines()[-30:])
        raise Unavailable(f"{image}: {' '.join(command)} failed:\n{told}")


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process of this machine's user work at a time."""
    with (Path(tempfile.gettempdir()) / f"statefleet-images-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(images: list[str]) -> int:
    """Provide the images that the command line names."""
    try:
        for image in images or [BASE, *RECIPES]:
            provide(image)
    except Unavailable as error:
        _say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
