"""Settlement: from entries of the ledger to what is owed, and totals that add up."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from partner_samples import ACME, OTHER

from pipeline.core.records import LedgerEntry
from pipeline.partners.ledger import month_bounds
from pipeline.partners.settlement import Line, Settlement, compared, csv_rows, totals
from pipeline.program.partners import Settlement as Terms

PARTNERS = {
    "acme": replace(ACME, settlement=Terms("EUR", 850, 1_000)),
    "other": replace(OTHER, settlement=None),
}
FROM_MS, UNTIL_MS = month_bounds(2026, 3, "UTC")
HELD, AVAILABLE = "member:ann:held", "member:ann:available"


def entry(kind: str, debit: str, credit: str, amount: int, at_ms: int = FROM_MS, seq: int = 1, lot: int = 1,
          event_id: str = "e-1") -> LedgerEntry:  # fmt: skip
    return LedgerEntry(
        "id", "ann", seq, kind, "points", amount, debit, credit, lot, event_id, "s", "rule", 0, "hash", at_ms, at_ms,
        bytes(32), bytes(32),
    )  # fmt: skip


def settled(*entries: LedgerEntry) -> Settlement:
    found = Settlement(PARTNERS, FROM_MS, UNTIL_MS)
    for one in entries:
        found.add(one)
    return found


def test_what_was_redeemed_at_a_partner_is_owed_to_it() -> None:
    found = settled(
        entry("redeem", HELD, "partner:acme:redeemed", 1_500, event_id="outcome:f-1"),
        entry("redeem", HELD, "partner:acme:redeemed", 1, event_id="outcome:f-1"),
        entry("redeem", HELD, "program:redeemed", 9_000),
    )
    assert found.lines() == [Line("acme", "points", "redeemed", 2, 1_501, 850, "EUR", 1_276, "partner")]
    assert found.fulfilments == {"acme": {"f-1"}}


def test_points_that_a_partner_funds_are_owed_by_it_and_clawed_back_ones_are_not() -> None:
    found = settled(
        entry("earn", "partner:acme:funded", "member:ann:pending", 400, FROM_MS - 1, seq=7),
        entry("earn", "partner:acme:funded", "member:ann:pending", 1_000, seq=8),
        entry("clawback", AVAILABLE, "program:clawed_back", 300, lot=7),
        entry("clawback", AVAILABLE, "program:clawed_back", 50, lot=8),
        entry("clawback", AVAILABLE, "program:clawed_back", 99, lot=1),
    )
    assert found.lines() == [Line("acme", "points", "issued", 3, 650, 1_000, "EUR", 650, "programme")]


def test_a_month_begins_with_its_first_moment_and_ends_before_the_next() -> None:
    moves = [
        entry("redeem", HELD, "partner:acme:redeemed", 1 << number, at_ms)
        for number, at_ms in enumerate((FROM_MS - 1, FROM_MS, UNTIL_MS - 1, UNTIL_MS))
    ]
    assert [line.points for line in settled(*moves).lines()] == [0b0110]


def test_without_terms_points_are_counted_and_nothing_is_owed() -> None:
    (line,) = settled(entry("redeem", HELD, "partner:other:redeemed", 10)).lines()
    assert (line.points, line.owed_minor, line.currency) == (10, 0, "")


def test_totals_add_up() -> None:
    random = Random(5)
    entries = [
        entry(*move, random.randrange(1, 999), seq=number)
        for number in range(400)
        for move in [random.choice([("redeem", HELD, "partner:acme:redeemed"),
                                    ("earn", "partner:acme:funded", AVAILABLE)])]
    ]  # fmt: skip
    found = settled(*entries)
    lines = found.lines()
    (total,) = totals(lines)
    by_account = {
        what: sum(one.amount for one in entries if account in (one.debit, one.credit))
        for what, account in (("redeemed", "partner:acme:redeemed"), ("issued", "partner:acme:funded"))
    }

    assert {line.what: line.points for line in lines} == by_account
    assert total.to_partner_minor + total.to_programme_minor == sum(line.owed_minor for line in lines)
    assert total.net_minor == total.to_partner_minor - total.to_programme_minor
    assert [row[7] for row in csv_rows(lines)] == [line.owed_minor for line in lines]
    halves = [settled(*entries[::2]), settled(*entries[1::2])]
    assert sum(line.points for half in halves for line in half.lines()) == sum(line.points for line in lines)


def test_a_partner_that_bills_what_was_never_redeemed_is_found_out() -> None:
    held = compared({"f-1", "f-2"}, ["f-2", "f-3"])
    assert (held.matched, held.only_billed, held.only_redeemed) == (1, ("f-3",), ("f-1",))


def test_months_are_those_of_the_zone() -> None:
    begins, ends = month_bounds(2026, 12, "Europe/Berlin")
    assert (ends - begins) == 31 * 86_400_000 and begins % 86_400_000 == 23 * 3_600_000
    with pytest.raises(ValueError, match="month must be in"):
        month_bounds(2026, 13, "UTC")
