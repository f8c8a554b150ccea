"""Whatever happens to members, the ledger that the core writes satisfies the independent judge, prefix by prefix."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.payloads import ProgramActivated
from pipeline.core.program import Program
from pipeline.core.records import LedgerEntry
from pipeline.core.simulate import Simulation
from pipeline.program import compile_bundle, load_program
from pipeline.sinks.chain_check import ChainCheck, Head
from pipeline.sinks.ledger_verify import entry_of_record
from pipeline.wire.json_events import event_from_json

SHOP = Path(__file__).resolve().parents[3] / "programs" / "shop"
START_MS = 1_767_225_600_000  # 2026-01-01
HOUR_MS = 3_600_000
MEMBERS = ("ann", "bob")

kinds = st.one_of(
    st.tuples(st.just("buy"), st.integers(1, 60_000)),
    st.tuples(st.just("refund"), st.integers(1, 60_000)),
    st.tuples(st.just("redeem"), st.sampled_from(["coffee", "voucher-5", "cinema-ticket", "lounge-day"])),
    st.tuples(st.just("outcome"), st.sampled_from(["confirmed", "failed", "cancelled"])),
    st.tuples(st.just("cancel"), st.just(0)),
    st.tuples(st.just("adjust"), st.integers(-500, 500).filter(bool)),
)
steps = st.lists(
    st.tuples(st.sampled_from(MEMBERS), kinds, st.sampled_from([1, 26, 400, 5_000])), min_size=1, max_size=40
)


class Only:
    """The one programme there is."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def program(self, _program_hash: str) -> Program:
        return self._program


@cache
def shop(folder: Path) -> Program:
    return compile_bundle(load_program(folder))


@pytest.fixture(scope="session")
def indebting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop, taking back what refunds undo even where that puts members into debt."""
    folder = tmp_path_factory.mktemp("indebting")
    for source in [path for path in SHOP.rglob("*") if path.is_file()]:
        target = folder / source.relative_to(SHOP)
        target.parent.mkdir(exist_ok=True)
        target.write_text(source.read_text().replace("clawback: within_balance", "clawback: unlimited"))
    return folder


class Story:
    """Turns steps into events: refunds and outcomes speak of what the member did last."""

    def __init__(self, program: Program) -> None:
        self.simulation = Simulation(Only(program))
        activation = ProgramActivated(program.program_hash, START_MS - HOUR_MS, "test", "")
        self.simulation.take_everywhere(START_MS - HOUR_MS, activation)
        self.now_ms = START_MS
        self.number = 0
        self.orders: dict[str, str] = {}
        self.redemptions: dict[str, str] = {}
        for member_id in MEMBERS:
            self.send("member_enrolled", member_id, {})

    def send(self, kind: str, member_id: str, data: dict[str, Any]) -> None:
        self.number += 1
        event = event_from_json(
            {
                "event_id": f"e-{self.number}",
                "type": kind,
                "member_id": member_id,
                "occurred_at": self.now_ms,
                "source": "test",
                "data": data,
            }
        )
        self.simulation.take(0, self.number, self.now_ms, event)

    def step(self, member_id: str, action: str, detail: Any, hours: int) -> None:
        self.now_ms += hours * HOUR_MS
        order, redemption = self.orders.get(member_id, "o-none"), self.redemptions.get(member_id, "r-none")
        if action == "buy":
            self.orders[member_id] = order = f"o-{self.number}"
            self.send(
                "transaction_completed", member_id, {"order_id": order, "amount_minor": detail, "currency": "USD"}
            )
        elif action == "refund":
            self.send("transaction_refunded", member_id, {"order_id": order, "amount_minor": detail, "currency": "USD"})
        elif action == "redeem":
            self.redemptions[member_id] = redemption = f"r-{self.number}"
            self.send("redemption_requested", member_id, {"redemption_id": redemption, "reward_id": detail})
        elif action == "outcome":
            hold = self.simulation.state(0).members[member_id].holds.get(redemption)
            fulfillment_id = hold.fulfillment_id if hold is not None else "0" * 32
            self.send(
                "fulfillment_outcome",
                member_id,
                {"fulfillment_id": fulfillment_id, "redemption_id": redemption, "outcome": detail},
            )
        elif action == "cancel":
            self.send("redemption_cancelled", member_id, {"redemption_id": redemption})
        else:
            self.send("points_adjusted", member_id, {"points": detail, "reason": "test", "author": "ada"})


@pytest.mark.parametrize("policy", ["within_balance", "unlimited"])
@settings(max_examples=60, deadline=None)
@given(story=steps)
def test_the_judge_accepts_every_ledger_of_the_core(
    indebting: Path, policy: str, story: list[tuple[str, tuple[str, Any], int]]
) -> None:
    told = Story(shop(SHOP if policy == "within_balance" else indebting))
    for member_id, (action, detail), hours in story:
        told.step(member_id, action, detail, hours)
    told.simulation.snapshot(told.now_ms + 10_000 * HOUR_MS)  # everything pending is released, everything expires
    check = ChainCheck()
    for member in told.simulation.state(0).members.values():
        wallets = {
            unit: {"available": w.available, "pending": w.pending, "held": w.held, "debt": w.debt}
            for unit, w in member.wallets.items()
        }
        head = Head(member.seq, member.last_hash, wallets)
        check.expect(member.member_id, head)

    for record in told.simulation.journal(0):
        if isinstance(record, LedgerEntry):
            check.feed(entry_of_record(record))

    report = check.finish()
    assert report.ok, report.problems
    assert report.entries > 0
