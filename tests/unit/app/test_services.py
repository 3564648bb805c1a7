from __future__ import annotations

import asyncio

from statefleet.app.services import failure_of
from statefleet.store.state import FEATURE_LEVEL
from support.opened_services import opened_services
from support.stores import settle


async def test_a_store_that_cannot_go_on_is_told_of() -> None:
    async with opened_services() as services, failure_of([services.workloads, services.nodes]) as failed:
        await settle()
        assert not failed.done()
        doomed = asyncio.ensure_future(services.nodes.replica.raise_feature_level(FEATURE_LEVEL + 1))
        await settle()
        assert failed.result().startswith("the store nodes cannot go on: the log follows feature level")
        doomed.cancel()
        await asyncio.gather(doomed, return_exceptions=True)
