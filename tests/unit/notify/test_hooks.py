"""Deliveries to webhooks: by kind, by their own schedule, under one id, dropped once an endpoint is gone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_bench import DECODER, ENCODER, NOON_MS, CoreBench, notification, policy

from pipeline.core.records import Notification, WebhookOrder
from pipeline.notify.hooks import DELIVERED, GIVEN_UP, GONE, RETRIED, Delivery
from pipeline.notify.waiting import LEASE_MS
from pipeline.program.partners import Secret
from pipeline.program.webhooks import Webhook

RETRIES_MS = (0, 5_000, 60_000)
CRM = Webhook("crm", "https://crm.example/in", ("points_earned",), Secret("CRM", ""), 10_000, RETRIES_MS)
BI = Webhook("bi", "https://bi.example/in", ("tier_changed", "points_earned"), Secret("BI", ""), 10_000, (1_000,))


class Bench(CoreBench):
    """Two webhooks."""

    def __init__(self) -> None:
        self.free = {"crm": 10, "bi": 10}
        super().__init__(replace(policy(), terms=None, webhooks={"crm": CRM, "bi": BI}))

    def order(self, order: str, webhook_id: str = "crm", replayed: bytes = b"") -> None:
        self.offset += 1
        value = ENCODER.webhook_order(WebhookOrder(order, webhook_id, replayed, "ada", "as agreed", self.now_ms))
        self.core.apply((self.offset, self.now_ms, None, value))
        self.commit()

    def plan(self, after_ms: int = 0) -> list[Delivery]:
        self.now_ms += after_ms
        found, self.dropped = self.core.hooks.plan(self.now_ms, self.free.__getitem__)
        self.commit()
        return found

    def end(self, delivery: Delivery, outcome: str) -> str:
        became = self.core.hooks.settle(delivery, outcome, "HTTP 410" if outcome == GONE else "", self.now_ms)
        self.commit()
        return became


def told(deliveries: list[Delivery]) -> list[tuple[str, str]]:
    return [(one.webhook.webhook_id, one.notification.notification_id) for one in deliveries]


def test_each_webhook_is_told_of_its_kinds_when_its_schedule_begins() -> None:
    bench = Bench()
    bench.take(notification("tier_changed", "n-1"))
    bench.take(notification("points_earned", "n-2"))
    bench.take(notification("reward_failed", "n-3"))
    assert told(bench.plan()) == [("crm", "n-2")]
    assert told(bench.plan(1_000)) == [("bi", "n-1"), ("bi", "n-2")]


def test_a_delivery_is_made_by_the_webhooks_own_schedule_over_restarts_and_then_given_up() -> None:
    bench = Bench()
    bench.take(notification())
    (delivery,) = bench.plan()
    for wait_ms in RETRIES_MS[1:]:
        assert bench.end(delivery, RETRIED) == RETRIED
        bench.restart()
        bench.free["bi"] = 0
        assert bench.plan(wait_ms - 1) == []
        (delivery,) = bench.plan(1)
        assert delivery.notification.notification_id == "n-1"
    assert bench.end(delivery, RETRIED) == GIVEN_UP
    assert bench.plan(10**9) == []


def test_a_delivery_that_its_worker_took_along_is_made_again_under_the_same_id() -> None:
    bench = Bench()
    bench.take(notification())
    (first,) = bench.plan()
    bench.free["bi"] = 0
    bench.restart()
    assert bench.plan(LEASE_MS - 1) == []
    (again,) = bench.plan(1)
    assert told([again]) == told([first])
    assert bench.end(again, DELIVERED) == DELIVERED
    assert bench.end(first, RETRIED) == RETRIED  # its result comes late, and brings nothing back
    assert bench.plan(10**9) == []


def test_a_webhook_that_is_full_or_slow_holds_no_other_up() -> None:
    bench = Bench()
    bench.free["crm"] = 0
    bench.take(notification())
    assert told(bench.plan(1_000)) == [("bi", "n-1")]


def test_a_webhook_that_is_gone_is_disabled_here_and_in_the_lanes_of_other_partitions() -> None:
    bench = Bench()
    bench.take(notification("points_earned", "n-1"))
    bench.take(notification("points_earned", "n-2"))
    first, second = bench.plan()
    bench.take(notification("points_earned", "n-3"))
    assert bench.end(first, GONE) == GONE
    assert bench.end(second, GONE) == GONE
    ((topic, messages),) = bench.outbox.messages()
    (message,) = messages  # once, however many deliveries were told so
    order = DECODER.output(message["value"] or b"")
    assert (topic, message["partition"]) == ("notifications", 1)
    assert isinstance(order, WebhookOrder)
    assert (order.order, order.webhook_id, order.author, order.reason) == ("disable", "crm", "accrue", "HTTP 410")
    bench.free["bi"] = 0
    assert bench.plan(1) == []
    assert bench.dropped == {"crm": 1}
    bench.take(notification("points_earned", "n-4"))
    assert bench.plan(10**9) == []


def test_an_enabled_webhook_is_sent_what_is_new_and_what_is_replayed() -> None:
    bench = Bench()
    bench.free["bi"] = 0
    bench.order("disable")
    missed = notification("points_earned", "n-1")
    bench.take(missed)
    bench.order("replay", replayed=ENCODER.notification(missed))
    assert bench.plan() == []
    bench.order("enable")
    bench.take(notification("points_earned", "n-2"))
    bench.order("replay", replayed=ENCODER.notification(missed))
    assert told(bench.plan()) == [("crm", "n-1"), ("crm", "n-2")]


def test_what_waits_goes_where_the_newest_programme_says_and_nowhere_once_it_names_the_webhook_no_more() -> None:
    bench = Bench()
    bench.free["bi"] = 0
    bench.take(notification("points_earned", "n-1"))
    moved = replace(CRM, url="https://crm.example/new")
    bench.policies["new"] = replace(policy(), terms=None, webhooks={"crm": moved})
    bench.take(under("new", "n-2"))
    bench.take(under("hash", "n-3"))  # a late event: the new programme counts all the same
    deliveries = bench.plan()
    assert bench.dropped == {"bi": 1}
    assert {one.webhook.url for one in deliveries} == {moved.url}
    assert [one.notification.notification_id for one in deliveries] == ["n-1", "n-2", "n-3"]
    bench.policies["last"] = policy()
    bench.take(under("last", "n-4"))
    assert bench.plan(LEASE_MS) == []
    assert bench.dropped == {"crm": 3}


def under(program_hash: str, notification_id: str) -> Notification:
    found = notification("points_earned", notification_id)
    found.program_hash = program_hash
    return found


@pytest.mark.parametrize("value", [b"noise", ENCODER.webhook_order(WebhookOrder("enable", "crm", b"", "a", "", 0))])
def test_the_replay_of_what_is_no_notification_is_refused_and_counted(value: bytes) -> None:
    bench = Bench()
    bench.order("replay", replayed=value)
    assert sum(bench.outbox.rejections.values()) == 1
    assert bench.waiting() == []
    assert bench.now_ms == NOON_MS
