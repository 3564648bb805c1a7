"""What is put into batches comes out of them, and what is wrong with them is noticed."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from statefleet.errors import Internal, Unavailable
from statefleet.store.kafka_batches import MAX_BATCH, Producer, records_in
from statefleet.store.log import MAX_STORED


def batch_at(offset: int, payloads: Sequence[bytes]) -> bytes:
    """A batch as a broker keeps it."""
    return struct.pack(">q", offset) + Producer(7).batch(payloads)[8:]


def identity(batch: bytes) -> tuple[int, int, int]:
    """The producer's identifier, its epoch and the number of the first record, as the brokers see them."""
    producer_id, epoch, sequence = struct.unpack_from(">qhi", batch, 43)
    return producer_id, epoch, sequence


def test_records_come_out_as_they_went_in() -> None:
    data = batch_at(5, [b"a", b"", b"c"]) + batch_at(8, [b"d"])
    assert records_in(data, 5) == [(5, b"a"), (6, b""), (7, b"c"), (8, b"d")]


def test_a_batch_that_begins_before_the_offset_is_read_from_it_on() -> None:
    assert records_in(batch_at(5, [b"a", b"b", b"c"]), 7) == [(7, b"c")]


def test_a_batch_that_is_cut_off_is_left_for_the_next_time() -> None:
    data = batch_at(0, [b"a"]) + batch_at(1, [b"b"])
    assert records_in(data[:-1], 0) == [(0, b"a")]
    assert records_in(data[:-1], 1) == []


def test_a_missing_record_is_noticed() -> None:
    with pytest.raises(Internal, match="the records from 1 to 2 are missing"):
        records_in(batch_at(0, [b"a"]) + batch_at(3, [b"d"]), 0)


def test_a_wrong_checksum_is_noticed() -> None:
    data = bytearray(batch_at(0, [b"payload"]))
    data[-3] ^= 1
    with pytest.raises(Unavailable, match="checksum"):
        records_in(bytes(data), 0)


def test_the_greatest_record_fits_into_a_batch() -> None:
    assert len(Producer(1).batch([b"x" * MAX_STORED])) <= MAX_BATCH


def test_a_batch_is_the_same_until_it_is_counted_as_written() -> None:
    producer = Producer(7)
    first = producer.batch([b"a", b"b"])
    assert producer.batch([b"a", b"b"]) == first
    assert identity(first) == (7, 0, 0)
    producer.written(2)
    assert identity(producer.batch([b"c"])) == (7, 0, 2)


def test_sequence_numbers_begin_anew_after_the_greatest() -> None:
    producer = Producer(7, sequence=2**31 - 2)
    producer.written(3)
    assert identity(producer.batch([b"a"])) == (7, 0, 1)


def test_the_next_epoch_counts_from_zero_and_after_the_last_there_is_none() -> None:
    producer = Producer(7, epoch=3, sequence=9)
    following = producer.next_epoch()
    assert following is not None
    assert identity(following.batch([b"a"])) == (7, 4, 0)
    assert Producer(7, epoch=32_767).next_epoch() is None
