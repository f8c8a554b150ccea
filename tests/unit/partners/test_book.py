"""The core of the fulfilment lane over its table: what is recorded, what is planned, and what waits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_store import FakeStore
from partner_samples import ACME, NOW_MS, OTHER, command, policies

from pipeline.core.events import Event
from pipeline.core.payloads import FulfillmentOutcome
from pipeline.core.ports import UnknownProgram
from pipeline.core.records import DeadLetter, FulfillmentAttempt, FulfillmentCommand, PartnerOrder
from pipeline.lane.table import Outbox, Table
from pipeline.partners.book import Book, Call
from pipeline.partners.fulfilment import LATE_MS, Policies
from pipeline.partners.slots import CallSlots
from pipeline.partners.state import KEPT_MS
from pipeline.program.partners import BreakerPolicy, Partner
from pipeline.wire.codec import Decoder, Encoder
from pipeline.wire.schemas import CommittedSchemas

SCHEMAS = CommittedSchemas()
ENCODER = Encoder(SCHEMAS.schema_ids)
DECODER = Decoder(SCHEMAS)
HOUR_MS = 3_600_000


class Bench:
    """A book over a table in memory, its programmes, its slots, and the time."""

    def __init__(self, *partners: Partner) -> None:
        self.known: dict[str, Policies] = {"hash": policies(*partners)}
        self.disk: dict[bytes, bytes] = {}
        self.now_ms = NOW_MS
        self.offset = 0
        self.slots = CallSlots(lambda: self.now_ms / 1_000)
        self.outcomes: list[FulfillmentOutcome] = []
        self.letters: list[DeadLetter] = []
        self.restart()

    def policies(self, program_hash: str) -> Policies:
        if program_hash not in self.known:
            raise UnknownProgram(program_hash)
        return self.known[program_hash]

    def restart(self) -> None:
        """What is not committed is forgotten; what is, is read again by a new book."""
        self.store = FakeStore(self.disk)
        self.table, self.outbox = Table(self.store), Outbox()
        self.book = Book(self.table, self.outbox, self, DECODER, ENCODER, "attempts", 0, "derived", "letters")

    def commit(self) -> None:
        self.store.write(self.table.collect().changelog)
        self.table.clear()
        for topic, messages in self.outbox.messages():
            for message in messages:
                if topic == "derived":
                    event = DECODER.decode(message["value"], 0)
                    assert isinstance(event, Event) and isinstance(event.payload, FulfillmentOutcome)
                    assert message["key"] == event.member_id.encode()
                    self.outcomes.append(event.payload)
                    self.occurred_at_ms = event.occurred_at_ms
                else:
                    letter = DECODER.output(message["value"])
                    assert isinstance(letter, DeadLetter)
                    self.letters.append(letter)
        self.outbox.clear()

    def take(self, value: bytes) -> None:
        self.offset += 1
        self.book.apply((self.offset, self.now_ms, None, value))
        self.commit()

    def command(self, given: FulfillmentCommand) -> None:
        self.take(ENCODER.fulfillment_command(given))

    def order(self, order: str, provider: str = "", fulfillment_id: str = "", outcome: str = "") -> None:
        self.take(
            ENCODER.partner_order(PartnerOrder(order, provider, fulfillment_id, outcome, "ada", "because", self.now_ms))
        )

    def plan(self, after_ms: int = 0) -> list[Call]:
        self.now_ms += after_ms
        calls = self.book.plan(self.now_ms, self.slots)
        self.commit()
        return calls

    def end(self, call: Call, means: str, status: int = 200) -> None:
        """The call ends so, and its result comes to the book."""
        partner_id = call.partner.partner_id
        self.slots.give_back(partner_id, 1)
        self.told(call.f.fulfillment_id, means, partner_id, call.f.calls, status)

    def told(self, fulfillment_id: str, means: str, provider: str = "acme", call: int = 0, status: int = 200) -> None:
        attempt = FulfillmentAttempt(
            fulfillment_id, provider, call, "fulfil", means, status, "", 0, "", self.now_ms, self.now_ms
        )
        self.take(ENCODER.fulfillment_attempt(attempt))

    def found(self) -> list[tuple[str, str]]:
        return [(outcome.fulfillment_id, outcome.outcome) for outcome in self.outcomes]


def test_a_command_is_called_for_and_its_outcome_told_once() -> None:
    bench = Bench(ACME)
    bench.command(command("a"))
    bench.command(command("a"))  # the command once more
    (call,) = bench.plan()
    assert (call.kind, call.partner, call.f.state) == ("fulfil", ACME, "calling")
    assert bench.plan() == []

    bench.end(call, "confirmed")
    bench.command(command("a"))
    bench.told("a", "confirmed")

    assert bench.found() == [("a", "confirmed")] and bench.plan(HOUR_MS) == []


def test_waiting_work_survives_a_restart() -> None:
    bench = Bench(ACME)
    bench.command(command("a"))
    (call,) = bench.plan()
    bench.end(call, "retry", 429)
    bench.restart()

    assert bench.plan() == []
    (again,) = bench.plan(5_500)
    assert again.f.attempts == 2


def test_a_call_that_a_worker_took_along_is_asked_about() -> None:
    bench = Bench(ACME)
    bench.command(command("a"))
    (lost,) = bench.plan()
    bench.restart()
    bench.slots = CallSlots()

    assert bench.plan(ACME.timeout_ms + LATE_MS - 1) == []
    assert bench.plan(1) == []
    (ask,) = bench.plan(5_500)
    assert ask.kind == "ask"
    bench.end(lost, "unknown", 0)  # its result comes late and says nothing new
    bench.end(ask, "confirmed")
    assert bench.found() == [("a", "confirmed")]


def test_what_is_not_committed_never_happened() -> None:
    bench = Bench(ACME)
    bench.command(command("a"))
    planned = bench.book.plan(bench.now_ms, bench.slots)
    bench.slots.give_back("acme", len(planned))
    bench.restart()

    (call,) = bench.plan()
    assert call.f.calls == 1


def test_a_partner_that_is_down_has_its_queue_held_and_the_others_go_on() -> None:
    one = replace(ACME, breaker=BreakerPolicy(2, 30_000, 1), concurrency=2, retries_ms=(0,) + (5_000,) * 100)
    bench = Bench(one, OTHER)
    for number in range(10):
        bench.command(command(f"a{number}"))
        bench.command(command(f"o{number}", provider="other"))
    calls = bench.plan()
    assert [call.f.provider for call in calls].count("acme") == 2
    for call in calls:
        down = call.f.provider == "acme"
        bench.end(call, "retry" if down else "confirmed", 503 if down else 200)
    for call in bench.plan():
        assert call.f.provider == "other"
        bench.end(call, "confirmed")
    assert len(bench.outcomes) == 10
    made = 0
    for _ in range(6 * 60):  # six hours down
        for call in bench.plan(60_000):
            made += 1
            bench.end(call, "retry", 503)
    assert 300 < made <= 360, "one trial for each pause"
    assert bench.book.state.partner("acme").breaker.state == "open"

    while len(bench.outcomes) < 20:
        for call in bench.plan(60_000):
            bench.end(call, "confirmed")
    assert sorted(bench.found()) == sorted((f"{name}{number}", "confirmed") for name in "ao" for number in range(10))


def test_a_paused_partner_is_not_called_until_it_is_resumed() -> None:
    bench = Bench(ACME)
    bench.order("pause", "acme")
    bench.command(command("a"))
    assert bench.plan(HOUR_MS) == []
    bench.restart()
    assert bench.plan(HOUR_MS) == []

    bench.order("resume", "acme")
    assert len(bench.plan()) == 1


def test_calls_under_way_end_while_their_partner_is_paused() -> None:
    bench = Bench(ACME)
    bench.command(command("a"))
    (call,) = bench.plan()
    bench.order("pause", "acme")
    bench.end(call, "confirmed")
    assert bench.found() == [("a", "confirmed")]


def test_a_retry_has_all_that_waits_called_now() -> None:
    bench = Bench(replace(ACME, breaker=BreakerPolicy(1, HOUR_MS, 1)))
    for name in ("a", "b"):
        bench.command(command(name))
    for call in bench.plan():
        bench.end(call, "retry", 0)
    assert bench.plan() == []

    bench.order("retry", "acme")
    (trial,) = bench.plan()
    bench.end(trial, "confirmed")
    assert [call.f.fulfillment_id for call in bench.plan()] == [{"a", "b"}.difference({trial.f.fulfillment_id}).pop()]


def test_what_stays_unknown_is_listed_for_people_who_decide() -> None:
    bench = Bench(replace(ACME, ask=None, idempotent=False))
    bench.command(command("a"))
    (call,) = bench.plan()
    bench.end(call, "unknown", 0)
    assert list(bench.book.state.reviewed("acme")) == ["a"] and bench.outcomes == []
    assert bench.book.state.partner("acme").counts == {"review": 1}

    bench.order("decide", fulfillment_id="a", outcome="failed")
    assert bench.found() == [("a", "failed")] and list(bench.book.state.reviewed("acme")) == []
    assert bench.outcomes[0].reason == "because"


def test_an_outcome_that_takes_a_season_occurs_when_it_is_known() -> None:
    bench = Bench(ACME)
    bench.order("pause", "acme")
    bench.command(command("a"))
    bench.order("resume", "acme")
    (call,) = bench.plan(100 * 24 * HOUR_MS)
    bench.end(call, "confirmed")
    assert bench.occurred_at_ms == NOW_MS + 100 * 24 * HOUR_MS


def test_a_cancellation_before_the_call_ends_it() -> None:
    bench = Bench(ACME)
    bench.order("pause", "acme")
    bench.command(command("a"))
    bench.command(command("a", "cancel"))
    assert bench.found() == [("a", "cancelled")]


def test_what_is_overdue_is_looked_into_now() -> None:
    bench = Bench(ACME)
    bench.command(command("a"))
    (call,) = bench.plan()
    bench.end(call, "pending", 202)
    bench.command(command("a", "overdue"))
    (ask,) = bench.plan()
    assert ask.kind == "ask"


def test_no_more_than_the_slots_are_called_at_a_time_or_in_a_second() -> None:
    bench = Bench(replace(ACME, concurrency=3, rate=5))
    for number in range(20):
        bench.command(command(f"a{number}"))
    first = bench.plan()
    assert len(first) == 3 and bench.plan() == []
    for call in first:
        bench.end(call, "confirmed")
    second = bench.plan()
    assert len(second) == 2
    for call in second:
        bench.end(call, "confirmed")
    assert len(bench.plan(400)) == 2


def test_the_newest_programme_says_how_partners_are_called() -> None:
    bench = Bench(ACME)
    bench.command(command("a"))
    moved = replace(ACME, address="http://127.0.0.1:2")
    bench.known["later"] = policies(moved)
    later = command("b")
    later.program_hash = "later"
    bench.command(later)
    assert {call.partner for call in bench.plan()} == {moved}


def test_a_programme_that_is_not_there_yet_is_waited_for() -> None:
    bench = Bench(ACME)
    unknown = command("a")
    unknown.program_hash = "unheard of"
    with pytest.raises(UnknownProgram):
        bench.command(unknown)
    bench.restart()
    assert bench.plan() == []


def test_a_contradiction_is_counted_and_changes_nothing() -> None:
    bench = Bench(ACME)
    bench.command(command("a"))
    (call,) = bench.plan()
    bench.end(call, "failed", 422)
    bench.told("a", "confirmed")
    assert bench.found() == [("a", "failed")]
    assert bench.book.state.partner("acme").contradictions == 1


def test_what_does_not_belong_there_is_a_dead_letter() -> None:
    bench = Bench(ACME)
    bench.take(b"junk")
    bench.take(ENCODER.dead_letter(DeadLetter("x", "", "t", 0, 0, 0, b"", b"", "", "", "")))
    bench.told("never heard of", "confirmed")
    assert [letter.reason for letter in bench.letters] == ["not_avro", "unexpected_record"]


def test_what_is_done_is_forgotten_after_its_command_is_gone() -> None:
    bench = Bench(ACME)
    bench.command(command("a"))
    (call,) = bench.plan()
    bench.end(call, "confirmed")
    bench.plan(KEPT_MS)
    assert bench.book.state.fulfilment("a") is not None
    bench.plan(1)
    assert bench.book.state.fulfilment("a") is None
    assert [key for key in bench.disk if key[:1] in b"fzydlv"] == []
