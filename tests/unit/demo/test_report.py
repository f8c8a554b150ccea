"""The demo's summary shows every fact, and says plainly when something does not hold."""

import io
import json

from rich.console import Console

from pipeline.demo.report import Check, Facts, TierFacts, show

GOOD = Check("I1", "entries sum to the balances", holds=True, found="3 members")
BAD = Check("I2", "exactly one entry per leg", holds=False, found="1 faults: member x")


def facts(*checks: Check) -> Facts:
    return Facts(
        purchases="70 purchases", partitions=4, workers=2, members=1_234, events_imported=90_000, events_live=500,
        drain_s=4.5, events_per_s=20_111.4, kills=7, restores=9, events_by_type={"transaction_completed": 65_000},
        fates={"applied": 64_000}, entries_by_kind={"earn": 80_000}, points_by_kind={"earn": 5_000_000},
        accounts={"points": {"program:issued": -10, "members:available": 10}},
        tiers=[TierFacts("gold", 12, 3_456, 78, 9)], tier_changes={"gold, qualified": 12},
        refusals={"limit_reached": 95}, dead_letters={"unknown_schema": 1}, fulfilments={"house, confirmed": 7},
        digest="ab" * 32, checks=list(checks),
    )  # fmt: skip


def shown(some: Facts) -> str:
    console = Console(file=io.StringIO(), width=150)
    show(some, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_every_fact_is_shown() -> None:
    text = shown(facts(GOOD))

    for part in (
        "70 purchases", "20,111 events/s", "90,000 imported events", "then 500 live ones; 1,234 members",
        "killed with -9: 7", "changelog: 9",
        "transaction completed", "65,000", "applied", "earn", "5,000,000", "program:issued", "-10", "gold", "3,456",
        "gold, qualified", "limit reached", "unknown schema", "house, confirmed", "ab" * 32, "everything holds",
    ):  # fmt: skip
        assert part in text, part
    assert "NOT PROVED" not in text


def test_what_does_not_hold_is_said_plainly() -> None:
    text = shown(facts(GOOD, BAD))

    assert "NOT PROVED" in text
    assert "1 faults: member x" in text
    assert not facts(GOOD, BAD).proved


def test_nothing_checked_is_nothing_proved() -> None:
    assert not facts().proved
    assert "NOT PROVED" in shown(facts())


def test_accounts_that_do_not_sum_to_zero_are_shown() -> None:
    some = facts(GOOD)
    some.accounts = {"points": {"program:issued": -10, "members:available": 11}}

    (total,) = [line for line in shown(some).splitlines() if line.startswith("sum ")]
    assert total.split()[1] == "1"


def test_json_gives_the_same_facts() -> None:
    content = json.loads(json.dumps(facts(GOOD, BAD).to_json()))

    assert content["proved"] is False
    assert content["tiers"] == [{"tier": "gold", "members": 12, "available": 3_456, "pending": 78, "held": 9}]
    assert content["checks"][1] == {"name": "I2", "says": BAD.says, "holds": False, "found": BAD.found}
    assert content["events_by_type"] == {"transaction_completed": 65_000}
