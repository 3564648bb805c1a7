"""Make the topic of a log, or check the one that is there: a wrong setting of it could lose records.

A log is one partition, so that its records have one order. It is neither compacted nor shortened by age or size: only
trimming drops records. What may lead it has all that was acknowledged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from aiokafka.errors import (
    InvalidReplicationFactorError,
    NoError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.admin import CreateTopicsRequest, DescribeConfigsRequest

from statefleet.errors import Cause, Invalid, Subject, Unavailable
from statefleet.store.kafka_backoff import Backoff
from statefleet.store.kafka_batches import MAX_BATCH
from statefleet.store.kafka_brokers import KafkaBrokers
from statefleet.store.kafka_settings import KafkaSettings

_log = structlog.get_logger(__name__)

_SEGMENT_BYTES = 64 * 1024 * 1024
_TOPIC_RESOURCE = 2


def wanted(settings: KafkaSettings) -> dict[str, str]:
    """Return the settings that a new topic gets."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "retention.bytes": "-1",
        "segment.bytes": str(_SEGMENT_BYTES),
        "max.message.bytes": str(MAX_BATCH),
        "min.insync.replicas": str(settings.min_insync_replicas),
        "unclean.leader.election.enable": "false",
        # The broker's own clock: a producer's may be so far off that the broker would refuse its records.
        "message.timestamp.type": "LogAppendTime",
        "compression.type": "producer",
    }


def dangers(settings: KafkaSettings, partitions: int, replicas: int, actual: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a topic that could lose records or stop the log, each with the fix."""
    found = {}
    if partitions != 1:
        found["partitions"] = f"{partitions} instead of 1: copy the records in order into a new topic"
    if replicas < settings.replication_factor:
        found["replication factor"] = (
            f"{replicas} instead of {settings.replication_factor}:"
            " add replicas with kafka-reassign-partitions.sh, or lower replication_factor"
        )
    for name, least in (("max.message.bytes", MAX_BATCH), ("min.insync.replicas", settings.min_insync_replicas)):
        if int(actual[name]) < least:
            found[name] = f"{actual[name]} instead of {least} or more: {_fix(name, str(least))}"
    for name in ("cleanup.policy", "retention.ms", "retention.bytes", "unclean.leader.election.enable"):
        right = wanted(settings)[name]
        if actual[name] != right:
            found[name] = f"{actual[name]} instead of {right}: {_fix(name, right)}"
    return found


def _fix(name: str, value: str) -> str:
    return f"kafka-configs.sh --alter --entity-type topics --add-config {name}={value}"


async def open_topic(brokers: KafkaBrokers, settings: KafkaSettings, topic: str) -> None:
    """Return once a topic is there, fit to be a log, and led.

    Invalid, with a cause for each setting, where one is dangerous. Unavailable where Kafka does not answer, or has
    too few brokers, within the time for a request.
    """
    backoff = Backoff()
    failure = "no answer in time"
    try:
        async with asyncio.timeout(settings.request_timeout_seconds):
            while True:
                try:
                    return await _open(brokers, settings, topic)
                except Unavailable as error:
                    failure = error.message
                await backoff.pause()
    except TimeoutError:
        raise Unavailable(f"the log {topic} cannot be opened: {failure}") from None


async def has_topic(brokers: KafkaBrokers, topic: str) -> bool:
    """Return whether there is a topic. Unavailable."""
    ((code, *_),) = (await brokers.describe(topic)).topics
    return for_code(code) is not UnknownTopicOrPartitionError


async def _open(brokers: KafkaBrokers, settings: KafkaSettings, topic: str) -> None:
    response = await brokers.describe(topic)
    ((code, _, _, partitions),) = response.topics
    if for_code(code) is UnknownTopicOrPartitionError:
        await _create(brokers, settings, topic, len(response.brokers))
    elif for_code(code) is not NoError:
        raise Unavailable(f"topic {topic}: {for_code(code).__name__}")
    else:
        _, _, _, replicas, *_ = partitions[0]
        _check(topic, dangers(settings, len(partitions), len(replicas), await _settings_of(brokers, topic)))
        await brokers.place(topic)
        return
    raise Unavailable(f"topic {topic} was made and is not seen yet")


def _check(topic: str, found: Mapping[str, str]) -> None:
    if found:
        told = "; ".join(
            f"{name} is {what} --entity-name {topic}" if "--" in what else f"{name} is {what}"
            for name, what in found.items()
        )
        causes = tuple(Cause("FieldValueInvalid", f"is {what}", name) for name, what in found.items())
        raise Invalid(f"topic {topic} could lose records: {told}", Subject(name=topic, kind="topic", causes=causes))


async def _create(brokers: KafkaBrokers, settings: KafkaSettings, topic: str, alive: int) -> None:
    spec: Any = (topic, 1, settings.replication_factor, [], list(wanted(settings).items()))
    timeout_ms = int(settings.request_timeout_seconds * 1000)
    response = await brokers.ask_any(CreateTopicsRequest([spec], timeout_ms, validate_only=False))
    _, code, *rest = response.topic_errors[0]
    error = for_code(code)
    if error is NoError:
        _log.info("topic made", topic=topic, replicas=settings.replication_factor)
    elif error is InvalidReplicationFactorError:
        raise Unavailable(
            f"replication_factor is {settings.replication_factor} and Kafka has {alive} broker(s):"
            " start more brokers or lower it"
        )
    elif error is not TopicAlreadyExistsError:
        raise Unavailable(f"topic {topic} cannot be made: {error.__name__}: {rest[0] if rest else ''}")


async def _settings_of(brokers: KafkaBrokers, topic: str) -> dict[str, str]:
    response = await brokers.ask_any(DescribeConfigsRequest([(_TOPIC_RESOURCE, topic, None)]))
    code, message, _, _, entries = response.resources[0]
    if for_code(code) is not NoError:
        raise Unavailable(f"the settings of topic {topic} cannot be read: {message or for_code(code).__name__}")
    return {entry[0]: entry[1] for entry in entries}
