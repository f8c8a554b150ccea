"""Messages that wait: each channel by itself, retried by the schedule, past quiet hours, there after a restart."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from core_bench import HOUR_MS, MESSAGES, NOON_MS, CoreBench, notification, policy

from pipeline.core.ports import UnknownProgram
from pipeline.notify.mailroom import WAITS_MS, Job
from pipeline.notify.policy import Policy, shown, values_of
from pipeline.notify.waiting import LEASE_MS


class Bench(CoreBench):
    """A mailroom."""

    def __init__(self, own: Policy | None = None) -> None:
        self.free = {"in_app": 10, "email": 10, "push": 10}
        super().__init__(policy() if own is None else own)

    def plan(self, after_ms: int = 0) -> dict[str, Job]:
        self.now_ms += after_ms
        jobs = self.core.mailroom.plan(self.now_ms, self.free.__getitem__)
        self.commit()
        assert len({job.channel for job in jobs}) == len(jobs)
        return {job.channel: job for job in jobs}

    def end(self, job: Job, *, again: bool = False) -> bool:
        going_on = self.core.mailroom.settle(job.key, self.now_ms, again=again)
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
        assert bench.end(jobs["email"], again=True)
        bench.restart()
        assert bench.plan(wait_ms - 1) == {}
        jobs = bench.plan(1)
    assert not bench.end(jobs["email"], again=True)
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


def test_email_waits_for_the_end_of_the_quiet_time_and_the_feed_does_not() -> None:
    bench = Bench(policy((22 * 60, 8 * 60)))
    bench.now_ms = NOON_MS + 11 * HOUR_MS  # 23:00 in Berlin
    bench.take(notification())
    assert set(bench.plan()) == {"in_app"}
    assert bench.plan(9 * HOUR_MS - 1).keys() <= {"in_app"}
    assert "email" in bench.plan(1)


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


def test_a_notification_of_an_unknown_programme_waits_for_it() -> None:
    bench = Bench()
    del bench.policies["hash"]
    with pytest.raises(UnknownProgram):
        bench.take(notification())


def test_bytes_that_are_no_notification_are_refused_and_counted() -> None:
    bench = Bench()
    bench.core.apply((1, NOON_MS, b"m-1", b"noise"))
    assert bench.outbox.rejections == {"not_avro": 1}


def test_a_message_is_shown_in_the_members_language_else_in_the_first() -> None:
    values = values_of(notification(), policy())
    assert shown(MESSAGES[0], "de", values).title == "Neu"
    assert (shown(MESSAGES[0], "fr", values).title, shown(MESSAGES[0], "", values).body) == ("+125", "You have\n4,885.")
