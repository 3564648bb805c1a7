from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from statefleet.app import embedded
from statefleet.errors import Unavailable


class Silent:
    """A fleet in which nothing happens."""

    async def watch(self, *_: object, **__: object) -> AsyncGenerator[Any, None]:
        await asyncio.Event().wait()
        yield


async def test_a_start_whose_nodes_do_not_register_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "NODES_READY_SECONDS", 0.01)
    with pytest.raises(Unavailable, match=r"0 of 3 nodes registered in 0\.01 s"):
        await embedded._until_registered(Silent(), 3)  # type: ignore[arg-type]
