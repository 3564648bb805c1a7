from collections.abc import AsyncIterator

import pytest

from support.working_fleet import WorkingFleet, working_fleet


@pytest.fixture
async def working() -> AsyncIterator[WorkingFleet]:
    async with working_fleet() as fleet:
        yield fleet
