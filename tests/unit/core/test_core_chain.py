"""Chain, ids and digest: canonical forms that are written down, and changes that are found."""

from hashlib import blake2b, sha256

import pytest
from core_programs import Bench

from pipeline.core.chain import chain_faults, entry_hash
from pipeline.core.digest import Digest
from pipeline.core.ids import cause_prefix, derived_id
from pipeline.core.records import LedgerEntry

FIELDS: dict[str, object] = {
    "entry_id": "x", "member_id": "n", "seq": 9, "kind": "expire", "unit": "miles", "amount": 11,
    "debit": "x", "credit": "x", "lot": 9, "event_id": "x", "source": "x", "rule_id": "x", "leg": 7,
    "program_hash": "x", "occurred_at_ms": 1, "recorded_at_ms": 1,
}  # fmt: skip


def history() -> list[LedgerEntry]:
    bench = Bench()
    for number in range(4):
        bench.buy(f"e{number}", 1_000)
    return bench.entries


def changed(entry: LedgerEntry, field: str, value: object) -> LedgerEntry:
    other = LedgerEntry(*entry.to_tuple())  # type: ignore[arg-type]
    setattr(other, field, value)
    return other


def test_a_hash_is_that_of_the_documented_canonical_form() -> None:
    entry = LedgerEntry(
        "id", "m", 7, "earn", "points", 10, "program:issued", "member:m:available", 7, "é", "shop", "base", 0, "hash",
        1_000, 2_000, b"\x01" * 32, b"",
    )  # fmt: skip

    text = "1:m1:é4:shop4:hash1000;2000;2:id7;4:earn6:points10;14:program:issued18:member:m:available7;4:base0;"

    assert entry_hash(entry, b"\x01" * 32) == sha256(text.encode() + b"\x01" * 32).digest()


def test_entries_carry_the_hash_of_their_fields_and_of_the_entry_before() -> None:
    entries = history()

    assert entries[0].previous_hash == bytes(32)
    assert [entry.previous_hash for entry in entries[1:]] == [entry.hash for entry in entries[:-1]]
    assert chain_faults(entries) == []


@pytest.mark.parametrize("field", FIELDS)
def test_any_changed_field_is_found(field: str) -> None:
    entries = history()
    entries[2] = changed(entries[2], field, FIELDS[field])

    assert any("its fields give" in fault for fault in chain_faults(entries))


def test_text_moved_from_one_field_to_the_next_is_found() -> None:
    entries = history()
    first = entries[0]

    forged = changed(changed(first, "event_id", first.event_id + first.source[:1]), "source", first.source[1:])

    assert chain_faults([forged, *entries[1:]]) != []


def test_an_entry_left_out_is_found() -> None:
    entries = history()
    del entries[1]

    faults = chain_faults(entries)

    assert faults[0] == "member m, entry 3: seq is 3, expected 2"
    assert faults[1].startswith("member m, entry 3: previous_hash is ")


def test_a_rewritten_history_breaks_where_it_joins() -> None:
    entries = history()
    forged = changed(entries[1], "amount", 1_000_000)
    forged.hash = entry_hash(forged, forged.previous_hash)
    entries[1] = forged

    (fault,) = chain_faults(entries)
    assert fault.startswith("member m, entry 3: previous_hash is ")


def test_derived_ids_are_length_prefixed_hashes() -> None:
    expected = blake2b(b"1:m4:shop2:e14:base0", digest_size=16).hexdigest()

    assert derived_id(cause_prefix("m", "shop", "e1"), "base", 0) == expected
    assert derived_id(cause_prefix("m", "sho", "pe1"), "base", 0) != expected
    assert derived_id(cause_prefix("m", "shop", "e"), "1base", 0) != expected


def digest(entries: list[LedgerEntry]) -> str:
    whole = Digest()
    for entry in entries:
        whole.add(entry)
    return whole.hexdigest()


def test_the_digest_is_that_of_the_documented_form() -> None:
    entry = LedgerEntry(
        "id", "m", 1, "earn", "points", 10, "program:issued", "member:m:available", 1, "e", "shop", "base", 0, "hash",
        1_000, 2_000, b"", b"",
    )  # fmt: skip
    text = "2:id1:m1;4:earn6:points10;14:program:issued18:member:m:available1;1:e4:shop4:base0;4:hash1000;"

    member = sha256(bytes(32) + text.encode()).digest()

    assert digest([entry]) == sha256(b"1:m" + member).hexdigest()
    assert digest([]) == sha256().hexdigest()


def test_the_digest_leaves_out_recorded_at_and_hashes_and_nothing_else() -> None:
    (entry,) = history()[:1]
    unchanged = digest([entry])

    for field in ("recorded_at_ms", "previous_hash", "hash"):
        assert digest([changed(entry, field, b"x" if "hash" in field else 5)]) == unchanged
    for field in set(FIELDS) - {"seq", "recorded_at_ms"}:
        assert digest([changed(entry, field, FIELDS[field])]) != unchanged


def test_the_digest_does_not_depend_on_the_order_of_members() -> None:
    bench = Bench()
    for number in range(6):
        bench.buy(f"e{number}", 1_000, f"m{number % 3}")
    by_member = sorted(bench.entries, key=lambda entry: (entry.member_id, entry.seq))

    assert digest(bench.entries) == digest(by_member)


def test_the_digest_refuses_a_gap() -> None:
    entries = history()

    with pytest.raises(ValueError, match="entry 3 of member m follows entry 1: give each member's entries in order"):
        digest([entries[0], entries[2]])
