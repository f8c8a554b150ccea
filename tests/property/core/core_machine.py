"""The first half of the state machine: what members do with orders, sent to the engine and to the naive model."""

from __future__ import annotations

from collections.abc import Callable

from core_model import ModelMember
from core_model_programs import FIRST_RULES, LATER_POINTS, OTHER_RULES, SECOND_RULES, SLIDING_MILES, program
from core_programs import DAY_MS, HOUR_MS, Bench, Dead, TierPolicy, of
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from pipeline.core.events import Event
from pipeline.core.payloads import (
    Line,
    MemberEnrolled,
    Payload,
    ProgramActivated,
    RefundLine,
    TransactionCancelled,
    TransactionCompleted,
    TransactionRefunded,
)

MEMBERS = ("a", "b", "c")
UNITS = ("points", "miles")
MINUTE_MS = 60_000

members = st.sampled_from(MEMBERS)
lateness = st.one_of(st.just(0), st.integers(-4 * MINUTE_MS, 4 * MINUTE_MS), st.integers(0, 80 * DAY_MS))
steps = st.one_of(
    st.integers(1, HOUR_MS), st.integers(HOUR_MS, 3 * DAY_MS), st.sampled_from([30 * DAY_MS, 200 * DAY_MS])
)

kinds_of_period = st.sampled_from(
    [("calendar_year", 0), ("calendar_year", 0), ("membership_year", 0), ("rolling_months", 2), ("rolling_months", 12)]
)

Lines = tuple[tuple[str, int, int], ...]
LINE_IDS = ("1", "2", "3")
baskets: st.SearchStrategy[Lines] = st.one_of(
    st.just(()),
    st.dictionaries(st.sampled_from(LINE_IDS), st.tuples(st.integers(1, 3), st.integers(-500, 4_000)), min_size=1).map(
        lambda found: tuple((line_id, *what) for line_id, what in found.items())
    ),
)


class OrdersMachine(RuleBasedStateMachine):
    """Sends records to both; enrolment and orders."""

    @initialize(
        clawback=st.sampled_from(["only_pending", "within_balance", "unlimited"]),
        enrolment=st.sampled_from(["automatic", "required"]),
        second_after=st.integers(1, 90),
        careful=st.booleans(),
        enrolled=st.sets(members, min_size=2),
        one_down=st.booleans(),
        grace=st.sampled_from([0, 40]),
        recompute=st.booleans(),
        spend=st.sampled_from(["", "", "EUR"]),
        periods=st.tuples(kinds_of_period, kinds_of_period),
        keep=st.sampled_from([1, 1, 2, 4]),
        next_period=st.booleans(),
    )
    def start(
        self,
        clawback: str,
        enrolment: str,
        second_after: int,
        careful: bool,
        enrolled: set[str],
        one_down: bool,
        grace: int,
        recompute: bool,
        spend: str,
        periods: tuple[tuple[str, int], tuple[str, int]],
        keep: int,
        next_period: bool,
    ) -> None:
        (kind, months), (other_kind, other_months) = periods
        # Both count alike where both count months: how far back months are kept is as the programme then says.
        other_months = months if months and other_months else other_months
        first_policy = TierPolicy(False, 0, recompute, spend, kind, months, keep)
        first = program("a", FIRST_RULES, clawback, enrolment, first_policy)
        second = program(
            "b",
            SECOND_RULES,
            "unlimited",
            enrolment,
            TierPolicy(one_down, grace * DAY_MS, recompute, spend, other_kind, other_months, keep, next_period),
            LATER_POINTS,
            SLIDING_MILES,
            OTHER_RULES,
        )
        self.bench = Bench(first, second, start="2026-10-20T08:00:00", careful=careful)
        switch = self.bench.now_ms + second_after * DAY_MS
        self.bench.engine.activate(ProgramActivated("b" * 64, switch, "ada", ""), self.bench.now_ms)
        self.models = {
            one: ModelMember(lambda at: second if at >= switch else first, enrolment == "automatic") for one in MEMBERS
        }
        self.sent: list[Event] = []
        self.under_way: list[Event] = []
        self.looked_at = 0
        self.number = 0
        for member_id in sorted(enrolled):
            self.enrol(member_id)

    def send(self, member_id: str, payload: Payload, late: int, source: str = "shop") -> tuple[str, int, int]:
        """Send a valid event; (event id, occurred, recorded) is what the model needs of it."""
        self.number += 1
        occurred, recorded = self.bench.now_ms - late, self.bench.now_ms
        event = Event(f"e{self.number}", member_id, occurred, source, "", {}, payload, recorded)
        outputs = self.bench.apply(event)
        assert not of(Dead, outputs)
        self.sent.append(event)
        return event.event_id, occurred, recorded

    def name_fulfilments(self, member_id: str) -> None:
        """The model's holds get the ids that the core derived for them."""
        for redemption_id, hold in self.models[member_id].holds.items():
            held = self.bench.member(member_id).holds.get(redemption_id)
            if held is not None and not hold.fulfillment_id:
                hold.fulfillment_id = held.fulfillment_id

    def check(self, member_id: str) -> None:
        assert self.bench.reason == self.models[member_id].reason

    def some(self, data: st.DataObject, holds: Callable[[ModelMember], bool]) -> str:
        """A member for whose model it holds."""
        return data.draw(st.sampled_from([one for one in MEMBERS if holds(self.models[one])]), "member")

    @rule(member_id=members, amount=st.integers(500, 9_000), order=st.integers(0, 10_000))
    def buy(self, member_id: str, amount: int, order: int) -> None:
        self.buy_late(member_id, amount, 0, order)

    @rule(
        member_id=members,
        amount=st.integers(0, 9_000),
        late=lateness,
        order=st.integers(0, 30),
        lines=baskets,
        revision=st.integers(0, 2),
    )
    def buy_late(
        self,
        member_id: str,
        amount: int,
        late: int,
        order: int,
        lines: Lines = (),
        revision: int = 0,
        points: int = 0,
        points_unit: str = "",
    ) -> None:
        points_minor = min(points * 10, amount)
        payload = TransactionCompleted(
            f"o{order}",
            amount,
            "EUR",
            lines=[Line(line_id, "sku", "", pieces, worth) for line_id, pieces, worth in lines],
            points_paid=points,
            points_unit=points_unit,
            points_paid_minor=points_minor,
            revision=revision,
        )
        event_id, at, recorded = self.send(member_id, payload, late)
        self.models[member_id].buy(
            event_id,
            f"o{order}",
            amount,
            at,
            recorded,
            lines=lines,
            points=points,
            points_minor=points_minor,
            points_unit=points_unit,
            revision=revision,
        )
        self.check(member_id)

    @precondition(lambda self: any(model.available(unit) for model in self.models.values() for unit in UNITS))
    @rule(data=st.data(), amount=st.integers(0, 4_000), order=st.integers(0, 30), revision=st.integers(0, 2))
    def buy_partly_with_points(self, data: st.DataObject, amount: int, order: int, revision: int) -> None:
        member_id = self.some(data, lambda model: any(model.available(unit) for unit in UNITS))
        model = self.models[member_id]
        unit = data.draw(st.sampled_from([unit for unit in UNITS if model.available(unit)]), "unit")
        points = data.draw(st.integers(1, model.available(unit) + 1), "points")
        self.buy_late(member_id, amount, 0, order, (), revision, points, "" if unit == UNITS[0] else unit)

    @rule(member_id=members, order=st.integers(0, 30), revision=st.integers(0, 2), late=lateness)
    def cancel_order(self, member_id: str, order: int, revision: int, late: int) -> None:
        event_id, at, recorded = self.send(member_id, TransactionCancelled(f"o{order}", revision), late)
        self.models[member_id].cancel_order(event_id, f"o{order}", revision, at, recorded)
        self.check(member_id)

    @rule(data=st.data(), member_id=members, order=st.integers(0, 30), late=lateness)
    def refund_by_item(self, data: st.DataObject, member_id: str, order: int, late: int) -> None:
        """Sometimes before the purchase, sometimes of lines and pieces that it does not have."""
        chosen = data.draw(st.dictionaries(st.sampled_from(LINE_IDS), st.integers(0, 2), min_size=1))
        amount = data.draw(st.one_of(st.just(0), st.integers(1, 2_000)), "amount")
        self.send_refund(member_id, f"o{order}", amount, late, tuple(chosen.items()))

    @rule(member_id=members, order=st.integers(0, 30), amount=st.integers(1, 3_000), late=lateness)
    def refund_perhaps_early(self, member_id: str, order: int, amount: int, late: int) -> None:
        self.send_refund(member_id, f"o{order}", amount, late)

    @precondition(lambda self: any(model.orders for model in self.models.values()))
    @rule(data=st.data(), late=lateness)
    def refund(self, data: st.DataObject, late: int) -> None:
        """Of all that is left, a part of it, or a little more than there is."""
        member_id = self.some(data, lambda model: bool(model.orders))
        order_id = data.draw(st.sampled_from(sorted(self.models[member_id].orders)))
        order = self.models[member_id].orders[order_id]
        left = order.paid - sum(order.refunds)
        amount = data.draw(st.one_of(st.just(max(left, 1)), st.integers(1, left + 5)))
        self.send_refund(member_id, order_id, amount, late)

    def send_refund(
        self, member_id: str, order_id: str, amount: int, late: int, pieces: tuple[tuple[str, int], ...] = ()
    ) -> None:
        lines = [RefundLine(line_id, count) for line_id, count in pieces]
        event_id, at, recorded = self.send(member_id, TransactionRefunded(order_id, amount, "EUR", lines=lines), late)
        self.models[member_id].refund(event_id, order_id, amount, at, recorded, pieces)
        self.check(member_id)

    def enrol(self, member_id: str) -> None:
        event_id, at, recorded = self.send(member_id, MemberEnrolled("", "", ""), 0)
        self.models[member_id].enrol(event_id, at, recorded)
        self.check(member_id)
