"""The core of an intake lane over its table: taken once, held, released, refused; nothing is lost on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_store import FakeStore
from feed_samples import AT_MS, FEED, SECRET, body, sale

from pipeline.core import reasons
from pipeline.core.events import Event
from pipeline.core.records import DeadLetter, FeedOrder, PartnerMessage
from pipeline.lane.table import Outbox, Table
from pipeline.partners.feed_state import SEEN_MS, FeedState
from pipeline.partners.intake import Intake, Places
from pipeline.partners.secrets import SecretMissing
from pipeline.partners.signing import signature
from pipeline.program.feeds import Feed, FeedLimits
from pipeline.program.partners import Secret
from pipeline.wire.codec import Decoder, Encoder
from pipeline.wire.schemas import CommittedSchemas

SCHEMAS = CommittedSchemas()
ENCODER = Encoder(SCHEMAS.schema_ids)
DECODER = Decoder(SCHEMAS)
HOUR_MS = 3_600_000
STRANGE = DeadLetter("", "", "", 0, 0, 0, b"", b"")
OF_ANOTHER = FeedOrder("hold", "other", "ada", "", 0)
PLACES = Places("partner-events", 0, 1, "derived", "letters")


class Bench:
    """An intake over a table in memory, with one feed, its secret and the time."""

    def __init__(self, **limits: object) -> None:
        self.feeds: dict[str, Feed] = {"airmiles": replace(FEED, limits=FeedLimits(**limits))}  # type: ignore[arg-type]
        self.secret: str | None = SECRET
        self.disk: dict[bytes, bytes] = {}
        self.now_ms = AT_MS
        self.events: list[Event] = []
        self.letters: list[DeadLetter] = []
        self.restart()

    def feed(self, feed_id: str) -> Feed | None:
        return self.feeds.get(feed_id)

    def secret_of(self, secret: Secret) -> str:
        if self.secret is None:
            raise SecretMissing(f"{secret.env} is not set")
        return self.secret

    def restart(self) -> None:
        """What is not committed is forgotten; what is, is read again."""
        self.store = FakeStore(self.disk)
        self.table, self.outbox = Table(self.store), Outbox()
        self.intake = Intake(self.table, self.outbox, self, DECODER, ENCODER, PLACES, self.secret_of)

    def commit(self) -> None:
        self.intake.finish()
        self.store.write(self.table.collect().changelog)
        self.table.clear()
        for topic, messages in self.outbox.messages():
            for message in messages:
                if topic == "letters":
                    letter = DECODER.output(message["value"])
                    assert isinstance(letter, DeadLetter)
                    self.letters.append(letter)
                else:
                    event = DECODER.decode(message["value"], 0)
                    assert isinstance(event, Event) and message["key"] == event.member_id.encode()
                    self.events.append(event)
        self.outbox.clear()

    def take(self, value: bytes, key: bytes = b"airmiles") -> None:
        self.intake.apply((7, self.now_ms, key, value))
        self.commit()

    def message(self, content: bytes, secret: str = SECRET, partner: str = "airmiles") -> None:
        at_s = self.now_ms // 1_000
        signed = signature(secret, "msg-1", at_s, content)
        self.take(ENCODER.partner_message(PartnerMessage(partner, "msg-1", at_s, signed, content)), partner.encode())

    def sales(self, *numbers: int, **changes: object) -> None:
        self.message(body(*(sale(number, **changes) for number in numbers)))

    def order(self, wanted: str, reason: str = "because") -> None:
        self.take(ENCODER.feed_order(FeedOrder(wanted, "airmiles", "ada", reason, self.now_ms)))

    def release(self) -> None:
        self.intake.release()
        self.commit()

    @property
    def state(self) -> FeedState:
        return self.intake.state.feed("airmiles")

    @property
    def taken(self) -> list[str]:
        return [event.event_id for event in self.events]

    @property
    def reasons(self) -> list[str]:
        return [letter.reason for letter in self.letters]


def test_what_a_partner_tells_is_taken_once_however_often_it_comes() -> None:
    bench = Bench()
    bench.sales(1, 2)
    bench.sales(1, 2)
    bench.restart()
    bench.sales(2, 3, 3)

    assert bench.taken == ["1", "2", "3"]
    assert (bench.state.counts, bench.letters) == ({"taken": 3, "repeated": 4}, [])


def test_an_id_with_another_content_is_left_for_the_log_to_judge() -> None:
    bench = Bench()
    bench.sales(1)
    bench.sales(1, paid=99)
    assert bench.taken == ["1", "1"]


def test_what_was_seen_is_forgotten_in_the_end() -> None:
    bench = Bench(member_events=5)
    bench.sales(1)
    bench.now_ms += SEEN_MS + 48 * HOUR_MS
    bench.sales(2, at=bench.now_ms // 1_000)
    assert sum(key[:1] in (b"s", b"t") for key in bench.disk) == 2, "what event 2 was seen by"
    assert sum(key[:1] == b"m" for key in bench.disk) == 1


@pytest.mark.parametrize(
    ("send", "reason"),
    [
        (lambda bench: bench.message(body(sale(1)), "whsec_b3RoZXI="), reasons.BAD_SIGNATURE),
        (lambda bench: bench.message(body({"kind": "gift"})), reasons.NOT_MAPPED),
        (lambda bench: bench.message(body(), partner="nobody"), reasons.UNKNOWN_FEED),
        (lambda bench: bench.take(b"\0\0\0\0\0"), reasons.UNKNOWN_SCHEMA),
        (
            lambda bench: bench.take(ENCODER.dead_letter(DeadLetter("", "", "", 0, 0, 0, b"", b""))),
            reasons.UNKNOWN_TYPE,
        ),
        (
            lambda bench: bench.take(ENCODER.feed_order(FeedOrder("hold", "other", "ada", "", 0))),
            reasons.WRONG_PARTITION,
        ),
    ],
    ids=["forged", "not mapped", "no such feed", "not ours", "another record", "another key"],
)
def test_what_cannot_be_taken_is_a_dead_letter_with_its_reason(send, reason: str) -> None:  # type: ignore[no-untyped-def]
    bench = Bench()
    send(bench)
    bench.sales(1)

    assert (bench.reasons, bench.taken) == ([reason], ["1"])
    (letter,) = bench.letters
    assert (letter.topic, letter.offset) == ("partner-events", 7)


@pytest.mark.parametrize(
    ("limits", "changes", "says"),
    [
        ({"countries": ("CA",)}, {}, "country is 'US', and countries are CA"),
        ({"amount_minor": 1_249}, {}, "amount_minor is 1250 USD, and at most 1249 is allowed"),
        ({"late_ms": HOUR_MS}, {"at": AT_MS // 1_000 - 3_601}, "it occurred 3601 s ago, and late is 3600 s"),
    ],
)
def test_an_event_beyond_its_limits_is_left_out_alone(
    limits: dict[str, object], changes: dict[str, object], says: str
) -> None:
    bench = Bench(**limits)
    bench.message(body(sale(1, **changes), sale(2, land="CA", paid=1)))

    assert bench.taken == ["2"]
    (letter,) = bench.letters
    assert letter.reason == reasons.FEED_LIMIT and letter.detail == f"event 1 of member m-1: {says}"


def test_a_members_events_are_limited_within_each_stretch() -> None:
    bench = Bench(member_events=2, every_ms=HOUR_MS)
    bench.sales(1)
    bench.sales(2, 3)
    bench.sales(4, card="m-2")
    bench.now_ms += HOUR_MS
    bench.sales(5)

    assert bench.taken == ["1", "2", "4", "5"]
    assert "the member has had 2 events" in bench.letters[0].detail


@pytest.mark.parametrize(("limits", "why"), [({"events": 2}, "3 events"), ({"total_minor": 3_000}, "3750 USD")])
def test_a_feed_that_tells_too_much_is_held_and_nothing_is_lost(limits: dict[str, object], why: str) -> None:
    bench = Bench(**limits)
    bench.sales(1, 2)
    bench.sales(3)
    bench.sales(4)
    bench.restart()
    assert (bench.state.mode, bench.state.parked, bench.taken) == ("held", 2, ["1", "2"])
    assert why in bench.state.why

    bench.order("release")
    bench.sales(5)  # behind what waits
    bench.release()

    assert (bench.taken, bench.state.mode, bench.state.parked) == (["1", "2", "3", "4", "5"], "", 0)
    assert not any(key[:1] == b"q" for key in bench.disk)
    bench.sales(6)
    assert bench.state.mode == "held", "the limits hold again"


def test_the_next_stretch_begins_anew() -> None:
    bench = Bench(events=1, total_minor=2_000, every_ms=HOUR_MS)
    bench.sales(1)
    bench.now_ms += HOUR_MS
    bench.sales(2)
    assert (bench.taken, bench.state.mode) == (["1", "2"], "")


def test_a_feed_is_held_and_its_messages_refused_by_command() -> None:
    bench = Bench()
    bench.order("release")  # of what is not held: nothing
    bench.order("hold", "they were broken into")
    bench.sales(1)
    bench.sales(2)
    assert (bench.state.mode, bench.state.why, bench.state.author) == ("held", "they were broken into", "ada")
    bench.release()
    assert bench.state.parked == 2, "only an order releases"

    bench.order("refuse", "none of it is true")
    bench.release()
    bench.sales(3)

    assert (bench.taken, bench.reasons) == (["3"], [reasons.FEED_REFUSED] * 2)
    assert [letter.detail for letter in bench.letters] == ["none of it is true"] * 2


def test_without_its_secret_a_feed_is_held_until_it_is_there() -> None:
    bench = Bench()
    bench.secret = None
    bench.sales(1)
    assert (bench.state.mode, bench.state.why) == ("held", "AIRMILES_SECRET is not set")
    bench.order("release")
    bench.release()
    assert (bench.state.mode, bench.state.parked) == ("held", 1), "it is still missing"

    bench.secret = SECRET
    bench.order("release")
    bench.release()
    assert (bench.taken, bench.state.mode) == (["1"], "")


def test_a_feed_that_nobody_declares_any_more_is_held_when_it_is_released() -> None:
    bench = Bench()
    bench.order("hold")
    bench.sales(1)
    del bench.feeds["airmiles"]
    bench.order("release")
    bench.release()
    assert (bench.state.mode, bench.state.why) == ("held", "no published programme has this feed any more")
