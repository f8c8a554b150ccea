"""Decodes damaged and random bytes as a lane does: each is decoded as fastavro would, or refused with a reason."""

from __future__ import annotations

import io
import time
from collections import Counter
from random import Random
from typing import Any

import fastavro
import psutil
from avro_values import built, fastavro_schema
from fuzz_bytes import HUGE, encoder_of, mutated
from fuzz_schemas import schemas as foreign_schemas

from pipeline.core.events import Event
from pipeline.core.reasons import DEAD_LETTER_REASONS
from pipeline.wire import schemas
from pipeline.wire.avro import BadSchema, parse_record
from pipeline.wire.codec import Decoder, Undecodable
from pipeline.wire.codegen.decoders import START
from pipeline.wire.generated.schemas import SCHEMAS

RECORDED_AT_MS = 1_772_400_000_000
BASE_CPU_S = 0.1
CPU_S_PER_BYTE = 100e-6
LEARNING_CPU_S = 5.0
"""A schema that is met for the first time is parsed and compiled."""
SAMPLES_PER_REASON = 20
ACCEPTED_SAMPLES = 2_000
LONGEST = 20_000


class Wrong(Exception):
    """What must not be: the message says what was done instead of decoding or refusing."""


class WireFuzz:
    """One seed's registry, decoder and oracle. `reasons` counts what was refused; "decoded" stands for what was not."""

    def __init__(self, seed: int, variants: int = 150) -> None:
        self.seed = seed
        self.draw = Random(f"wire {seed}")
        self.source, self.texts = foreign_schemas(self.draw, variants)
        self.decoder = Decoder(self.source)
        self.encoders = {}
        for schema_id, text in self.texts.items():
            try:
                self.encoders[schema_id] = encoder_of(text)
            except BadSchema:
                continue
        self.ids = list(self.encoders)
        self.our_ids = [number for number, name in enumerate(SCHEMAS, 1) if schemas.kind(name) != "outputs"]
        self.highest_id = max(self.texts) + 2 * variants
        self.reasons: Counter[str] = Counter()
        self.samples: dict[str, list[bytes]] = {}
        self.slowest_s = 0.0
        self._oracles: dict[int, Any] = {}
        self._previous = b""

    def value(self) -> bytes:
        """The next bytes to decode."""
        draw = self.draw
        kind = draw.random()
        if kind < 0.03:
            return draw.randbytes(draw.choice((0, 1, 4, 5, 6, 20, 200)))
        schema_id = draw.choice(self.ids if draw.random() < 0.5 else self.our_ids)
        if kind < 0.08:
            schema_id = draw.choice((draw.randrange(self.highest_id), draw.getrandbits(32)))
        prefix = b"\0" + schema_id.to_bytes(4, "big")
        if kind < 0.12:
            return prefix + b"".join(draw.choice(HUGE) for _ in range(draw.randrange(12)))
        body = self.encoders[schema_id](draw) if schema_id in self.encoders else draw.randbytes(30)
        if kind < 0.25:
            return prefix + body
        value = mutated(draw, prefix + body if kind < 0.35 else body, self._previous)
        self._previous = body
        return (value if kind < 0.35 else prefix + value)[:LONGEST]

    def run(self, decodes: int) -> None:
        """Raises Wrong with what went wrong, and leaves the bytes in `at_hand`."""
        for _ in range(decodes):
            self.at_hand = self.value()
            reason = self.judge(self.at_hand)
            self.reasons[reason] += 1
            kept = self.samples.setdefault(reason, [])
            if len(kept) < (ACCEPTED_SAMPLES if reason == "decoded" else SAMPLES_PER_REASON):
                kept.append(self.at_hand)

    def judge(self, value: bytes) -> str:
        """The reason for which the value is refused, or "decoded". Raises Wrong."""
        began_s = time.thread_time()
        try:
            item = self.decoder.decode(value, RECORDED_AT_MS)
        except Undecodable as error:
            if error.reason not in DEAD_LETTER_REASONS or not error.detail:
                raise Wrong(f"refused with {error.reason!r}: {error.detail!r}, which is no typed reason") from error
            reason = error.reason
        except Exception as error:
            raise Wrong(f"the decoder raised {error!r}") from error
        else:
            reason = "decoded"
            self._compare(value, item)
        self._check_work(value, time.thread_time() - began_s)
        return reason

    def _check_work(self, value: bytes, seconds: float) -> None:
        self.slowest_s = max(self.slowest_s, seconds)
        bound_s = BASE_CPU_S + CPU_S_PER_BYTE * len(value)
        if seconds > bound_s:
            if seconds > LEARNING_CPU_S:
                raise Wrong(f"{len(value)} bytes took {seconds:.2f} s of CPU time")
            again = []
            for _ in range(3):
                began_s = time.thread_time()
                try:
                    self.decoder.decode(value, RECORDED_AT_MS)
                except Undecodable as error:
                    again.append((time.thread_time() - began_s, error.reason))
                else:
                    again.append((time.thread_time() - began_s, "decoded"))
            if min(again)[0] > bound_s:
                raise Wrong(f"{len(value)} bytes took {min(again)[0]:.3f} s of CPU time again and again")

    def _compare(self, value: bytes, item: object) -> None:
        """fastavro reads the same from the same bytes, to the last one."""
        schema_id = int.from_bytes(value[1:START], "big")
        text = self.source.schema(schema_id)
        if schema_id not in self._oracles:
            self._oracles[schema_id] = fastavro_schema(text), parse_record(text).name
        writer, name = self._oracles[schema_id]
        stream = io.BytesIO(value[START:])
        try:
            fields = fastavro.schemaless_reader(stream, writer, _reader(name))
        except Exception as error:
            raise Wrong(f"decoded as {item!r}, but fastavro refuses it: {error!r}") from error
        if stream.read(1):
            raise Wrong(f"decoded as {item!r}, but fastavro leaves bytes over")
        expected = built(name, dict(fields), RECORDED_AT_MS)  # type: ignore[arg-type]
        if item != expected or (isinstance(item, Event) and schemas.kind(name) != "events"):
            raise Wrong(f"decoded as {item!r}, but fastavro reads {expected!r}")


_readers: dict[str, Any] = {}


def _reader(name: str) -> Any:
    if name not in _readers:
        _readers[name] = fastavro_schema(SCHEMAS[name][1])
    return _readers[name]


def shrunk(fuzz: WireFuzz, value: bytes) -> bytes:
    """A smaller value that is wrong as well."""

    def wrong(candidate: bytes) -> bool:
        try:
            fuzz.judge(candidate)
        except Wrong:
            return True
        return False

    size = max(len(value) // 2, 1)
    while size:
        at = 0
        while at < len(value):
            candidate = value[:at] + value[at + size :]
            if wrong(candidate):
                value = candidate
            else:
                at += size
        size //= 2
    return value


def resident_mb() -> float:
    """Of this process."""
    return float(psutil.Process().memory_info().rss) / 1e6
