"""What a run must have put out: the core's simulation of the same log, and what the topics hold, compared."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from bench.load import Size, control, events
from pipeline.core.digest import Digest
from pipeline.core.program import Program
from pipeline.core.records import LedgerEntry, Output
from pipeline.core.simulate import Simulation
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.program import Bundle, compile_bundle
from pipeline.settings import Settings
from pipeline.wire.codec import Decoder
from pipeline.wire.topics import LOG, Topics

OUTPUTS: Final = ("ledger-entries", "reward-decisions", "tier-changes", "reward-fulfillments", "dead-letters")


class Outcome(NamedTuple):
    """The ledger's digest, and how many records each output topic holds."""

    digest: str
    counts: dict[str, int]

    @property
    def decisions(self) -> int:
        return self.counts["reward-decisions"]

    def differences(self, other: Outcome) -> list[str]:
        """What differs, in words; empty if nothing does."""
        found = [
            f"{name}: {self.counts[name]} records, expected {other.counts[name]}"
            for name in OUTPUTS
            if self.counts[name] != other.counts[name]
        ]
        if self.digest != other.digest:
            found.append(f"ledger digest {self.digest}, expected {other.digest}")
        return found


def expected(size: Size, bundle: Bundle) -> Outcome:
    """What the core decides of the load. Needs about 2 KB of memory per event."""
    simulation = Simulation(_Only(bundle), relay=False)
    collecting = gc.isenabled()
    gc.disable()  # everything is kept until the end: each collection would walk all of it in vain
    try:
        for timestamp_ms, record in control(bundle.hash):
            simulation.take(0, 0, timestamp_ms, record)
        for offset, event in enumerate(events(size)):
            simulation.take(0, offset, event.recorded_at_ms, event)
        result = simulation.result()
    finally:
        if collecting:
            gc.enable()
    dead = len(result.rejections) - sum(1 for decision in result.decisions if decision.outcome == "refused")
    counts = (len(result.entries), len(result.decisions), len(result.tier_changes), len(result.commands), dead)
    return Outcome(result.digest, dict(zip(OUTPUTS, counts, strict=True)))


def of_log(settings: Settings, topics: Topics, decoder: Decoder, bundle: Bundle) -> Outcome:
    """What the core decides of what is on the log, partition by partition. Raises LaneFailed while Kafka is away."""
    reader, topic = KafkaReader(settings), topics.name(LOG)
    counts: Counter[str] = Counter()
    digest = Digest()
    try:
        for partition in range(topics.partitions(LOG)):
            simulation = Simulation(_Only(bundle), relay=False)
            for chunk in reader.read(topic, partition, *reader.bounds(topic, partition)):
                for offset, timestamp_ms, _key, value in chunk:
                    simulation.take(0, offset, timestamp_ms, decoder.decode(value or b"", timestamp_ms))
            result = simulation.result()
            dead = len(result.rejections) - sum(1 for decision in result.decisions if decision.outcome == "refused")
            found = (len(result.entries), len(result.decisions), len(result.tier_changes), len(result.commands), dead)
            counts.update(dict(zip(OUTPUTS, found, strict=True)))
            for entry in result.entries:
                digest.add(entry)
    finally:
        reader.close()
    return Outcome(digest.hexdigest(), {name: counts[name] for name in OUTPUTS})


def actual(settings: Settings, topics: Topics, decoder: Decoder) -> Outcome:
    """What committed readers find on the output topics. Raises LaneFailed while Kafka is away, Undecodable, and
    ValueError for a ledger with a gap or a repeated entry."""
    counts: Counter[str] = Counter()
    digest = Digest()
    for name in OUTPUTS:
        for output in outputs(settings, topics, name, decoder):
            counts[name] += 1
            if isinstance(output, LedgerEntry):
                digest.add(output)
    return Outcome(digest.hexdigest(), {name: counts[name] for name in OUTPUTS})


def outputs(settings: Settings, topics: Topics, name: str, decoder: Decoder) -> Iterator[Output]:
    """All committed records of an output topic, partition by partition in order of offset."""
    reader, topic = KafkaReader(settings), topics.name(name)
    try:
        for partition in range(topics.partitions(name)):
            start, end = reader.bounds(topic, partition)
            for chunk in reader.read(topic, partition, start, end):
                for _offset, _timestamp_ms, _key, value in chunk:
                    yield decoder.output(value or b"")
    finally:
        reader.close()


class _Only:
    """The one programme of the load."""

    def __init__(self, bundle: Bundle) -> None:
        self._hash = bundle.hash
        self._program = compile_bundle(bundle)

    def program(self, program_hash: str) -> Program:
        assert program_hash == self._hash, f"the load names program {program_hash}"
        return self._program
