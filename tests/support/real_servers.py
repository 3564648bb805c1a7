"""Fixtures: a Docker engine, and one broker and one ZooKeeper that all tests of a run share."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from _pytest.capture import CaptureManager

from support import owned
from support.containers import Cluster
from support.engine import NoEngineError, ensure_compose, ensure_engine
from support.kafka_servers import IMAGE as KAFKA
from support.kafka_servers import start_kafka
from support.zookeeper_servers import IMAGE as ZOOKEEPER
from support.zookeeper_servers import start_zookeeper

PROVIDE = Path(__file__).parents[2] / "deploy" / "images" / "provide.py"


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> None:
    """Have a Docker engine, and a compose for it."""
    with _heard(request):
        try:
            ensure_engine()
            ensure_compose()
        except NoEngineError as error:
            pytest.fail(str(error), pytrace=False)
    owned.expect()


@pytest.fixture(scope="session")
def real_servers(request: pytest.FixtureRequest, engine: None) -> None:
    """Have the images of servers, so that `running_kafka` and `running_zookeeper` can be used."""
    with _heard(request):
        provide_images(KAFKA, ZOOKEEPER)


@pytest.fixture(scope="session")
def kafka(real_servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a broker that all tests of a run share: they use topics of their own and let it run."""
    yield from _shared("kafka", lambda: start_kafka(brokers=1), tmp_path_factory)


@pytest.fixture(scope="session")
def zookeeper(real_servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a ZooKeeper that all tests of a run share: they use paths of their own and let it run."""
    yield from _shared("zookeeper", lambda: start_zookeeper(servers=1), tmp_path_factory)


def _shared(name: str, start: Callable[[], Cluster], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start what no process of this run has yet; it goes with everything that the run has made, at its end."""
    folder = tmp_path_factory.getbasetemp()
    started: Cluster | None = None
    with ((folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / name).open("a+") as told:
        fcntl.flock(told, fcntl.LOCK_EX)
        told.seek(0)
        address = told.read()
        if not address:
            started = start()
            told.write(address := started.address)
    yield address
    if started is not None:
        started.release()


def _heard(request: pytest.FixtureRequest) -> AbstractContextManager[None]:
    """Let what takes its time be told at once, not where a test fails."""
    capturing: CaptureManager = request.config.pluginmanager.getplugin("capturemanager")
    return capturing.global_and_fixture_disabled()


def provide_images(*names: str) -> None:
    """Have images, looked up, pulled or built; fails the test with the reason where that cannot be."""
    if subprocess.run([sys.executable, str(PROVIDE), *names], check=False).returncode != 0:
        pytest.fail(f"{PROVIDE.name} cannot provide {', '.join(names)}: it said why on standard error", pytrace=False)
