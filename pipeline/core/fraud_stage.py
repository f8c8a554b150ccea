"""The fraud stage: judges one event by the programme's signals, before it takes effect, and counts it afterwards."""

from typing import final

from pipeline.core import (
    fraud_counts,
    fraud_days,
    fraud_features,
    fraud_habits,
    fraud_refunds,
    fraud_senders,
    fraud_traits,
    reasons,
)
from pipeline.core.cohorts import Cohorts
from pipeline.core.events import Event
from pipeline.core.fraud_alerts import LIVE, alert_of
from pipeline.core.fraud_counts import Counts
from pipeline.core.fraud_holding import freeze, open_review, review_of
from pipeline.core.fraud_program import (
    ALLOW,
    BY_MEMBER,
    BY_PARTNER,
    CLIP,
    COHORT,
    DENY,
    EARNED,
    FREEZE,
    HABIT,
    HISTORY,
    REDEEMED,
    REVIEW,
    Counted,
    Counter,
    FraudProgram,
    Signal,
)
from pipeline.core.fraud_review import Review
from pipeline.core.fraud_traits import Found
from pipeline.core.ledger import Posting
from pipeline.core.order import Order
from pipeline.core.payloads import RedemptionRequested, TransactionCompleted, TransferRequested
from pipeline.core.program import Program
from pipeline.core.records import Evidence, FraudAlert


@final
class Screening:
    """What the signals say of one event.

    `denied_by` is the live signal that denies what the event would give or take, or "". `left` says how many points of
    a unit are left where signals clip, `clipped_by` which one does. `reviewed_by` holds it for review, `frozen_by`
    freezes redemptions, `opened` is the review that was opened. Signals in shadow mode only make alerts.
    """

    __slots__ = (
        "_cohorts",
        "_event",
        "_fraud",
        "_posting",
        "_program",
        "_type_name",
        "alerts",
        "clipped_by",
        "counts",
        "denied_by",
        "frozen_by",
        "left",
        "opened",
        "redeemed",
        "reviewed_by",
    )

    def __init__(
        self,
        posting: Posting,
        event: Event,
        type_name: str,
        program: Program,
        fraud: FraudProgram,
        cohorts: Cohorts | None = None,
    ) -> None:
        """`cohorts` tell what others come to; answers of pools, which earn and redeem nothing, need none."""
        self._posting = posting
        self._cohorts = cohorts
        self._event = event
        self._type_name = type_name
        self._program = program
        self._fraud = fraud
        if posting.member.counts is None:
            posting.member.counts = Counts()
        self.counts: Counts = posting.member.counts
        self.alerts: list[FraudAlert] = []
        self.denied_by = ""
        self.left: dict[str, int] = {}
        self.clipped_by: dict[str, str] = {}
        self.redeemed: tuple[str, int] = ("", 0)
        self.reviewed_by = ""
        self.frozen_by = ""
        self.opened = ""

    def judge_event(self) -> None:
        """Signals that count events of this type, and attempts to redeem."""
        price = self._price()
        for signal in self._fraud.events.get(self._type_name, ()):
            self._judge(signal, 1, price)
        for signal in self._fraud.traits:
            if price < signal.least:
                continue
            found = fraud_traits.judge(signal, self._fraud, self._event, self.counts.notes)
            if found is not None:
                self.set_off(signal, found.value, found.limit, found.told, "", price, 0, found.evidence)
        for signal in self._fraud.senders:
            count = fraud_senders.senders(signal, self._event, self.counts.notes)
            if count > signal.at_most:
                self.set_off(signal, count, signal.at_most, "", "", price, 0, [])
        if self._fraud.learned and price:
            score, told, drove = fraud_features.scored(self._fraud, self._posting, self._event, self._program, price)
            for signal in self._fraud.learned:
                if score > signal.at_most:
                    self.set_off(signal, score, signal.at_most, "", "", price, 0, fraud_features.evidence(told, drove))
        payload = self._event.payload
        if self._fraud.refunds and isinstance(payload, (RedemptionRequested, TransactionCompleted)):
            self._judge_refunds(self._posting.occurred_at_ms)
        if self._fraud.attempts and isinstance(payload, RedemptionRequested):
            for signal in self._fraud.attempts:
                self._judge(signal, 1, price)

    def judge_redemption(self, unit: str, points: int) -> str:
        """Signals that count what is redeemed, of a redemption that could be had. Returns the reason of a refusal, or
        "". What else denies a purchase denies its points, and not the purchase."""
        before = self.denied_by
        self.denied_by = ""
        for signal in self._fraud.redeeming:
            if signal.measure != REDEEMED:
                self._judge(signal, 1, points)
            elif signal.unit == unit:
                self._judge(signal, points, points)
        denied_by = self.denied_by or self.frozen_by
        self.denied_by = before or denied_by
        if denied_by or (before and isinstance(self._event.payload, RedemptionRequested)):
            return reasons.FRAUD_DENIED
        self.redeemed = (unit, points)
        return ""

    def refusal_of_transfer(self) -> str:
        """A transfer is refused by signals that deny or freeze, and by those that hold for review, for nothing can be
        held of it. Returns the reason, or ""."""
        return reasons.FRAUD_DENIED if self.denied_by or self.reviewed_by or self.frozen_by else ""

    def judge_earnings(self, totals: dict[str, int]) -> None:
        """Signals that count what is earned; `totals` are the points by unit that the rules give."""
        for alert in self.alerts:
            if alert.action in (DENY, REVIEW) and not alert.points:
                alert.points = sum(totals.values())
        for signal in self._fraud.earning:
            points = totals.get(signal.unit, 0)
            if points:
                self._judge(signal, points if signal.measure == EARNED else 1, points)

    def count_earnings(self, totals: dict[str, int]) -> None:
        """Count what was given in the end."""
        for measure, unit, counter in self._fraud.earning_counters:
            points = totals.get(unit, 0)
            if points:
                self._count(counter, points if measure == EARNED else 1)

    def spend(self, currency: str, minor: int) -> None:
        """Count money spent, where a cap on earning depends on it."""
        at_ms = self._posting.occurred_at_ms
        for counter in self._fraud.spent_counters:
            amount = self._base_minor(currency, minor, at_ms)
            fraud_counts.count(self.counts, counter, counter.key, self._program.calendar, at_ms, amount)

    def unspend(self, order: Order, minor: int, returned: bool) -> None:
        """Money of an order is no longer spent in the window of its purchase: it was `returned`, or the order is
        undone by a newer revision."""
        at_ms = order.occurred_at_ms
        calendar = self._program.calendar
        amount = self._base_minor(order.currency, minor, at_ms)
        for counter in self._fraud.spent_counters:
            fraud_counts.give_back(self.counts, counter, calendar, at_ms, amount)
        if returned and amount and self._fraud.refunds:
            fraud_refunds.count(self.counts, self._fraud.refund_counters, calendar, at_ms, amount)
            self._judge_refunds(at_ms)

    def _judge_refunds(self, at_ms: int) -> None:
        """Note the signals that say too much was given back of what was bought in the window of `at_ms`."""
        for signal in self._fraud.refunds:
            share, times = fraud_refunds.percent(signal, self.counts, self._program.calendar, at_ms)
            if share > signal.at_most:
                facts = [Evidence("returns", str(times))]
                self.set_off(signal, share, signal.at_most, "", signal.counter.key, self._price(), 0, facts)

    def finish(self, reason: str) -> None:
        """Count the event, unless it was refused, and put out the alerts."""
        payload = self._event.payload
        if self._fraud.attempts and isinstance(payload, RedemptionRequested):
            for one in self._fraud.attempt_counters:
                self._count(one[2], 1)
        if not reason:
            for counter in self._fraud.event_counters.get(self._type_name, ()):
                self._count(counter, 1)
            if self.redeemed[1]:
                self._count_redeemed(self._fraud.redeeming_counters)
            for signal in self._fraud.senders:
                fraud_senders.note_sender(signal, self._event, self.counts.notes)
            if self._fraud.learns and not (self.denied_by or self.reviewed_by or self.frozen_by):
                fraud_traits.learn(self._fraud, self._event, self.counts.notes)
            price = self._price() if self._fraud.learned else 0
            if price:
                fraud_features.note_taken(self.counts.notes, self._program.calendar, self._posting, price)
        if self.frozen_by:
            frozen = freeze(self._posting, self._fraud.terms, self.frozen_by)
            for alert in self.alerts:
                if alert.signal_id == self.frozen_by and frozen:
                    alert.review_id = frozen
        for alert in self.alerts:
            if alert.mode == LIVE and alert.action == REVIEW:
                alert.review_id = self.opened
            self._posting.out.alert(alert)

    def new_review(self, points: int) -> Review:
        """A review of what the event earns or redeems, with the programme's terms."""
        return review_of(self._posting, self._fraud.terms, self.reviewed_by, points)

    def open(self, review: Review) -> None:
        """Keep the review of what the event earns or redeems."""
        self.opened = self._posting.derived_id("review", 0)
        open_review(self._posting, self.opened, review)

    def review_redemption(self, redemption_id: str, points: int) -> None:
        """The redemption waits for a verdict."""
        review = self.new_review(points)
        review.redemption_id = redemption_id
        self.open(review)

    def value_by(self, by: str) -> str:
        """The event's device, partner or place; "" where it has none."""
        if by == BY_PARTNER:
            return fraud_traits.partner_of(self._fraud, self._event)
        return fraud_traits.told(self._fraud, self._event, by)

    def _base_minor(self, currency: str, minor: int, at_ms: int) -> int:
        conversion = self._program.conversion
        if conversion is None or conversion.rate(currency, at_ms) is None:
            return minor
        return conversion.base_minor(currency, minor, at_ms)

    def _count_redeemed(self, counters: tuple[Counted, ...]) -> None:
        unit, points = self.redeemed
        for measure, own_unit, counter in counters:
            if measure != REDEEMED:
                self._count(counter, 1)
            elif own_unit == unit:
                self._count(counter, points)

    def _price(self) -> int:
        """Points that a redemption or a transfer asks for; 0 of other events."""
        payload = self._event.payload
        if isinstance(payload, TransferRequested):
            return payload.points
        if not isinstance(payload, RedemptionRequested):
            return 0
        reward = self._program.rewards.get(payload.reward_id)
        return 0 if reward is None else reward.price * payload.quantity

    def _count(self, counter: Counter, amount: int) -> None:
        value = ""
        if counter.by != BY_MEMBER:
            value = self.value_by(counter.by)
            if not value:
                return
        key = fraud_counts.key_of(counter, value)
        calendar = self._program.calendar
        if counter.every == HABIT:
            if not self.reviewed_by:
                day_ms = calendar.window_start("day", self._posting.occurred_at_ms)
                fraud_habits.note_amount(self.counts.notes, key, day_ms, amount)
            return
        fraud_counts.count(self.counts, counter, key, calendar, self._posting.occurred_at_ms, amount)

    def _judge(self, signal: Signal, amount: int, points: int) -> None:
        """Note the signal if `amount` more is over what it allows; `points` are at stake."""
        if signal.kind in (HISTORY, COHORT):
            self._judge_amount(signal, amount, points)
            return
        counter = signal.counter
        value = ""
        if counter.by != BY_MEMBER:
            value = self.value_by(counter.by)
            if not value:
                return
        key = fraud_counts.key_of(counter, value)
        at_ms, calendar = self._posting.occurred_at_ms, self._program.calendar
        at_most = signal.at_most
        if signal.spent is not None:
            spent = fraud_counts.used(self.counts, signal.spent, signal.spent.key, 0, calendar, at_ms)
            at_most = max(spent * signal.at_most // signal.per, signal.least)
        used = fraud_counts.used(self.counts, counter, key, signal.length_ms, calendar, at_ms)
        if used + amount <= at_most:
            return
        self.set_off(signal, used + amount, at_most, value, key, points, max(at_most - used, 0), [])

    def _judge_amount(self, signal: Signal, amount: int, points: int) -> None:
        """Note the signal if the event, or the day, comes to far more than the member's days or its cohort do."""
        calendar, at_ms = self._program.calendar, self._posting.occurred_at_ms
        found: Found | None = None
        if signal.kind == HISTORY:
            found = fraud_days.judge_history(signal, self.counts.notes, calendar, at_ms, amount)
        elif self._cohorts is not None:
            partner = self.value_by(BY_PARTNER) if signal.by == BY_PARTNER else ""
            baseline = self._cohorts.in_force(self._posting.recorded_at_ms)
            if baseline is not None and (partner or signal.by != BY_PARTNER):
                member = self._posting.member
                found = fraud_days.judge_cohort(signal, baseline, member, partner, calendar, at_ms, amount)
        if found is not None:
            self.set_off(signal, found.value, found.limit, found.told, signal.counter.key, points, 0, found.evidence)

    def set_off(
        self,
        signal: Signal,
        total: int,
        at_most: int,
        value: str,
        key: str,
        points: int,
        left: int,
        facts: list[Evidence],
    ) -> None:
        """Take the signal's action, unless in shadow, and note its alert; a clip leaves `left` of the points."""
        stopped = points if signal.action != ALLOW else 0
        if signal.action == CLIP:
            stopped = points - left
            if signal.live and left < self.left.get(signal.unit, points):
                self.left[signal.unit] = left
                self.clipped_by[signal.unit] = signal.signal_id
        elif signal.live and signal.action == DENY and not self.denied_by:
            self.denied_by = signal.signal_id
        elif signal.live and signal.action == REVIEW and not self.reviewed_by:
            self.reviewed_by = signal.signal_id
        elif signal.live and signal.action == FREEZE and not self.frozen_by:
            self.frozen_by = signal.signal_id
        alert = alert_of(
            self._posting, self._event, self._type_name, self._program, signal, total, at_most, value, key, stopped
        )
        alert.evidence += facts
        self.alerts.append(alert)
