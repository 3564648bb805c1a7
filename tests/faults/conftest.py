"""The table of faults, shown when all have been tried."""

from __future__ import annotations

import pytest

from faults.table import FaultTable
from support.real_servers import provide_images

SUITE = "statefleet:latest"

_TABLE = pytest.StashKey[FaultTable]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TABLE] = FaultTable()


@pytest.fixture(scope="session")
def fault_table(pytestconfig: pytest.Config) -> FaultTable:
    return pytestconfig.stash[_TABLE]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[_TABLE].lines():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def suite_image(real_servers: None) -> str:
    """Return the image of the suite, built from this source."""
    provide_images(SUITE)
    return SUITE
