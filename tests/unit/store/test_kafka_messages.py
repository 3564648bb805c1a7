"""Produce and Fetch as a whole are what aiokafka makes of them field by field."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import pytest
from aiokafka.errors import KafkaError
from aiokafka.protocol.fetch import FetchRequest, FetchResponse_v11
from aiokafka.protocol.produce import ProduceRequest, ProduceResponse_v7

from statefleet.store.kafka_messages import Fetch, Fetched, Produce, Produced

VERSIONS = {0: (3, 7), 1: (4, 11)}
TOPIC = "statefleet.workloads"
RECORDS = bytes(range(256)) * 5


def test_a_produce_request() -> None:
    theirs = ProduceRequest(None, -1, 1_500, [(TOPIC, [(0, RECORDS)])]).prepare(VERSIONS)
    assert Produce(TOPIC, RECORDS, 1_500).prepare(VERSIONS).encode() == theirs.encode()


def test_a_fetch_request() -> None:
    offset, most = 1 << 40, 1 << 20
    theirs = FetchRequest(250, 1, most, 0, [(TOPIC, [(0, offset, most)])]).prepare(VERSIONS)
    assert Fetch(TOPIC, offset, 250, most).prepare(VERSIONS).encode() == theirs.encode()


@pytest.mark.parametrize(("code", "offset"), [(0, 1 << 40), (47, -1)])
def test_an_answer_to_produce(code: int, offset: int) -> None:
    answer = ProduceResponse_v7([(TOPIC, [(0, code, offset, -1, 0)])], 3).encode()
    produced = Produced.decode(BytesIO(answer))
    assert (produced.code, produced.offset) == (code, offset)


@pytest.mark.parametrize("aborted", [None, [], [(7, 5), (8, 6)]])
@pytest.mark.parametrize("records", [b"", RECORDS])
def test_an_answer_to_fetch(aborted: Any, records: bytes) -> None:
    partition = (0, 0, 99, 98, 1, aborted, -1, records)
    answer = FetchResponse_v11(3, 0, 0, [(TOPIC, [partition])]).encode()
    fetched = Fetched.decode(answer)
    assert (fetched.code, fetched.data) == (0, records)


def test_an_error_of_the_whole_or_of_the_partition() -> None:
    whole = Fetched.decode(FetchResponse_v11(0, 70, 0, []).encode())
    partition = (0, 1, -1, -1, -1, None, -1, b"")
    part = Fetched.decode(FetchResponse_v11(0, 0, 0, [(TOPIC, [partition])]).encode())
    assert (whole.code, part.code) == (70, 1)


def test_an_answer_that_ends_early_is_none() -> None:
    with pytest.raises(struct.error):
        Produced.decode(b"\x00\x00\x00\x01")


@pytest.mark.parametrize("request_", [Produce(TOPIC, RECORDS, 1), Fetch(TOPIC, 0, 1, 1)])
def test_a_broker_without_these_versions_is_not_asked(request_: Produce | Fetch) -> None:
    with pytest.raises(KafkaError):
        request_.prepare({})
    with pytest.raises(NotImplementedError):
        request_.prepare({0: (8, 12), 1: (12, 17)})
