"""The independent judge of ledgers: it accepts what the core chains, and names what is wrong with anything else."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pipeline.core.chain import entry_hash
from pipeline.core.records import LedgerEntry
from pipeline.sinks.chain_check import NO_HASH, ChainCheck, Entry, Head, Report, canonical_hash
from pipeline.sinks.ledger_verify import entry_of_record

AVAILABLE, HELD, DEBT = "member:m-é1:available", "member:m-é1:held", "member:m-é1:debt"


def chain(*transfers: tuple[str, str, int], member_id: str = "m-é1") -> list[Entry]:
    """Entries of (debit, credit, amount), chained by the core's own function."""
    entries: list[Entry] = []
    previous = NO_HASH
    for seq, (debit, credit, amount) in enumerate(transfers, 1):
        core = LedgerEntry(
            f"id-{seq}", member_id, seq, "earn", "points", amount, debit, credit, 1, f"event:{seq}", "shop", "base",
            0, "p" * 64, 1_700_000_000_123 + seq, 1_700_000_000_456 + seq, previous, b"",
        )  # fmt: skip
        core.hash = previous = entry_hash(core, previous)
        entries.append(entry_of_record(core))
    return entries


EARNED = ("program:issued", AVAILABLE, 100)
HOLD = (AVAILABLE, HELD, 40)
REDEEMED = (HELD, "program:redeemed", 40)


def wallets(available: int = 0, pending: int = 0, held: int = 0, debt: int = 0) -> dict[str, dict[str, int]]:
    return {"points": {"available": available, "pending": pending, "held": held, "debt": debt}}


def judged(entries: Iterable[Entry], head: Head | None) -> Report:
    check = ChainCheck()
    if head is not None:
        check.expect("m-é1", head)
    for entry in entries:
        check.feed(entry)
    if head is not None:
        check.confirm("m-é1", head)
    return check.finish()


def problem(report: Report) -> tuple[str, int, str]:
    """The only problem."""
    assert report.problem_count == len(report.problems) == 1, report.problems
    assert not report.ok
    return tuple(report.problems[0])


def test_the_second_writing_of_the_canonical_form_gives_the_cores_hash() -> None:
    (entry,) = chain(EARNED)

    assert canonical_hash(entry) == entry.hash


def test_a_sound_ledger_is_accepted_and_summed_up() -> None:
    entries = chain(EARNED, HOLD, REDEEMED)

    report = judged(entries, Head(3, entries[-1].hash, wallets(available=60)))

    assert report.ok, report.problems
    assert (report.entries, report.members) == (3, 1)
    assert report.totals == {
        "points": {
            "program:issued": -100,
            "program:redeemed": 40,
            "member:*:available": 60,
            "member:*:held": 0,
        }
    }


@pytest.mark.parametrize(
    "field, value",
    [
        ("entry_id", "other"),
        ("kind", "adjust"),
        ("amount", 41),
        ("debit", "program:issued"),
        ("credit", "program:expired"),
        ("unit", "miles"),
        ("lot", 9),
        ("event_id", "other"),
        ("source", "other"),
        ("rule_id", "other"),
        ("leg", 1),
        ("program_hash", "other"),
        ("occurred_at_ms", 1),
        ("recorded_at_ms", 1),
        ("hash", b"x" * 32),
    ],
)
def test_a_change_of_any_field_is_found_at_the_entry(field: str, value: object) -> None:
    entries = chain(EARNED, HOLD, REDEEMED)
    head = Head(3, entries[-1].hash, wallets(available=60))
    entries[1] = entries[1]._replace(**{field: value})

    member_id, seq, what = problem(judged(entries, head))

    assert (member_id, seq) == ("m-é1", 2)
    assert "the entry was changed" in what


def test_an_entry_forged_together_with_its_hash_is_found_at_the_next() -> None:
    entries = chain(EARNED, HOLD, REDEEMED)
    head = Head(3, entries[-1].hash, wallets(available=60))
    forged = entries[1]._replace(amount=41)
    entries[1] = forged._replace(hash=canonical_hash(forged))

    _, seq, what = problem(judged(entries, head))

    assert seq == 3
    assert what.startswith("previous_hash is ")


def test_a_forged_last_entry_is_found_by_the_published_hash() -> None:
    entries = chain(EARNED, HOLD)
    head = Head(2, entries[-1].hash, wallets(available=60, held=40))
    forged = entries[1]._replace(amount=41)
    entries[1] = forged._replace(hash=canonical_hash(forged))

    _, seq, what = problem(judged(entries, head))

    assert seq == 2
    assert what.startswith("hash ")
    assert "published balance" in what


def test_a_removed_entry_is_a_gap() -> None:
    entries = chain(EARNED, HOLD, REDEEMED)
    head = Head(3, entries[-1].hash, wallets(available=60))
    del entries[1]

    assert problem(judged(entries, head)) == ("m-é1", 3, "seq 3 follows 1: what lies between is missing")


def test_removed_last_entries_are_found_by_the_published_balance() -> None:
    entries = chain(EARNED, HOLD, REDEEMED)
    head = Head(3, entries[-1].hash, wallets(available=60))

    _, seq, what = problem(judged(entries[:1], head))

    assert (seq, what) == (2, "entries 2 to 3 are missing: the published balance stands at 3")
    assert problem(judged([], head))[2].startswith("entries 1 to 3 are missing")


def test_an_inserted_entry_comes_again() -> None:
    entries = chain(EARNED, HOLD, REDEEMED)
    head = Head(3, entries[-1].hash, wallets(available=60))
    entries.insert(2, entries[1]._replace(entry_id="forged"))

    _, seq, what = problem(judged(entries, head))

    assert seq == 2
    assert what.startswith("seq 2 comes again after 2")


def test_entries_added_behind_the_end_are_found_however_well_they_are_chained() -> None:
    entries = chain(EARNED, HOLD, REDEEMED)
    head = Head(2, entries[1].hash, wallets(available=60, held=40))

    _, seq, what = problem(judged(entries, head))

    assert (seq, what) == (3, "entries 3 to 3 lie beyond the published balance")


def test_entries_without_any_balance_are_found() -> None:
    assert problem(judged(chain(EARNED), None)) == ("m-é1", 1, "there are entries, but no published balance")


def test_entries_where_the_balance_says_there_are_none_are_found() -> None:
    assert problem(judged(chain(EARNED), Head(0, NO_HASH, {})))[1:] == (
        1,
        "there are entries, but no published balance",
    )


def test_swapped_entries_are_found() -> None:
    entries = chain(EARNED, HOLD, HOLD)
    head = Head(3, entries[-1].hash, wallets(available=20, held=80))
    entries[1], entries[2] = entries[2]._replace(seq=2), entries[1]._replace(seq=3)

    assert problem(judged(entries, head))[:2] == ("m-é1", 2)


def test_a_balance_that_the_entries_do_not_give_is_found() -> None:
    entries = chain(EARNED)

    _, seq, what = problem(judged(entries, Head(1, entries[0].hash, wallets(available=99))))

    assert (seq, what) == (1, "entries give 100 points available, the published balance 99")


def test_debt_stands_below_zero_in_its_account_and_above_in_the_balance() -> None:
    entries = chain((DEBT, "program:clawed_back", 30), EARNED, (AVAILABLE, DEBT, 30))

    assert judged(entries[:1], Head(1, entries[0].hash, wallets(debt=30))).ok
    assert judged(entries, Head(3, entries[2].hash, wallets(available=70))).ok


@pytest.mark.parametrize(
    "transfer, what",
    [
        ((AVAILABLE, HELD, 1), "leaves -1 points in member:m-é1:available"),
        (("program:issued", DEBT, 1), "leaves 1 points in member:m-é1:debt"),
        (("program:issued", AVAILABLE, 0), "amount is 0: a transfer moves at least 1"),
        ((AVAILABLE, AVAILABLE, 1), "debit and credit are both member:m-é1:available"),
        (("program:issued", "member:m2:available", 1), "'member:m2:available' is no account of this member"),
        (("program:issued", "member:m-é1:savings", 1), "'member:m-é1:savings' is no account of this member"),
        (("issued", AVAILABLE, 1), "'issued' is no account of this member"),
    ],
)
def test_what_no_transfer_may_do_is_found_even_when_well_chained(transfer: tuple[str, str, int], what: str) -> None:
    entries = chain(transfer)

    assert problem(judged(entries, Head(1, entries[0].hash, wallets())))[2].startswith(what)


def test_a_flaw_that_the_source_saw_is_a_problem() -> None:
    (entry,) = chain(EARNED)

    assert (
        problem(judged([entry._replace(flaw="odd time")], Head(1, entry.hash, wallets(available=100))))[2] == "odd time"
    )


def test_members_are_judged_apart_and_only_the_first_problem_of_each_is_named() -> None:
    bad = chain(EARNED, HOLD, REDEEMED)
    bad[0], bad[1] = bad[0]._replace(amount=1), bad[1]._replace(amount=1)
    good = chain(("program:issued", "member:m2:available", 5), member_id="m2")
    check = ChainCheck()
    check.expect("m-é1", Head(3, bad[-1].hash, wallets(available=60)))
    check.expect("m2", Head(1, good[0].hash, wallets(available=5)))
    for entry in (bad[0], good[0], bad[1], bad[2]):
        check.feed(entry)

    report = check.finish()

    assert [(p.member_id, p.seq) for p in report.problems] == [("m-é1", 1)]


def test_a_balance_that_comes_later_settles_entries_beyond_the_expected_one() -> None:
    entries = chain(EARNED, HOLD, REDEEMED)
    check = ChainCheck()
    check.expect("m-é1", Head(1, entries[0].hash, wallets(available=100)))
    for entry in entries:
        check.feed(entry)
    assert (check.behind(), check.unconfirmed()) == (0, 1)

    check.confirm("m-é1", Head(3, entries[2].hash, wallets(available=60)))

    assert check.unconfirmed() == 0
    assert check.finish().ok


def test_a_later_balance_is_compared_too() -> None:
    entries = chain(EARNED, HOLD)
    check = ChainCheck()
    for entry in entries:
        check.feed(entry)

    check.confirm("m-é1", Head(2, b"y" * 32, wallets(available=60, held=40)))

    assert problem(check.finish())[2].startswith("hash ")
