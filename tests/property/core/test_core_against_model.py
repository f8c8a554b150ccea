"""The test of record: the engine and the naive model take the same random histories and must agree on every entry.

Three members live beside each other, two programs follow one another, clocks go back and forth, events come late,
twice, changed and broken, ticks come in between, and some runs require enrolment.
"""

from __future__ import annotations

from collections import Counter

from core_machine import MEMBERS, MINUTE_MS, UNITS, lateness, members, steps
from core_machine_members import MembersMachine
from core_model import ModelMember, Move
from core_model_ledger import ModelRequest
from core_model_occasions import KINDS
from core_programs import DAY_MS, Dead, Derived, Duplicate, TierChange
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from pipeline.core.chain import chain_faults
from pipeline.core.events import Event
from pipeline.core.lots import next_due
from pipeline.core.member import Member
from pipeline.core.payloads import (
    FulfillmentOutcome,
    MemberEnrolled,
    Payload,
    PointsAdjusted,
    PoolAnswered,
    RedemptionCancelled,
    RedemptionConfirmed,
    RedemptionRequested,
    ReferralJoined,
    ReferralQualified,
    TransactionCompleted,
)
from pipeline.core.records import PoolRequest


def by_pool(requests: list[ModelRequest]) -> list[ModelRequest]:
    """In order for each pool; the order among pools means nothing."""
    return sorted(requests, key=lambda request: request[1])


class Core(MembersMachine):
    """Every step sends one record to both and compares."""

    @rule(
        member_id=members,
        reward_id=st.sampled_from(
            [*("mug", "pass", "cup", "seat", "film") * 2, "trip", "ride", "tour", "play", "yacht"]
        ),
        pieces=st.integers(1, 3),
        late=lateness,
    )
    def redeem(self, member_id: str, reward_id: str, pieces: int, late: int) -> None:
        self.send_redemption(member_id, f"r{self.number}", reward_id, pieces, late)

    @precondition(lambda self: any(model.available("points") >= 7 for model in self.models.values()))
    @rule(data=st.data())
    def redeem_what_can_be_paid(self, data: st.DataObject) -> None:
        member_id = self.some(data, lambda model: model.available("points") >= 7)
        reward_id, price = data.draw(st.sampled_from([("mug", 7), ("cup", 4), ("seat", 3), ("film", 2)]), "reward")
        most = min(self.models[member_id].available("points") // price, 3)
        self.send_redemption(member_id, f"r{self.number}", reward_id, data.draw(st.integers(1, most)), 0)

    @precondition(lambda self: any(model.available("miles") >= 6 for model in self.models.values()))
    @rule(
        data=st.data(),
        reward_id=st.sampled_from(["ride", "tour"]),
        outcome=st.sampled_from(["failed", "unknown"]),
        step=steps,
    )
    def ride_and_wait(self, data: st.DataObject, reward_id: str, outcome: str, step: int) -> None:
        """Miles on hold for a while, which may be longer than they last."""
        member_id = self.some(data, lambda model: model.available("miles") >= 6)
        self.send_redemption(member_id, f"r{self.number}", reward_id, 1, 0)
        redemption_id = f"r{self.number - 1}"
        self.bench.later(step)
        if data.draw(st.booleans()):
            self.buy_late(member_id, 4_500, 0, 20_000 + self.number)
        if redemption_id not in self.models[member_id].holds:
            return
        if reward_id == "tour":
            self.send_cancel(member_id, redemption_id, 0)
        else:
            self.send_outcome(member_id, redemption_id, outcome, 0)

    @precondition(lambda self: any(model.available("points") > 4 for model in self.models.values()))
    @rule(
        data=st.data(),
        reward_id=st.sampled_from(["mug", "cup", "seat", "film", "pass"]),
        pieces=st.integers(1, 3),
        end=st.sampled_from(["", "cancel", "confirmed", "failed"]),
    )
    def pay_together(self, data: st.DataObject, reward_id: str, pieces: int, end: str) -> None:
        """One pools points, and another draws on them; the pool answers at once or later."""
        giver = self.some(data, lambda model: model.available("points") > 4)
        taker = data.draw(st.sampled_from([one for one in MEMBERS if one != giver]), "taker")
        for member_id in (giver, taker):
            self.join_household(member_id, "h", 0)
        self.pool_points(data, giver, UNITS[0], data.draw(st.integers(1, 60), "pooled"), 0)
        self.send_redemption(taker, f"r{self.number}", reward_id, pieces, 0)
        redemption_id = f"r{self.number - 1}"
        while data.draw(st.booleans(), "answered"):
            answers = [index for index, one in enumerate(self.waiting()) if isinstance(one.payload, PoolAnswered)]
            if not answers:
                break
            self.deliver_one(answers[-1])
        if end == "cancel":
            self.send_cancel(taker, redemption_id, 0)
        elif end and redemption_id in self.models[taker].holds:
            self.send_outcome(taker, redemption_id, end, 0, data.draw(st.integers(0, 1), "pieces"))

    def send_redemption(self, member_id: str, redemption_id: str, reward_id: str, pieces: int, late: int) -> None:
        event_id, at, recorded = self.send(member_id, RedemptionRequested(redemption_id, reward_id, pieces, ""), late)
        self.models[member_id].redeem(event_id, redemption_id, reward_id, pieces, at, recorded)
        self.name_fulfilments(member_id)
        self.check(member_id)

    @precondition(lambda self: any(model.holds for model in self.models.values()))
    @rule(data=st.data(), pieces=st.integers(0, 3), late=lateness)
    def confirm(self, data: st.DataObject, pieces: int, late: int) -> None:
        member_id = self.some(data, lambda model: bool(model.holds))
        redemption_id = data.draw(st.sampled_from(sorted(self.models[member_id].holds)))
        event_id, at, recorded = self.send(member_id, RedemptionConfirmed(redemption_id, pieces), late)
        self.models[member_id].confirm(event_id, redemption_id, pieces, at, recorded)
        self.check(member_id)

    @precondition(lambda self: any(model.holds for model in self.models.values()))
    @rule(
        data=st.data(),
        outcome=st.sampled_from(["confirmed", "failed", "cancelled", "unknown"]),
        late=lateness,
        pieces=st.integers(0, 3),
    )
    def settle(self, data: st.DataObject, outcome: str, late: int, pieces: int) -> None:
        member_id = self.some(data, lambda model: bool(model.holds))
        redemption_id = data.draw(st.sampled_from(sorted(self.models[member_id].holds)))
        self.send_outcome(member_id, redemption_id, outcome, late, pieces)

    def send_outcome(self, member_id: str, redemption_id: str, outcome: str, late: int, pieces: int = 0) -> None:
        hold = self.bench.member(member_id).holds.get(redemption_id) if self.models[member_id].enrolled else None
        payload = FulfillmentOutcome(
            "f" if hold is None else hold.fulfillment_id, redemption_id, outcome, quantity=pieces
        )
        event_id, at, recorded = self.send(member_id, payload, late, "provider")
        self.models[member_id].outcome(event_id, redemption_id, outcome, at, recorded, pieces)
        self.check(member_id)

    @precondition(lambda self: any(model.holds for model in self.models.values()))
    @rule(data=st.data(), late=lateness)
    def cancel(self, data: st.DataObject, late: int) -> None:
        member_id = self.some(data, lambda model: bool(model.holds))
        self.send_cancel(member_id, data.draw(st.sampled_from(sorted(self.models[member_id].holds))), late)

    def send_cancel(self, member_id: str, redemption_id: str, late: int) -> None:
        event_id, at, recorded = self.send(member_id, RedemptionCancelled(redemption_id, ""), late)
        self.models[member_id].cancel(event_id, redemption_id, at, recorded)
        self.check(member_id)

    @rule(member_id=members, points=st.integers(-30, 30).filter(bool), late=lateness)
    def adjust(self, member_id: str, points: int, late: int) -> None:
        event_id, at, recorded = self.send(member_id, PointsAdjusted("", points, "why", "ada"), late)
        self.models[member_id].adjust(event_id, points, at, recorded)
        self.check(member_id)

    @rule(data=st.data(), member_id=members, late=lateness)
    def send_what_is_refused(self, data: st.DataObject, member_id: str, late: int) -> None:
        """Mostly: what is unknown, closed or done before."""
        kind = data.draw(st.sampled_from(["enrol", "refund", "cancel", "outcome", "same redemption"]))
        if kind == "enrol":
            self.enrol(member_id)
        elif kind == "refund":
            self.send_refund(member_id, "nothing", 1, late, (("1", 1),))
        elif kind == "cancel":
            self.send_cancel(member_id, "nothing", late)
        elif kind == "outcome":
            self.send_outcome(member_id, "nothing", "confirmed", late)
        else:
            self.send_redemption(member_id, next(iter(self.models[member_id].holds), "new"), "mug", 1, late)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), change=st.booleans())
    def repeat(self, data: st.DataObject, change: bool) -> None:
        """The same again is a duplicate, the same id with other content a conflict; neither changes anything."""
        old = data.draw(st.sampled_from(self.sent))
        if self.bench.now_ms - old.recorded_at_ms > 80 * DAY_MS:
            return
        payload: Payload = MemberEnrolled("XX", "", "") if change else old.payload
        again = Event(
            old.event_id, old.member_id, old.occurred_at_ms, old.source, "00-x", {}, payload, self.bench.now_ms
        )
        (output,) = self.bench.apply(again)
        if change:
            assert isinstance(output, Dead) and output.reason == "conflict"
        else:
            assert isinstance(output, Duplicate)

    @rule(
        member_id=members,
        broken=st.sampled_from(
            [
                (TransactionCompleted("o", -1, "EUR", "", "", "", []), 0, "out_of_range"),
                (TransactionCompleted("o", 1, "XXX", "", "", "", []), 0, "unknown_currency"),
                (RedemptionRequested("", "mug", 1, ""), 0, "missing_field"),
                (MemberEnrolled("", "", "never"), 0, "malformed"),
                (MemberEnrolled("", "", ""), -6 * MINUTE_MS, "occurred_in_future"),
                (MemberEnrolled("", "", ""), 90 * DAY_MS, "occurred_too_long_ago"),
            ]
        ),
    )
    def send_something_invalid(self, member_id: str, broken: tuple[Payload, int, str]) -> None:
        payload, late, reason = broken
        occurred = self.bench.now_ms - late
        event = Event("invalid", member_id, occurred, "shop", "", {}, payload, self.bench.now_ms)
        (output,) = self.bench.apply(event)
        assert isinstance(output, Dead) and output.reason == reason

    @rule(step=steps)
    def let_time_go_by(self, step: int) -> None:
        self.bench.later(step)

    @rule(back=st.integers(1, 10 * MINUTE_MS))
    def set_the_clock_back(self, back: int) -> None:
        """As far as the broker lets record timestamps differ."""
        self.bench.later(-back)

    @rule(chunk=st.integers(1, 3))
    def tick(self, chunk: int) -> None:
        """A tick in chunks; the model lets time pass to the tick's time less the grace."""
        while not self.bench.engine.tick("live", self.bench.now_ms, chunk):
            pass
        for model in self.models.values():
            model.pass_time(self.bench.now_ms - 15 * MINUTE_MS)

    @invariant()
    def both_agree(self) -> None:
        if not hasattr(self, "bench"):
            return
        asked: dict[str, list[ModelRequest]] = {one: [] for one in MEMBERS}
        for one in self.bench.of(PoolRequest):
            lots = [(lot.points, lot.expires_at_ms) for lot in one.lots]
            request = (one.action, one.pool_id, one.amount, one.limit, (*one.codes, *lots), one.event_id)
            asked[one.member_id].append(request)
        by_member: dict[str, list[Move]] = {one: [] for one in MEMBERS}
        for entry in self.bench.entries:
            prefix = f"member:{entry.member_id}:"
            by_member[entry.member_id].append(
                (
                    entry.kind,
                    entry.unit,
                    entry.amount,
                    account(entry.debit, prefix),
                    account(entry.credit, prefix),
                    entry.lot,
                    entry.occurred_at_ms,
                    entry.event_id,
                )
            )
        for member_id, model in self.models.items():
            assert by_member[member_id] == model.moves
            assert by_pool(asked[member_id]) == by_pool(model.requests)
            assert (member_id in self.bench.state.members) == model.enrolled
            if model.enrolled:
                self.same_state(self.bench.member(member_id), model)

    def same_state(self, member: Member, model: ModelMember) -> None:
        assert (member.tier, member.tier_until_ms) == (model.tier, model.tier_until)
        assert member.clock_ms == model.clock
        for unit in ("points", "miles"):
            wallet = member.wallets.get(unit)
            balances = (0, 0, 0, 0) if wallet is None else (wallet.available, wallet.pending, wallet.held, wallet.debt)
            assert balances == model.balances(unit)
            assert min(balances) >= 0
            assert not (balances[0] and balances[3])
        assert {
            one: (hold.points, hold.quantity, hold.dispatched, hold.codes) for one, hold in member.holds.items()
        } == {one: (hold.points, hold.pieces, not hold.waiting, hold.codes) for one, hold in model.holds.items()}
        assert len(member.awaited) == sum(not ask.answered for ask in model.asks)
        assert member.next_due_ms == next_due(member)

    @invariant()
    def the_ledger_is_sound(self) -> None:
        """Sums are zero, no balance is ever below zero, chains verify, ids are unique, no seq is missing."""
        if not hasattr(self, "bench"):
            return
        accounts: Counter[tuple[str, str]] = Counter()
        ids: set[str] = set()
        for entry in self.bench.entries:
            assert entry.amount > 0
            accounts[entry.debit, entry.unit] -= entry.amount
            accounts[entry.credit, entry.unit] += entry.amount
            if entry.debit.startswith(("member:", "transit:", "household:")) and not entry.debit.endswith(":debt"):
                assert accounts[entry.debit, entry.unit] >= 0
            if entry.credit.endswith(":debt"):
                assert accounts[entry.credit, entry.unit] <= 0
            ids.add(entry.entry_id)
        assert sum(accounts.values()) == 0
        assert len(ids) == len(self.bench.entries)
        for member_id in MEMBERS:
            assert chain_faults([entry for entry in self.bench.entries if entry.member_id == member_id]) == []

    def teardown(self) -> None:
        """At the end, tier changes agree and everything still due happens as the model says."""
        if not hasattr(self, "bench"):
            return
        for _ in range(2):  # what was derived, and what it derives in its turn
            while self.waiting():
                self.deliver_one(0)
            self.bench.later(600 * DAY_MS)
            self.tick(2)
        self.both_agree()
        self.the_ledger_is_sound()
        self.nothing_is_left_in_transit()
        for member_id, model in self.models.items():
            changes = [one for one in self.bench.of(TierChange) if one.member_id == member_id]
            assert [(one.previous_tier, one.tier, one.reason, one.occurred_at_ms) for one in changes] == model.tiers
            derived = [one.event for one in self.bench.of(Derived) if one.event.member_id == member_id]
            occasions = [(one.event_id, one.occurred_at_ms) for one in derived if one.type_name in KINDS]
            assert occasions == model.occasions
        referrals = [
            (one.event.member_id, one.event.type_name, one.event.payload.referral_id, one.event.occurred_at_ms)
            for one in self.bench.of(Derived)
            if isinstance(one.event.payload, ReferralJoined | ReferralQualified)
        ]
        assert sorted(referrals) == sorted(told for model in self.models.values() for told in model.told)

    def nothing_is_left_in_transit(self) -> None:
        """Once all that was derived has been delivered."""
        under_way: Counter[str] = Counter()
        for entry in self.bench.entries:
            under_way[entry.debit] -= entry.amount
            under_way[entry.credit] += entry.amount
        assert not [one for one, points in under_way.items() if one.startswith("transit:") and points]


def account(name: str, prefix: str) -> str:
    """An account as the model calls it: one's own without the member, of transfers without the id."""
    return "transit" if name.startswith("transit:") else name.removeprefix(prefix)


TestCoreAgainstModel = Core.TestCase
TestCoreAgainstModel.settings = settings(
    max_examples=50,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
