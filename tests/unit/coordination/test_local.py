from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from statefleet.coordination.local import hold_directory
from statefleet.errors import Unavailable


def test_a_directory_is_made_and_held_by_one_at_a_time(tmp_path: Path) -> None:
    data = tmp_path / "fleet" / "data"
    with hold_directory(data):
        with pytest.raises(Unavailable, match=rf"{data} is in use by process {os.getpid()}"):
            with hold_directory(data):
                pass
    with hold_directory(data):
        pass


HOLD = """
import sys
from pathlib import Path
from statefleet.coordination.local import hold_directory
with hold_directory(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_named_and_its_death_frees_the_directory(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(Unavailable, match=f"process {other.pid}"):
            with hold_directory(tmp_path):
                pass
        other.kill()
    with hold_directory(tmp_path):
        pass
