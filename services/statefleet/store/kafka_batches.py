"""What goes into a topic and comes out of it: batches of records, numbered by their producer and by the broker.

Pure: no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from statefleet.errors import Internal, Unavailable
from statefleet.store.log import MAX_STORED, Appended

MAX_BATCH = MAX_STORED + 64 * 1024
"""The size of a batch, in bytes, that a topic takes: the greatest record and what is around it."""
_MAGIC, _UNCOMPRESSED, _NO_TRANSACTION = 2, 0, 0
_LAST_EPOCH = 0x7FFF
_SEQUENCE_MASK = 0x7FFF_FFFF


class Producer:
    """How the brokers tell our batches apart: an identifier, an epoch, and the number of the next record."""

    def __init__(self, producer_id: int, epoch: int = 0, sequence: int = 0) -> None:
        self.producer_id = producer_id
        self.epoch = epoch
        self.sequence = sequence

    def batch(self, payloads: Iterable[bytes]) -> bytes:
        """Return the batch that holds some records; the same until they are counted as written."""
        builder = DefaultRecordBatchBuilder(
            _MAGIC, _UNCOMPRESSED, _NO_TRANSACTION, self.producer_id, self.epoch, self.sequence, MAX_BATCH
        )
        for index, payload in enumerate(payloads):
            builder.append(index, 0, None, payload, [])  # the broker puts its own time for the 0
        return bytes(builder.build())

    def written(self, count: int) -> None:
        """Count records that are in the log."""
        self.sequence = (self.sequence + count) & _SEQUENCE_MASK

    def next_epoch(self) -> Producer | None:
        """Return the producer whose batches make the brokers refuse ours; None where this was the last epoch."""
        return Producer(self.producer_id, self.epoch + 1) if self.epoch < _LAST_EPOCH else None


def records_in(data: bytes, offset: int) -> list[Appended]:
    """Return the records of a broker's answer from an offset on; it may begin before, and be cut off at the end.

    Internal where one is missing or is not a record; Unavailable where a checksum is wrong.
    """
    records: list[Appended] = []
    unread = MemoryRecords(data)
    while (batch := unread.next_batch()) is not None:
        if batch.next_offset <= offset:
            continue
        if not batch.validate_crc():
            raise Unavailable(f"the checksum of the records at {offset} is wrong")
        if batch.is_control_batch:
            raise Internal(f"there is a transaction's mark instead of a record at {offset}")
        for record in batch:
            if record.offset < offset:
                continue
            if record.offset != offset:
                raise Internal(f"the records from {offset} to {record.offset - 1} are missing")
            records.append(Appended(offset, record.value or b""))
            offset += 1
    return records
