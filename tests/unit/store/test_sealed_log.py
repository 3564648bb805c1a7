"""Sealed records: what they hide, what they refuse, and how keys are changed."""

from __future__ import annotations

from contextlib import aclosing

import pytest
from google.protobuf.message import DecodeError

from statefleet.api.log.v1.log_pb2 import Record, SnapshotChunk
from statefleet.errors import BadRequest, TooLarge, Unavailable
from statefleet.store.keyring import Keyring
from statefleet.store.log import MAX_PAYLOAD, Log
from statefleet.store.memory_log import MemoryLog
from statefleet.store.sealed_log import SealedLog

OLD, NEW = "b2xk" * 10 + "b2w=", "bmV3" * 10 + "bmU="
SECRET = b"correct horse battery staple"


def keyring(*lines: str) -> Keyring:
    return Keyring.parse("\n".join(lines))


def sealed(log: Log, *lines: str, name: str = "workloads.records") -> SealedLog:
    return SealedLog(log, keyring(*lines), name)


async def read(log: Log, count: int) -> list[bytes]:
    found: list[bytes] = []
    async with aclosing(log.read(0)) as batches:
        async for batch in batches:
            found.extend(record.payload for record in batch)
            if len(found) >= count:
                break
    return found


async def test_what_is_stored_shows_nothing_of_what_was_appended() -> None:
    plain = MemoryLog()
    log = sealed(plain, f"k1 {OLD}")
    for _ in range(2):
        await log.append(SECRET)
    stored = await read(plain, 2)
    assert all(SECRET not in each for each in stored)
    assert stored[0] != stored[1]
    assert await read(log, 2) == [SECRET, SECRET]


async def test_no_two_records_are_sealed_alike() -> None:
    """One key and number twice would give both records away: numbers differ in a process, keys between processes."""
    plain = MemoryLog()
    for _ in range(3):
        log = sealed(plain, f"k1 {OLD}")
        for _ in range(3):
            await log.append(b"same")
    stored = await read(plain, 9)
    heads = {each[: 2 + 1 + 2 + 16 + 12] for each in stored}
    assert len(heads) == len(set(stored)) == 9


async def test_a_log_that_was_plain_is_read_on() -> None:
    plain = MemoryLog()
    before = Record(epoch=7, request_id="r").SerializeToString()
    await plain.append(before)
    await plain.append(b"")
    log = sealed(plain, f"k1 {OLD}")
    await log.append(SECRET)
    assert await read(log, 3) == [before, b"", SECRET]


async def test_keys_are_changed_one_after_the_other() -> None:
    plain = MemoryLog()
    await sealed(plain, f"k1 {OLD}").append(b"by k1")
    both = sealed(plain, f"k1 {OLD}", f"k2 {NEW}")
    await both.append(b"by k1 still")
    changed = sealed(plain, f"k2 {NEW}", f"k1 {OLD}  # opens only")
    await changed.append(b"by k2")
    everything = [b"by k1", b"by k1 still", b"by k2"]
    assert await read(changed, 3) == await read(both, 3) == everything
    await plain.trim(2)
    alone = sealed(plain, f"k2 {NEW}")
    async with aclosing(alone.read(2)) as batches:
        assert [record.payload for record in await anext(batches)] == [b"by k2"]


async def test_a_key_that_is_missing_is_named() -> None:
    plain = MemoryLog()
    await sealed(plain, f"2026-11 {OLD}").append(SECRET)
    with pytest.raises(Unavailable, match=r'workloads\.records, offset 0: .*the key "2026-11", which is not among'):
        await read(sealed(plain, f"k2 {NEW}"), 1)


@pytest.mark.parametrize("at", [3, 5, 20, 33, 40, -1])
async def test_a_record_that_was_altered_is_found_out(at: int) -> None:
    plain = MemoryLog()
    await sealed(plain, f"k1 {OLD}").append(SECRET)
    stored = bytearray((await read(plain, 1))[0])
    stored[at] ^= 1
    altered = MemoryLog()
    await altered.append(bytes(stored))
    with pytest.raises(Unavailable, match="offset 0"):
        await read(sealed(altered, f"k1 {OLD}"), 1)


@pytest.mark.parametrize("length", [2, 3, 4, 10, 40, 60])
async def test_a_record_that_was_torn_is_found_out(length: int) -> None:
    plain, torn = MemoryLog(), MemoryLog()
    await sealed(plain, f"k1 {OLD}").append(SECRET)
    await torn.append((await read(plain, 1))[0][:length])
    with pytest.raises(Unavailable, match=r"cut short|altered|not among"):
        await read(sealed(torn, f"k1 {OLD}"), 1)


async def test_another_key_of_the_same_name_does_not_open() -> None:
    plain = MemoryLog()
    await sealed(plain, f"k1 {OLD}").append(SECRET)
    with pytest.raises(Unavailable, match="another one of that name"):
        await read(sealed(plain, f"k1 {NEW}"), 1)


async def test_a_record_opens_in_its_own_log_alone() -> None:
    plain = MemoryLog()
    await sealed(plain, f"k1 {OLD}", name="nodes.records").append(SECRET)
    with pytest.raises(Unavailable, match="altered"):
        await read(sealed(plain, f"k1 {OLD}"), 1)


async def test_what_is_too_large_plain_is_too_large_sealed() -> None:
    with pytest.raises(TooLarge):
        await sealed(MemoryLog(), f"k1 {OLD}").append(b"x" * (MAX_PAYLOAD + 1))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "there is no key in it"),
        ("# nothing\n", "there is no key in it"),
        (OLD, "line 1: Invalid value: must be an id"),
        (f"k1 {OLD} more", "line 1: Invalid value: must be an id"),
        (f"\n-k {OLD}", "line 2: Invalid value: must be an id"),
        ("k1 c2hvcnQ=", "line 1: Invalid value: the key is not 32 bytes"),
        ("k1 not-base64!", "line 1: Invalid value: the key is not 32 bytes"),
        (f"k1 {OLD}\nk1 {NEW}", 'line 2: Duplicate value: "k1"'),
    ],
)
def test_a_bad_file_of_keys_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(BadRequest, match=complaint) as caught:
        Keyring.parse(text)
    assert OLD not in str(caught.value)


def test_no_message_begins_as_a_sealed_record_does() -> None:
    """What begins a field has a wire type; the mark's, 7, does not exist."""
    start = keyring(f"k1 {OLD}").seal(b"", b"")[:1]
    for message in (Record, SnapshotChunk):
        with pytest.raises(DecodeError):
            message.FromString(start + b"\x00" * 64)
