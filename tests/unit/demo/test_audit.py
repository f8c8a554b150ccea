"""The ledger's audit: clean on a ledger that is right, and it names each kind of wrong."""

from collections.abc import Callable

import pytest

from pipeline.core.chain import entry_hash
from pipeline.core.digest import Digest
from pipeline.core.member import NO_HASH
from pipeline.core.records import LedgerEntry
from pipeline.demo.audit import Faults, LedgerAudit


def ledger(member_id: str, *moves: tuple[str, int, str, str]) -> list[LedgerEntry]:
    """Chained entries of one member; a move is (kind, amount, debit, credit), with `@` for the member's accounts."""
    entries: list[LedgerEntry] = []
    for seq, (kind, amount, debit, credit) in enumerate(moves, start=1):
        accounts = [account.replace("@", f"member:{member_id}:") for account in (debit, credit)]
        previous_hash = entries[-1].hash if entries else NO_HASH
        entry = LedgerEntry(
            f"{seq:032x}", member_id, seq, kind, "points", amount, *accounts, 1, f"e{seq}", "shop", "base", 0, "p" * 64,
            1_000 * seq, 1_000 * seq, previous_hash, b"",
        )  # fmt: skip
        entry.hash = entry_hash(entry, previous_hash)
        entries.append(entry)
    return entries


def rehash(entries: list[LedgerEntry]) -> None:
    """Make the chain agree with the fields again, as whoever forges a whole ledger would."""
    previous_hash = NO_HASH
    for entry in entries:
        entry.previous_hash = previous_hash
        previous_hash = entry.hash = entry_hash(entry, previous_hash)


GOOD = (
    ("earn", 100, "program:issued", "@pending"),
    ("release", 100, "@pending", "@available"),
    ("hold", 60, "@available", "@held"),
    ("redeem", 60, "@held", "program:redeemed"),
    ("clawback", 40, "@available", "program:clawed_back"),
    ("debt", 25, "@debt", "program:clawed_back"),
)


def audited(*ledgers: list[LedgerEntry]) -> LedgerAudit:
    audit = LedgerAudit()
    for entries in ledgers:
        for entry in entries:
            audit.add(entry)
    return audit


def faults(audit: LedgerAudit) -> dict[str, Faults]:
    return {
        "repeated": audit.repeated,
        "broken_chains": audit.broken_chains,
        "below_zero": audit.below_zero,
        "gaps": audit.gaps,
    }


def test_a_ledger_that_is_right_has_no_faults_and_sums_to_its_balances() -> None:
    first, second = ledger("a", *GOOD), ledger("b", *GOOD[:2])

    audit = audited(second, first)

    assert {name: found.first for name, found in faults(audit).items() if found.count} == {}
    assert audit.balances() == {"a": {"points": (0, 0, 0, 25)}, "b": {"points": (100, 0, 0, 0)}}
    assert sum(audit.accounts["points"].values()) == 0
    assert audit.accounts["points"]["members:debt"] == -25
    assert audit.by_kind["earn"] == 2
    assert audit.points_by_kind["earn"] == 200
    assert {member: seq for member, seq, _hash in audit.heads()} == {"a": 6, "b": 2}
    expected = Digest()
    for entry in first + second:
        expected.add(entry)
    assert audit.digest() == expected.hexdigest()


def change_amount(entries: list[LedgerEntry]) -> None:
    entries[1].amount = 99


def drop_one(entries: list[LedgerEntry]) -> None:
    del entries[2]


def cut_the_chain(entries: list[LedgerEntry]) -> None:
    entries[3].previous_hash = NO_HASH


def repeat_a_leg(entries: list[LedgerEntry]) -> None:
    entries[5].event_id = entries[4].event_id
    rehash(entries)


def overdraw(entries: list[LedgerEntry]) -> None:
    entries[2].amount = 101
    rehash(entries)


def pay_debt_that_is_not(entries: list[LedgerEntry]) -> None:
    entries[5].debit, entries[5].credit = entries[5].credit, entries[5].debit
    rehash(entries)


def move_nothing(entries: list[LedgerEntry]) -> None:
    entries[4].amount = 0
    rehash(entries)


def touch_another_member(entries: list[LedgerEntry]) -> None:
    entries[4].credit = "member:b:available"
    rehash(entries)


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (change_amount, {"broken_chains", "below_zero"}),
        (drop_one, {"gaps", "broken_chains", "below_zero"}),
        (cut_the_chain, {"broken_chains"}),
        (repeat_a_leg, {"repeated"}),
        (overdraw, {"below_zero"}),
        (pay_debt_that_is_not, {"below_zero"}),
        (move_nothing, {"below_zero"}),
        (touch_another_member, {"below_zero"}),
    ],
)
def test_every_kind_of_wrong_is_found(wrong: Callable[[list[LedgerEntry]], None], found: set[str]) -> None:
    entries = ledger("a", *GOOD)
    wrong(entries)

    audit = audited(entries)

    assert {name for name, some in faults(audit).items() if some.count} == found
    assert all(fault.startswith("member a, entry ") for some in faults(audit).values() for fault in some.first)


def test_gaps_leave_no_digest() -> None:
    entries = ledger("a", *GOOD)
    del entries[2]

    assert audited(entries).digest() == ""
