"""Messages that wait: each channel by itself, retried by the schedule, past quiet hours, there after a restart."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from core_bench import DECODER, HOUR_MS, MESSAGES, NOON_MS, CoreBench, notification, policy

from pipeline.core.ports import UnknownProgram
from pipeline.core.records import DeadLetter
from pipeline.notify.feed import Contact
from pipeline.notify.mailroom import POSTPONED, RETRIED, SENT, SKIPPED, WAITS_MS, Job, Result
from pipeline.notify.policy import Policy, shown, values_of
from pipeline.notify.post import not_now
from pipeline.notify.waiting import LEASE_MS


class Bench(CoreBench):
    """A mailroom."""

    def __init__(self, own: Policy | None = None) -> None:
        self.free = {"in_app": 10, "email": 10, "push": 10}
        super().__init__(policy() if own is None else own)

    def plan(self, after_ms: int = 0) -> dict[str, Job]:
        self.now_ms += after_ms
        jobs, self.limited = self.core.mailroom.plan(self.now_ms, self.free.__getitem__)
        self.commit()
        assert len({job.channel for job in jobs}) == len(jobs)
        return {job.channel: job for job in jobs}

    def end(self, job: Job, outcome: str = SENT, until_ms: int = 0) -> bool:
        going_on = self.core.mailroom.settle(job, Result(outcome, "", until_ms), self.now_ms)
        self.commit()
        return going_on


def test_a_notification_becomes_one_message_for_each_channel_and_is_done_once_sent() -> None:
    bench = Bench()
    bench.take(notification())
    jobs = bench.plan()
    assert {channel: job.message.message_id for channel, job in jobs.items()} == {
        "in_app": "by-in_app",
        "email": "by-email",
    }
    for job in jobs.values():
        assert bench.end(job)
    assert bench.waiting() == []
    assert bench.plan(LEASE_MS) == {}


def test_a_kind_without_a_message_leaves_nothing() -> None:
    bench = Bench()
    bench.take(notification("tier_changed"))
    assert bench.waiting() == []


def test_a_channel_that_is_full_holds_no_other_up() -> None:
    bench = Bench()
    bench.free["email"] = 0
    bench.take(notification())
    assert set(bench.plan()) == {"in_app"}
    bench.free["email"] = 1
    assert set(bench.plan()) == {"email"}


def test_what_failed_is_tried_by_the_schedule_over_restarts_and_then_given_up() -> None:
    bench = Bench()
    bench.take(notification())
    jobs = bench.plan()
    bench.end(jobs["in_app"])
    for wait_ms in WAITS_MS:
        assert bench.end(jobs["email"], RETRIED)
        bench.restart()
        assert bench.plan(wait_ms - 1) == {}
        jobs = bench.plan(1)
    assert not bench.end(jobs["email"], RETRIED)
    assert bench.waiting() == []


def test_a_message_that_its_worker_took_along_is_tried_again_after_the_lease() -> None:
    bench = Bench()
    bench.take(notification())
    first = bench.plan()
    bench.restart()
    assert bench.plan(LEASE_MS - 1) == {}
    again = bench.plan(1)
    assert set(again) == set(first)
    assert bench.end(first["email"])  # its result comes late, and ends what it does not know of no more
    assert bench.end(again["email"])


def test_a_message_that_is_postponed_waits_until_then_and_has_had_no_attempt() -> None:
    bench = Bench()
    bench.take(notification())
    (in_app, email) = bench.plan().values()
    bench.end(in_app)
    for _ in range(2 * len(WAITS_MS)):
        assert bench.end(email, POSTPONED, bench.now_ms + 9 * HOUR_MS)
        bench.restart()
        assert bench.plan(9 * HOUR_MS - 1) == {}
        (email,) = bench.plan(1).values()
    assert bench.end(email, RETRIED)


@pytest.mark.parametrize(
    ("quiet", "now", "until"),
    [
        ((22 * 60, 8 * 60), "2026-03-02T23:30", "2026-03-03T08:00"),
        ((22 * 60, 8 * 60), "2026-03-02T07:59", "2026-03-02T08:00"),
        ((22 * 60, 8 * 60), "2026-03-02T08:00", ""),
        ((12 * 60, 14 * 60), "2026-03-02T13:00", "2026-03-02T14:00"),
        ((12 * 60, 14 * 60), "2026-03-02T14:00", ""),
        ((22 * 60, 8 * 60), "2026-03-28T23:00", "2026-03-29T08:00"),  # the night that lasts an hour less
    ],
)
def test_the_quiet_time_ends_by_the_clock_of_the_programmes_zone(quiet: tuple[int, int], now: str, until: str) -> None:
    def of(text: str) -> int:
        moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"))
        return int(moment.timestamp()) * 1_000

    assert policy(quiet).quiet_until_ms(of(now)) == (of(until) if until else 0)


def test_the_quiet_time_is_that_of_the_members_zone_where_it_is_known() -> None:
    by_night = policy((22 * 60, 8 * 60))
    assert by_night.quiet_until_ms(NOON_MS) == 0
    assert by_night.quiet_until_ms(NOON_MS, "America/Los_Angeles") == NOON_MS + 5 * HOUR_MS  # 3:00 there
    assert by_night.quiet_until_ms(NOON_MS, "no zone") == 0


def test_a_notification_of_an_unknown_programme_waits_for_it() -> None:
    bench = Bench()
    del bench.policies["hash"]
    with pytest.raises(UnknownProgram):
        bench.take(notification())


def test_bytes_that_are_no_notification_are_refused_counted_and_kept() -> None:
    bench = Bench()
    bench.core.apply((1, NOON_MS, b"m-1", b"noise"))
    assert bench.outbox.rejections == {"not_avro": 1}
    [(topic, [message])] = bench.outbox.messages()
    letter = DECODER.output(message["value"])
    assert isinstance(letter, DeadLetter)
    assert (topic, letter.reason, letter.topic, letter.offset) == ("letters", "not_avro", "notifications", 1)
    assert letter.value == b"noise"


def test_a_message_is_shown_in_the_members_language_else_in_the_first() -> None:
    values = values_of(notification(), policy())
    assert shown(MESSAGES[0], "de", values).title == "Neu"
    assert (shown(MESSAGES[0], "fr", values).title, shown(MESSAGES[0], "", values).body) == ("+125", "You have\n4,885.")


def test_a_member_gets_no_more_messages_by_a_channel_in_a_day_than_the_programme_wants() -> None:
    bench = Bench(policy(most_per_day=(("email", 2),)))
    bench.free["in_app"] = 0
    for number in range(4):
        bench.take(notification("points_earned", f"n-{number}"))
        job = bench.plan().get("email")
        assert (job is None) == (number >= 3)
        if job is not None:
            bench.end(job, SKIPPED if number == 0 else SENT)  # what has not reached the member does not count
    assert bench.limited == {"email": 1}
    other = notification("points_earned", "n-other")
    other.member_id = "m-2"
    bench.take(other)
    bench.end(bench.plan()["email"])
    bench.take(notification("points_earned", "n-next"))
    assert "email" in bench.plan(13 * HOUR_MS)  # the next day in Berlin


def test_counts_of_days_gone_by_are_forgotten() -> None:
    bench = Bench(policy(most_per_day=(("email", 2),)))
    bench.free["in_app"] = 0
    for day in range(5):
        bench.take(notification("points_earned", f"n-{day}"))
        bench.end(bench.plan(24 * HOUR_MS)["email"])
    assert len([key for key in bench.disk if key.startswith(b"r")]) == 3


def test_a_digest_tells_of_all_since_the_last_one_at_its_hour() -> None:
    bench = Bench(policy(digest=18 * 60))  # in Berlin, 6 h from now
    for number, points in enumerate((100, 25)):
        given = notification("points_earned", f"n-{number}")
        given.points, given.balance = points, 1_000 + number
        bench.take(given)
        bench.restart()
    bench.free["in_app"] = 0
    assert bench.plan(6 * HOUR_MS - 1) == {}
    job = bench.plan(1)["email"]
    found = job.notification
    assert (job.count, found.notification_id, found.points, found.balance) == (2, "n-0", 125, 1_001)
    assert values_of(found, job.policy, job.count)["count"] == 2

    bench.take(notification("points_earned", "n-2"))  # while that one is under way
    assert bench.end(job, RETRIED)
    again = bench.plan(WAITS_MS[0])["email"]
    assert (again.count, again.notification) == (2, found)
    assert bench.end(again)
    (later,) = bench.plan(24 * HOUR_MS).values()
    assert (later.count, later.notification.notification_id, later.notification.points) == (1, "n-2", 125)


def test_a_digest_is_of_one_member_and_unit() -> None:
    bench = Bench(policy(digest=18 * 60))
    bench.free["in_app"] = 0
    for number, (member, unit) in enumerate((("m-1", "points"), ("m-1", "miles"), ("m-2", "points"))):
        given = notification("points_earned", f"n-{number}")
        given.member_id, given.unit = member, unit
        bench.take(given)
    assert len(bench.waiting()) == 3 + 3  # the feed has none


def test_the_hour_and_the_members_wishes_hold_a_message_back() -> None:
    bench = Bench(policy((22 * 60, 8 * 60)))
    bench.take(notification())
    in_app, email = bench.plan().values()
    here, there = Contact("ada@example.org"), Contact("ada@example.org", zone="America/Los_Angeles")
    assert not_now(email, here, NOON_MS) is None
    assert not_now(email, there, NOON_MS) == Result(POSTPONED, "", NOON_MS + 5 * HOUR_MS)
    assert not_now(in_app, there, NOON_MS) is None
    assert not_now(email, Contact(), NOON_MS) == Result(SKIPPED)
    assert not_now(in_app, Contact(off=frozenset({"in_app"})), NOON_MS) == Result(SKIPPED)
