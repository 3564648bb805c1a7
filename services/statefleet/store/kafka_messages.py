"""Produce and Fetch for the one partition of a topic, each written and read as a whole.

aiokafka writes and reads requests of any shape, field by field. For these two and one small record that took four
times as long, and a twentieth of the processor time that a write costs the store that serves it.

The layouts are those of Produce 7 and Fetch 11 (https://kafka.apache.org/protocol.html), which brokers know since 2.1
and 2.3.
"""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Self

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Schema

_ALL = -1
_NONE = -1
_LENGTH = struct.Struct(">h")
_TOPICS = struct.Struct(">i")

_PRODUCE_BEGIN = struct.Struct(">hhiih")
"""No transaction, who must have the records, the time for it in milliseconds, one topic, the length of its name."""
_PRODUCE_END = struct.Struct(">iii")
"""One partition, its number, the length of the records."""
_PRODUCED = struct.Struct(">iihq")
"""One partition, its number, the error code, the offset of the first record."""

_FETCH_BEGIN = struct.Struct(">iiiibiiih")
"""No replica, the longest wait in milliseconds, the fewest and the most bytes, the isolation level, no session (two
numbers), one topic, the length of its name."""
_FETCH_END = struct.Struct(">iiiqqiih")
"""One partition, its number, no epoch of a leader, the offset, no start of a log, the most bytes, nothing to forget,
no rack."""
_FETCHED_BEGIN = struct.Struct(">ihii")
"""How long the answer was held back, an error code, the session, how many topics: one, or none."""
_FETCHED_PARTITION = struct.Struct(">iihqqqi")
"""One partition, its number, the error code, three offsets, the number of aborted transactions."""
_ABORTED_BYTES = 16
_FETCHED_END = struct.Struct(">ii")
"""A replica to prefer, the length of the records."""


class Produced(Response):
    """What came of records that were sent: an error code, and the offset of the first."""

    API_KEY, API_VERSION = 0, 7
    SCHEMA = Schema()

    def __init__(self, code: int, offset: int) -> None:
        super().__init__()
        self.code = code
        self.offset = offset

    @classmethod
    def decode(cls, data: BytesIO | bytes) -> Self:
        """Read an answer. struct.error where it is none."""
        read = _rest(data)
        (name,) = _LENGTH.unpack_from(read, _TOPICS.size)
        _, _, code, offset = _PRODUCED.unpack_from(read, _TOPICS.size + _LENGTH.size + name)
        return cls(code, offset)


class _ProduceStruct(RequestStruct):
    API_KEY, API_VERSION = Produced.API_KEY, Produced.API_VERSION
    RESPONSE_TYPE = Produced
    SCHEMA = Schema()

    def __init__(self, topic: str, records: bytes, timeout_ms: int) -> None:
        super().__init__()
        self._parts = topic.encode(), records, timeout_ms

    def encode(self) -> bytes:
        topic, records, timeout_ms = self._parts
        begin = _PRODUCE_BEGIN.pack(_NONE, _ALL, timeout_ms, 1, len(topic))
        return b"".join((begin, topic, _PRODUCE_END.pack(1, 0, len(records)), records))


class Produce(Request[_ProduceStruct]):
    """Have a batch of records added to partition 0 of a topic, and acknowledged when all replicas in sync have it."""

    API_KEY = Produced.API_KEY

    def __init__(self, topic: str, records: bytes, timeout_ms: int) -> None:
        self._parts = topic, records, timeout_ms

    def build(self, request_struct_class: type[_ProduceStruct]) -> _ProduceStruct:
        """Return the request as it is sent."""
        return request_struct_class(*self._parts)


class Fetched(Response):
    """What there is: an error code, and batches of records; the first may begin before the offset."""

    API_KEY, API_VERSION = 1, 11
    SCHEMA = Schema()

    def __init__(self, code: int, data: bytes) -> None:
        super().__init__()
        self.code = code
        self.data = data

    @classmethod
    def decode(cls, data: BytesIO | bytes) -> Self:
        """Read an answer. struct.error where it is none."""
        read = _rest(data)
        _, code, _, topics = _FETCHED_BEGIN.unpack_from(read)
        if not topics:
            return cls(code, b"")
        (name,) = _LENGTH.unpack_from(read, _FETCHED_BEGIN.size)
        at = _FETCHED_BEGIN.size + _LENGTH.size + name
        _, _, code, _, _, _, aborted = _FETCHED_PARTITION.unpack_from(read, at)
        at += _FETCHED_PARTITION.size + max(aborted, 0) * _ABORTED_BYTES
        _, length = _FETCHED_END.unpack_from(read, at)
        at += _FETCHED_END.size
        return cls(code, read[at : at + max(length, 0)])


class _FetchStruct(RequestStruct):
    API_KEY, API_VERSION = Fetched.API_KEY, Fetched.API_VERSION
    RESPONSE_TYPE = Fetched
    SCHEMA = Schema()

    def __init__(self, topic: str, offset: int, wait_ms: int, most_bytes: int) -> None:
        super().__init__()
        self._parts = topic.encode(), offset, wait_ms, most_bytes

    def encode(self) -> bytes:
        topic, offset, wait_ms, most = self._parts
        begin = _FETCH_BEGIN.pack(_NONE, wait_ms, 1, most, 0, 0, _NONE, 1, len(topic))
        end = _FETCH_END.pack(1, 0, _NONE, offset, _NONE, most, 0, 0)
        return b"".join((begin, topic, end))


class Fetch(Request[_FetchStruct]):
    """Ask for the committed records of partition 0 of a topic from an offset on, or wait until there is one."""

    API_KEY = Fetched.API_KEY

    def __init__(self, topic: str, offset: int, wait_ms: int, most_bytes: int) -> None:
        self._parts = topic, offset, wait_ms, most_bytes

    def build(self, request_struct_class: type[_FetchStruct]) -> _FetchStruct:
        """Return the request as it is sent."""
        return request_struct_class(*self._parts)


def _rest(data: BytesIO | bytes) -> bytes:
    return data.read() if isinstance(data, BytesIO) else data
