"""Names of brokers are looked up once at a time, and a resolver that says nothing holds up nobody."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from statefleet.errors import Unavailable
from statefleet.store.kafka_brokers import KafkaBrokers
from statefleet.store.kafka_names import HostNames
from statefleet.store.kafka_settings import KafkaSettings

PATIENCE = 5.0
UNKNOWN = "Name or service not known"


class Resolver:
    """Answers nothing until it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = threading.Event()

    def getaddrinfo(self, host: str, *_: object, **__: object) -> list[object]:
        self.asked.append(host)
        self.answers.wait()
        if host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, UNKNOWN)
        return []


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    found = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", found.getaddrinfo)
    yield found
    found.answers.set()


async def test_those_who_ask_while_the_resolver_is_silent_share_one_question(resolver: Resolver) -> None:
    names = HostNames()
    for _ in range(20):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await names.found("kafka-1")
    waiting = [asyncio.ensure_future(names.found(host)) for host in ("kafka-1", "kafka-1", "kafka-2.invalid")]
    await asyncio.sleep(0)
    resolver.answers.set()
    async with asyncio.timeout(PATIENCE):
        assert await asyncio.gather(*waiting[:2]) == [None, None]
        with pytest.raises(OSError, match=UNKNOWN):
            await waiting[2]
        await names.found("kafka-1")
    assert sorted(resolver.asked) == ["kafka-1", "kafka-1", "kafka-2.invalid"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_an_address_is_no_question(resolver: Resolver, address: str) -> None:
    await HostNames().found(address)
    assert resolver.asked == []


def test_a_process_ends_though_the_resolver_is_silent(resolver: Resolver) -> None:
    async def try_in_vain() -> None:
        brokers = KafkaBrokers(KafkaSettings(("kafka-1:9092", "kafka-2:9092"), request_timeout_seconds=0.6))
        with pytest.raises(Unavailable):
            await brokers.meet()

    running = threading.Thread(target=lambda: asyncio.run(try_in_vain()), daemon=True)
    running.start()
    running.join(PATIENCE)
    assert not running.is_alive()
    assert sorted(resolver.asked) == ["kafka-1", "kafka-2"], "however often they were tried"


async def test_a_name_that_can_be_none_is_told() -> None:
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(OSError, match=r"a\.\.b"):
            await HostNames().found("a..b")


async def test_a_name_that_is_unknown_is_told(resolver: Resolver) -> None:
    resolver.answers.set()
    brokers = KafkaBrokers(KafkaSettings(("nowhere.invalid:9092",), request_timeout_seconds=0.2))
    with pytest.raises(Unavailable, match=f"Kafka at nowhere.invalid:9092: .*{UNKNOWN}"):
        await brokers.meet()
