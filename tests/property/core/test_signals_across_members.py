"""Random histories of members who share devices, refer each other and earn with a partner, against the naive model."""

from __future__ import annotations

from random import Random

import pytest
from core_model_across import ModelDevices, ModelPartner, ModelRings
from core_programs import DAY_MS, rule, table
from core_programs import FLOOR_POINTS as POINTS
from core_programs import program as make
from pool_bench import PoolBench

from pipeline.core.events import Event
from pipeline.core.fraud_program import Counter, FraudProgram, Signal
from pipeline.core.payloads import (
    Payload,
    PointsAdjusted,
    RedemptionRequested,
    ReferralAccepted,
    ReferralJoined,
    TransactionCompleted,
)
from pipeline.core.program import Reward
from pipeline.core.records import FraudAlert

MEMBERS = "abcdef"
AT_MOST, WITHIN_MS, UP_TO, A_DAY, PAUSE_MS = 2, 4 * DAY_MS, 4, 40, DAY_MS
NONE = Counter("", "member", "", 0, 0)
SIGNALS = (
    Signal("devices", "members", "deny", True, "device", "", AT_MOST, WITHIN_MS, NONE, "devices"),
    Signal("partner", "partner", "deny", True, "", "points", A_DAY, PAUSE_MS, NONE, "partner"),
    Signal("rings", "ring", "deny", True, "", "", 1, 0, NONE, "rings", UP_TO),
)


class Both:
    """Sends each record to the engine, whose pools answer at once, and to the model."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(seed)
        fraud = FraudProgram(SIGNALS, {})
        voucher = Reward("voucher", POINTS, 1, "external", (), ())
        self.bench = PoolBench(make({"transaction_completed": table(rule())}, fraud=fraud, rewards=(voucher,)))
        self.devices, self.rings = ModelDevices(AT_MOST, WITHIN_MS), ModelRings(UP_TO)
        self.partner = ModelPartner(A_DAY, PAUSE_MS)
        self.balances = dict.fromkeys(MEMBERS, 1_000)
        self.open: dict[str, set[str]] = {member: set() for member in MEMBERS}
        self.alerts: list[tuple[str, str]] = []
        self.number = 0
        for member in MEMBERS:
            self.send(member, PointsAdjusted("", 1_000, "x", "ada"), self.bench.now_ms)

    def send(self, member: str, payload: Payload, at: int, **told: str) -> None:
        self.number += 1
        attributes = {name: value for name, value in told.items() if value}
        self.bench.apply(Event(f"e{self.number}", member, at, "shop", "", attributes, payload, self.bench.now_ms))
        self.bench.answer()

    def step(self) -> None:
        draw = self.draw
        self.bench.later(draw.choice((0, 0, DAY_MS // 2, DAY_MS)))
        at = self.bench.now_ms - draw.choice((0, 0, 0, DAY_MS // 2, 6 * DAY_MS))
        member, device = draw.choice(MEMBERS), draw.choice(("", "x", "y", "z", "w"))
        kind = draw.randrange(4)
        if kind == 0:
            self.redeem(member, device, at)
        elif kind == 1:
            other = draw.choice([one for one in MEMBERS if one != member])
            self.refer(member, other, at)
        else:
            self.buy(member, device, draw.choice(("", "air")), draw.choice((10, 20, 30)), at)

    def redeem(self, member: str, device: str, at: int) -> None:
        redemption = f"r{self.number}"
        self.send(member, RedemptionRequested(redemption, "voucher"), at, device=device)
        stopped = False
        for name, found, allowed in (
            ("devices", self.devices.redeem(member, device, at), AT_MOST),
            ("rings", self.rings.redeem(member), 1),
        ):
            if found > allowed:
                self.alerts.append((name, member))
                stopped = True
        if not stopped:
            self.balances[member] -= 1
            self.open[member].add(redemption)

    def refer(self, referrer: str, referred: str, at: int) -> None:
        referral = f"f{self.number}"
        self.send(referrer, ReferralAccepted(referral, referred), at)
        self.rings.took_part |= {referrer, referred}
        self.send(referred, ReferralJoined(referral, referrer), at)
        if self.rings.refer(referrer, referred) > 1:
            self.alerts.append(("rings", referred))

    def buy(self, member: str, device: str, partner: str, points: int, at: int) -> None:
        payload = TransactionCompleted(f"o{self.number}", points * 100, "EUR")
        self.send(member, payload, at, device=device, partner=partner)
        passes = not partner or self.partner.earn(points, at, at // DAY_MS)
        if not passes:
            self.alerts.append(("partner", member))
        if self.devices.buy(member, device, at) > AT_MOST:
            self.alerts.append(("devices", member))
        self.balances[member] += points if passes else 0


@pytest.mark.parametrize("seed", range(25))
def test_the_core_and_its_pools_stop_what_the_model_stops_and_nothing_else(seed: int) -> None:
    both = Both(seed)
    for _ in range(100):
        both.step()
        for member in MEMBERS:
            assert set(both.bench.member(member).holds) == both.open[member]
            assert both.bench.wallet(member_id=member).available == both.balances[member]
            assert both.bench.member(member).awaited == {}
        assert [(one.signal_id, one.member_id) for one in both.bench.of(FraudAlert)] == both.alerts


def test_the_histories_set_every_signal_off_and_let_most_pass() -> None:
    alerts: list[str] = []
    passed = 0
    for seed in range(25):
        both = Both(seed)
        for _ in range(100):
            both.step()
        alerts += [name for name, _ in both.alerts]
        passed += sum(len(one) for one in both.open.values())

    assert min(alerts.count(one.signal_id) for one in SIGNALS) > 25
    assert passed > 100
