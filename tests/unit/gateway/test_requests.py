"""What a Kubernetes API server answered to requests that fail before any rule of the kinds is asked."""

import json
from pathlib import Path

import pytest

from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from support.gateway_client import serve
from support.memory_fleet import MemoryFleet

CASES = sorted((Path(__file__).parents[2] / "golden" / "requests").glob("*.json"))
UNWORDED = {"array", "sts-wrong-kind"}
"""Cases whose message names types of another language; code and reason count."""


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
async def test_request(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    fleet = MemoryFleet()
    if path.stem in {"put-conflict", "put-name-mismatch"}:
        await fleet.create(StatefulSet(metadata=ObjectMeta(name="x", namespace="oracle")))
        fleet.version += 5
        await fleet.update(StatefulSet(metadata=ObjectMeta(name="x", namespace="oracle")))
    request, expected = case["request"], case["response"]
    async with serve(fleet) as client:
        code, answer = await client.call(request["method"], request["path"], request["body"])
    assert code == case["status"]
    assert {key: answer.get(key) for key in ("kind", "status", "reason", "code", "details")} == {
        key: expected.get(key) for key in ("kind", "status", "reason", "code", "details")
    }
    if path.stem not in UNWORDED | {"put-conflict"}:
        assert answer["message"] == expected["message"]
