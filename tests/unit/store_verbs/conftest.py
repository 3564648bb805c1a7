from collections.abc import AsyncIterator

import pytest

from support.opened_services import Services, opened_services


@pytest.fixture
async def services() -> AsyncIterator[Services]:
    async with opened_services() as opened:
        yield opened
