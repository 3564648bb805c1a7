"""Generate the protobuf and gRPC modules, their types, and the descriptors with their comments, at build."""

from __future__ import annotations

import importlib.resources
import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROTOS = Path(__file__).parent / "protos"
DESCRIPTORS = PROTOS / "statefleet" / "api" / "descriptors.binpb"


class ProtoBuildHook(BuildHookInterface[Any]):
    """Run the generator before files are collected."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del version, build_data
        generate()


def generate() -> None:
    """Write `*_pb2.py`, `*_pb2_grpc.py`, their stubs and `descriptors.binpb` beside the protos."""
    from grpc_tools import protoc  # noqa: PLC0415 -- there at build only

    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    well_known = str(importlib.resources.files("grpc_tools") / "_proto")
    plugins = {name: _find(name) for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")}
    arguments = [
        "protoc",
        f"-I{PROTOS}",
        f"-I{well_known}",
        *(f"--plugin={name}={path}" for name, path in plugins.items() if path),
        f"--python_out={PROTOS}",
        f"--grpc_python_out={PROTOS}",
        f"--mypy_out=quiet:{PROTOS}",
        f"--mypy_grpc_out=quiet:{PROTOS}",
        "--include_source_info",
        "--include_imports",
        f"--descriptor_set_out={DESCRIPTORS}",
        *sources,
    ]
    if protoc.main(arguments) != 0:
        raise SystemExit("protoc failed: see its message above")


def _find(program: str) -> str | None:
    """Return where a program is: beside this Python, else on the path."""
    return shutil.which(program, path=str(Path(sys.executable).parent)) or shutil.which(program)


if __name__ == "__main__":
    generate()
