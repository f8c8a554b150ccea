"""What the world sees of a lane of fulfilments: breakers in the metrics and in the log, calls only once committed."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fake_store import FakeStore
from partner_samples import ACME, NOW_MS, command, policies

from pipeline import metrics
from pipeline.core.records import FulfillmentAttempt
from pipeline.lane.ports import LaneFailed
from pipeline.lane.table import Outbox, Table
from pipeline.lane.table_lane import TableLane
from pipeline.partners import book
from pipeline.partners.book import Call
from pipeline.partners.desk import Desk
from pipeline.partners.lane import PartnerWork
from pipeline.partners.slots import CallSlots
from pipeline.wire.codec import Decoder, Encoder
from pipeline.wire.schemas import CommittedSchemas

SCHEMAS = CommittedSchemas()
ENCODER = Encoder(SCHEMAS.schema_ids)
PARTITION = 7


class Scene:
    """The work of one lane over a table in memory; calls are kept, not made."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.slots = CallSlots()
        known = policies(ACME)
        context = SimpleNamespace(
            topics=SimpleNamespace(derived="derived", dead_letters="letters"), decoder=Decoder(SCHEMAS), encoder=ENCODER
        )
        desk = SimpleNamespace(
            attempts="attempts", context=context, programs=SimpleNamespace(policies=lambda _hash: known),
            pool=SimpleNamespace(slots=self.slots, submit=self.calls.extend),
        )  # fmt: skip
        self.work = PartnerWork(cast(Desk, desk), PARTITION)
        self.book = self.work.new_book(Table(FakeStore({})), Outbox())

    def take(self, value: bytes) -> None:
        self.book.apply((1, NOW_MS, None, value))

    def work_off(self, perform: Callable[[Callable[[], None]], None] = lambda work: work()) -> None:
        self.work.work_off(cast(TableLane, SimpleNamespace(perform=perform)), NOW_MS)


def sample(name: str, **labels: Any) -> float | None:
    return metrics.REGISTRY.get_sample_value(
        name, {"provider": "acme", "partition": str(PARTITION)} | {key: str(value) for key, value in labels.items()}
    )


def test_a_breaker_that_opens_is_a_metric_and_a_line_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[dict[str, object]] = []
    warn = SimpleNamespace(warning=lambda event, **fields: lines.append({"event": event, **fields}))
    monkeypatch.setattr(book, "log", warn)
    scene = Scene()
    for number in range(ACME.breaker.failures):
        scene.take(ENCODER.fulfillment_command(command(f"f-{number}")))
    scene.work_off()
    assert sample("accrue_partner_breaker", state="closed") == 1
    assert sample("accrue_partner_fulfillments", state="calling") == len(scene.calls) == ACME.breaker.failures

    for call in scene.calls:
        down = FulfillmentAttempt(
            call.f.fulfillment_id, "acme", call.f.calls, "fulfil", "unknown", 503, "", 0, "", NOW_MS, NOW_MS
        )
        scene.take(ENCODER.fulfillment_attempt(down))
    scene.work_off()

    assert [sample("accrue_partner_breaker", state=state) for state in ("closed", "open", "half_open")] == [0, 1, 0]
    assert lines == [{"event": "breaker", "provider": "acme", "partition": PARTITION, "was": "closed", "state": "open"}]


def test_a_call_that_was_not_committed_is_not_made_and_gives_its_slot_back() -> None:
    scene = Scene()
    scene.take(ENCODER.fulfillment_command(command()))

    def fails(work: Callable[[], None]) -> None:
        work()
        raise LaneFailed("the transaction was not committed")

    with pytest.raises(LaneFailed):
        scene.work_off(fails)
    assert scene.calls == [] and scene.slots.taken("acme") == 0
