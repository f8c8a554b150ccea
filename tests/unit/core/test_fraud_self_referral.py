"""Self-referral: members who were referred by somebody with their own device or address."""

from __future__ import annotations

import pytest
from core_programs import DAY_MS
from fraud_across_bench import NONE, Together

from pipeline.core.fraud_program import Signal
from pipeline.core.ledger import SOURCE
from pipeline.core.memory import Dead, Derived
from pipeline.core.payloads import ReferralAccepted, ReferralJoined, TransactionCompleted
from pipeline.core.records import PoolRequest
from pipeline.wire.state import pack_member, unpack_member


def selves(action: str = "deny", by: str = "device", live: bool = True, at_most: int = 1) -> Signal:
    return Signal("it", "referral", action, live, by, "", at_most, 0, NONE, "one person")


class Referring(Together):
    """The relay delivers what referrals tell to whom was referred."""

    def refer(self, referrer: str, referred: str, **told: str) -> None:
        mark = self.out.mark()
        name = f"{referrer}>{referred}"
        self.tell(name, referrer, ReferralAccepted(name, referred), **told)
        for output in self.out.journal[mark:]:
            if isinstance(output, Derived):
                self.apply(output.event)

    def redeem_all(self, *members: str) -> list[str]:
        """Those whose redemptions are told to their provider."""
        for member_id in members:
            self.ask(member_id)
        self.answer()
        return self.told()


def test_a_second_account_on_the_device_of_who_referred_it_stops_both() -> None:
    bench = Referring(selves())
    bench.rich("a", device="phone")
    bench.rich("b", device="phone")
    bench.rich("c", device="other")
    bench.refer("a", "b")
    bench.refer("a", "c")

    assert bench.redeem_all("a", "b", "c") == ["c"]
    assert {(one.member_id, one.kind, one.value, one.limit) for one in bench.alerts()} == {
        ("a", "referral", 2, 1), ("b", "referral", 2, 1),
    }  # fmt: skip


def test_the_device_may_be_told_by_the_referral_and_by_what_the_referred_does_later() -> None:
    bench = Referring(selves())
    bench.rich("a")
    bench.rich("b")
    bench.refer("a", "b", device="phone")
    bench.later(DAY_MS)
    bench.tell("e", "b", TransactionCompleted("o", 100, "EUR"), device="phone")

    assert bench.redeem_all("a", "b") == []


def test_the_redemption_itself_may_tell_it() -> None:
    bench = Referring(selves())
    bench.rich("a", device="phone")
    bench.rich("b")
    bench.refer("a", "b")
    bench.ask("b", device="phone")
    bench.answer()

    assert bench.told() == []
    assert bench.redeem_all("a") == []


REFERRALS = {
    "one refers all": ("ab", "ac", "ad"),
    "each the next": ("ab", "bc", "cd"),
    "the last first": ("cd", "bc", "ab"),
    "two and two": ("ab", "cd", "bc"),
}


@pytest.mark.parametrize("pairs", REFERRALS.values(), ids=list(REFERRALS))
def test_a_household_may_have_as_many_members_as_the_signal_says(pairs: tuple[str, ...]) -> None:
    for at_most, expected in ((4, ["a", "b", "c", "d"]), (3, [])):
        bench = Referring(selves(at_most=at_most))
        for member_id in "abcd":
            bench.rich(member_id, device="phone")
        for referrer, referred in pairs:
            bench.refer(referrer, referred)

        assert bench.redeem_all(*"abcd") == expected
        assert {(one.value, one.limit) for one in bench.alerts()} == ({(4, 3)} if not expected else set())


def test_who_is_one_too_many_is_told_at_once_and_of_more_no_more_are_remembered() -> None:
    bench = Referring(selves("freeze", at_most=2))
    for member_id in "abcde":
        bench.rich(member_id, device="phone")
    for referred in "bcde":
        bench.refer("a", referred)
        bench.answer()

    assert [(one.member_id, one.value) for one in bench.alerts()] == [("c", 3), ("d", 3), ("e", 3)]
    assert bench.redeem_all(*"abcde") == []


def test_an_address_is_compared_where_the_signal_says_so() -> None:
    for by, expected in (("device", ["a", "b"]), ("address", [])):
        bench = Referring(selves(by=by))
        bench.rich("a", device="x", address="here")
        bench.rich("b", device="y", address="here")
        bench.refer("a", "b")
        assert bench.redeem_all("a", "b") == expected


def test_whoever_referred_nobody_and_was_referred_by_nobody_waits_for_nothing() -> None:
    bench = Referring(selves())
    bench.rich("a", device="phone")

    assert bench.ask("a", device="phone") == ""
    assert bench.of(PoolRequest) == []


def test_freeze_freezes_the_referred_as_soon_as_it_is_found() -> None:
    bench = Referring(selves("freeze"))
    bench.rich("a", device="phone")
    bench.rich("b", device="phone")
    bench.refer("a", "b")
    bench.answer()

    assert bench.ask("b") == "redemptions_frozen"


def test_it_is_said_once_and_in_shadow_stops_nothing() -> None:
    bench = Referring(selves(live=False))
    bench.rich("a", device="phone")
    bench.rich("b", device="phone")
    bench.refer("a", "b")
    for number in range(3):
        bench.tell(f"e{number}", "b", TransactionCompleted(f"o{number}", 100, "EUR"), device="phone")
    assert len(bench.of(PoolRequest)) == 1

    assert bench.redeem_all("a", "b") == ["a", "b"]
    assert {one.mode for one in bench.alerts()} == {"shadow"}


def test_no_device_stands_in_what_goes_through_the_log() -> None:
    bench = Referring(selves())
    bench.rich("a", device="phone")
    bench.refer("a", "b")
    (joined,) = [one.event.payload for one in bench.of(Derived)]

    assert isinstance(joined, ReferralJoined)
    assert [len(mark) for mark in joined.marks] == [12]


def test_without_such_a_signal_nothing_is_carried() -> None:
    bench = Referring()
    bench.rich("a", device="phone")
    bench.refer("a", "b")

    assert [one.event.payload for one in bench.of(Derived)] == [ReferralJoined("a>b", "a")]


@pytest.mark.parametrize("marks", [["x"], ["0123456789ab", ""], ["0123456789AB"], ["0123456789abc"]])
def test_marks_that_are_no_hashes_are_refused(marks: list[str]) -> None:
    bench = Referring(selves())
    bench.send("j", ReferralJoined("r", "a", marks), "b", source=SOURCE)

    assert [one.reason for one in bench.of(Dead)] == ["malformed"]
    bench.send("k", ReferralJoined("r", "a", ["0123456789ab"] * 19), "b", source=SOURCE)
    assert bench.of(Dead)[-1].reason == "out_of_range"


def test_what_is_remembered_is_packed_and_unpacked() -> None:
    bench = Referring(selves())
    bench.rich("a", device="phone")
    bench.refer("a", "b")

    for member_id in "ab":
        assert unpack_member(pack_member(bench.member(member_id))) == bench.member(member_id)
