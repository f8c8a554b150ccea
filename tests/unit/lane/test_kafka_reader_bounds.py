"""Bounds of a partition whose leader is not known yet are waited for; any other refusal fails the call, and whoever
asks again asks through a new consumer."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from pipeline.lane import kafka_reader
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.ports import LaneFailed
from pipeline.settings import Settings


class Answers:
    """A consumer that gives these answers one after the other."""

    def __init__(self, *answers: tuple[int, int] | int) -> None:
        self._answers = list(answers)

    def get_watermark_offsets(self, _partition: Any, timeout: float) -> tuple[int, int]:
        answer = self._answers.pop(0)
        if isinstance(answer, int):
            raise KafkaException(KafkaError(answer))
        return answer

    def close(self) -> None:
        self._answers = []


def reader(*answers: tuple[int, int] | int) -> KafkaReader:
    made = KafkaReader(Settings())
    made._consumer = Answers(*answers)  # type: ignore[assignment]
    return made


def test_a_partition_without_a_leader_is_waited_for() -> None:
    found = reader(KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, (3, 9)).bounds("t", 0)

    assert found == (3, 9)


def test_another_refusal_fails_the_call() -> None:
    with pytest.raises(LaneFailed, match="the bounds of t/0 are not to be had"):
        reader(KafkaError.TOPIC_AUTHORIZATION_FAILED, (3, 9)).bounds("t", 0)


def test_a_consumer_that_was_refused_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that asked for a topic while its broker came back may hold it for unknown ever after."""
    consumers = [Answers(KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_PARTITION), Answers((3, 9))]
    monkeypatch.setattr(kafka_reader, "new_consumer", lambda *_: consumers.pop(0))
    made = KafkaReader(Settings())

    with pytest.raises(LaneFailed, match="are not to be had"):
        made.bounds("t", 0)

    assert made.bounds("t", 0) == (3, 9)
