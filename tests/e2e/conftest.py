"""One suite for all tests that share it; each of them has a namespace of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from support.kubectl import Kubectl
from support.suite import QUICK, ROOMY, Suite, running_suite

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def shared_suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    with running_suite(tmp_path_factory.mktemp("suite"), *QUICK, *ROOMY) as suite:
        yield suite


@pytest.fixture
def kubectl(shared_suite: Suite) -> Iterator[Kubectl]:
    name = f"test-{next(_NUMBERS)}"
    found = shared_suite.kubectl(name)
    found(f"create namespace {name}")
    yield found
    found(f"delete namespace {name} --wait=false")
