"""Who may bind when."""

import asyncio

from statefleet.scheduling.turns import Turns
from support.stores import settle


class Bindings:
    """Bindings that last until they are let go, in the order they began."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}

    async def bind(self, name: str, turn) -> None:
        async with turn:
            self.begun.append(name)
            await self.gates.setdefault(name, asyncio.Event()).wait()

    async def end(self, name: str) -> None:
        self.gates[name].set()
        await settle()


async def test_some_go_side_by_side_and_others_only_alone():
    turns, bindings = Turns(), Bindings()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bindings.bind("one", turns.together()))
        tasks.create_task(bindings.bind("two", turns.together()))
        await settle()
        tasks.create_task(bindings.bind("alone", turns.alone()))
        await settle()
        tasks.create_task(bindings.bind("later", turns.together()))
        await settle()
        assert bindings.begun == ["one", "two"]
        await bindings.end("one")
        assert bindings.begun == ["one", "two"]
        await bindings.end("two")
        assert bindings.begun == ["one", "two", "alone"]
        await bindings.end("alone")
        assert bindings.begun == ["one", "two", "alone", "later"]
        await bindings.end("later")


async def test_bindings_to_one_node_follow_one_another():
    turns, bindings = Turns(), Bindings()
    async with asyncio.TaskGroup() as tasks:
        for name, node in (("one", "a"), ("two", "a"), ("three", "b")):
            tasks.create_task(bindings.bind(name, turns.on(node)))
        await settle()
        assert bindings.begun == ["one", "three"]
        await bindings.end("one")
        assert bindings.begun == ["one", "three", "two"]
        await bindings.end("two")
        await bindings.end("three")
