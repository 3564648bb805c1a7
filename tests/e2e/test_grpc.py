"""The services over gRPC, with mutual TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from statefleet.api.core.v1.config_pb2 import ConfigMap
from statefleet.app.authority import ADMIN, Identities
from statefleet.client.fleet import Fleet
from statefleet.errors import FleetError, NotFound, Unavailable
from statefleet.objects.kinds import CONFIG_MAP, NODE, NODES, REVISIONS, STATEFUL_SET, WORKLOADS
from statefleet.rpc.channel import connect
from statefleet.rpc.tls import ClientTls
from statefleet.runtime.clock import SystemClock
from support.manifests import stateful_set
from support.suite import INSTANT, Suite, running_suite


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    with running_suite(tmp_path_factory.mktemp("grpc"), *INSTANT, "--grpc-listen=127.0.0.1:0") as found:
        yield found


@asynccontextmanager
async def fleet_of(suite: Suite, tls: ClientTls | None) -> AsyncIterator[Fleet]:
    channel = connect(suite.grpc_address, tls=tls)
    try:
        yield Fleet(dict.fromkeys((WORKLOADS, REVISIONS, NODES), channel), field_manager="test")
    finally:
        await channel.close(None)


def identities(directory: Path) -> Identities:
    return Identities(directory / "certificates", SystemClock())


async def test_the_administrator_calls_every_service(suite: Suite) -> None:
    suite.kubectl().apply(stateful_set())
    suite.kubectl()("rollout status sts/web")
    found = identities(suite.directory)
    async with fleet_of(suite, ClientTls(found.authority, found.user(ADMIN))) as fleet:
        made = ConfigMap(data={"k": "v"})
        made.metadata.name, made.metadata.namespace = "by-grpc", "default"
        written = await fleet.create(made)
        assert (await fleet.get(CONFIG_MAP, "by-grpc", "default")).metadata.uid == written.object.metadata.uid
        found_set = await fleet.get(STATEFUL_SET, "web", "default")
        (revision,) = await fleet.list_revisions(STATEFUL_SET, "web", "default")
        assert revision.metadata.name == found_set.status.update_revision
        assert len((await fleet.list(NODE)).items) == 3
        with pytest.raises(NotFound):
            await fleet.get(CONFIG_MAP, "nope", "default")
    assert suite.kubectl()("get configmap by-grpc -o jsonpath={.data.k}") == "v"


async def test_without_a_certificate_of_the_authority_nobody_is_heard(suite: Suite, tmp_path: Path) -> None:
    authority = identities(suite.directory).authority
    stranger = identities(tmp_path).user(ADMIN)
    for tls in (ClientTls(authority), ClientTls(authority, stranger), None):
        async with fleet_of(suite, tls) as fleet:
            with pytest.raises(FleetError) as refused:
                await fleet.get(CONFIG_MAP, "by-grpc", "default", timeout=1)
            assert isinstance(refused.value, Unavailable)
