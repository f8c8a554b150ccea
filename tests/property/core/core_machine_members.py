"""The second part of the state machine: profiles, occasions, referrals and transfers, of which much goes through the
log."""

from __future__ import annotations

from core_machine import MEMBERS, UNITS, lateness, members
from core_machine_pools import PoolsMachine
from core_programs import DAY_MS, Derived, Duplicate
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from pipeline.core.events import Event
from pipeline.core.payloads import (
    AnniversaryReached,
    BirthdayReached,
    PoolAnswered,
    ProfileChanged,
    ReferralAccepted,
    ReferralJoined,
    ReferralQualified,
    TransferReceived,
    TransferRequested,
    TransferReturned,
)
from pipeline.core.records import PoolRequest

BIRTH_DATES = ("", "1988-02-29", "1999-12-31", "2001-11-30", "1975-01-01", "1960-03-28")


def is_joining(event: Event, referral_id: str) -> bool:
    return isinstance(event.payload, ReferralJoined) and event.payload.referral_id == referral_id


class MembersMachine(PoolsMachine):
    """What was derived for the log waits in `under_way` until a step delivers it, in any order."""

    @rule(member_id=members, birth_date=st.sampled_from(BIRTH_DATES), late=lateness)
    def change_profile(self, member_id: str, birth_date: str, late: int) -> None:
        event_id, at, recorded = self.send(member_id, ProfileChanged("", "", birth_date), late)
        self.models[member_id].change_profile(event_id, birth_date, at, recorded)
        self.check(member_id)

    @rule(data=st.data(), member_id=members, late=lateness)
    def refer(self, data: st.DataObject, member_id: str, late: int) -> None:
        other = data.draw(st.sampled_from([one for one in MEMBERS if one != member_id]), "referred")
        referral_id = f"f{self.number}"
        event_id, at, recorded = self.send(member_id, ReferralAccepted(referral_id, other), late)
        self.models[member_id].refer(event_id, referral_id, other, at, recorded)
        self.check(member_id)
        joining = [index for index, one in enumerate(self.waiting()) if is_joining(one, referral_id)]
        if joining and data.draw(st.booleans(), "told at once"):
            self.deliver_one(joining[0])
            self.bench.later(data.draw(st.sampled_from([1, 5 * DAY_MS, 19 * DAY_MS, 25 * DAY_MS]), "passed"))
            self.buy_late(other, data.draw(st.sampled_from([2_990, 3_000, 6_000]), "amount"), 0, 30_000 + self.number)

    @rule(
        data=st.data(),
        to=st.sampled_from([*MEMBERS, "nobody"]),
        unit=st.sampled_from(UNITS),
        points=st.integers(1, 60),
        late=lateness,
    )
    def give(self, data: st.DataObject, to: str, unit: str, points: int, late: int) -> None:
        """Mostly as many as there are, or fewer."""
        member_id = data.draw(st.sampled_from([one for one in MEMBERS if one != to]), "member")
        there = self.models[member_id].available(unit)
        wanted = data.draw(st.sampled_from([points, max(min(points, there), 1), max(there, 1)]), "points")
        transfer_id = f"t{self.number}"
        payload = TransferRequested(transfer_id, to, wanted, "" if unit == UNITS[0] else unit)
        event_id, at, recorded = self.send(member_id, payload, late)
        self.models[member_id].give(event_id, transfer_id, wanted, unit, at, recorded)
        self.check(member_id)

    @precondition(lambda self: self.waiting())
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """The relay appends what was derived, some of it twice."""
        self.deliver_one(data.draw(st.sampled_from(range(len(self.waiting()))), "which"))

    def waiting(self) -> list[Event]:
        """What was derived and has not been delivered yet."""
        for output in self.bench.out.journal[self.looked_at :]:
            if isinstance(output, Derived):
                self.under_way.append(output.event)
            elif isinstance(output, PoolRequest):
                answer = self.put_to_pool(output)
                self.under_way += [] if answer is None else [answer]
        self.looked_at = len(self.bench.out.journal)
        return self.under_way

    def deliver_one(self, index: int) -> None:
        derived = self.under_way.pop(index)
        recorded = self.bench.now_ms
        event = Event(
            derived.event_id, derived.member_id, derived.occurred_at_ms, "accrue", "", {}, derived.payload, recorded
        )
        self.bench.apply(event)
        self.sent.append(event)
        self.take_note(event)
        if event.member_id in MEMBERS:
            self.check(event.member_id)
        (output,) = self.bench.apply(event)
        assert isinstance(output, Duplicate)

    def take_note(self, event: Event) -> None:
        """Do the same to the model of whose event it is."""
        payload, at, recorded = event.payload, event.occurred_at_ms, event.recorded_at_ms
        model = self.models.get(event.member_id)
        if isinstance(payload, (AnniversaryReached, BirthdayReached, ReferralQualified)) and model is not None:
            model.be_rewarded(event.type_name, event.event_id, at, recorded)
        elif isinstance(payload, ReferralJoined) and model is not None:
            model.join(event.event_id, payload.referral_id, payload.referrer_member_id, at, recorded)
        elif isinstance(payload, PoolAnswered):
            self.take_grant(event, payload)
        elif isinstance(payload, TransferReturned) and model is not None:
            model.get_back(event.event_id, payload.transfer_id, at, recorded)
        elif isinstance(payload, TransferReceived) and model is not None:
            parts = self.models[payload.from_member_id].given[payload.transfer_id]
            assert [(lot.lot, lot.points) for lot in payload.lots] == [(lot.lot, points) for lot, points in parts]
            model.get(event.event_id, parts, at, recorded)
        else:
            assert event.member_id == "nobody" and "nobody" not in self.bench.state.members
