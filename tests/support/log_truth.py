"""What happened to a store, by its log alone: what clients and watchers saw is held against it."""

from __future__ import annotations

from contextlib import aclosing

from statefleet.api.log.v1.log_pb2 import Record
from statefleet.store.entries import Changed
from statefleet.store.log import Log
from statefleet.store.state import State
from support.config_map_model import Delete, Read
from support.history import NAMESPACE, History
from support.watch_guarantees import Truth


async def truth_of(log: Log) -> Truth:
    """Apply every record of a log, from the first to its end now, and return the changes of each that made any."""
    assert await log.start() == 0, "the log was trimmed: take no snapshots where the whole of it is wanted"
    end, state = await log.end(), State()
    truth: list[list[Changed]] = []
    if end == 0:
        return truth
    async with aclosing(log.read(0)) as batches:
        async for batch in batches:
            for offset, payload in batch:
                outcome = state.apply(Record.FromString(payload))
                if outcome.changes:
                    truth.append(list(outcome.changes))
                if offset + 1 >= end:
                    return truth
    raise AssertionError("a log's reader ended by itself")


def check_acknowledged(history: History, truth: Truth) -> int:
    """Fail where a write that a client was told of is not in the log; return how many there are."""
    changes = {(c.key.name, c.version): c for each in truth for c in each if c.key.kind == "ConfigMap"}
    values = {(c.key.name, _value(c)) for c in changes.values() if c.key.namespace == NAMESPACE}
    count = 0
    for name, operation in history.acknowledged:
        count += 1
        action = operation.action
        assert not isinstance(action, Read)
        if isinstance(action, Delete):
            change = changes.get((name, action.version))
            assert change is not None, f"the log has no deletion of {name} at {action.version}"
            assert change.after is None, f"the log has no deletion of {name} at {action.version}"
        elif action.version:
            change = changes.get((name, action.version))
            told = f"{name} with {action.data} at {action.version}"
            assert change is not None, f"the log has nothing of {told}"
            assert _value(change) == action.data, f"the log has {_value(change)} instead of {told}"
        else:
            assert (name, action.data) in values, f"the log has no write of {name} with {action.data}"
    return count


def _value(changed: Changed) -> str | None:
    return None if changed.after is None else str(changed.after.message.data["value"])
