"""The hash chain of a member's entries.

Canonical form of an entry, encoded as UTF-8 and followed by the 32 bytes of the previous hash:

    cause    = text(member_id) text(event_id) text(source) text(program_hash) int(occurred_at_ms) int(recorded_at_ms)
    transfer = text(entry_id) int(seq) text(kind) text(unit) int(amount)
               text(debit) text(credit) int(lot) text(rule_id) int(leg)

where text(x) is the number of x's characters (Unicode code points) in decimal, a colon, and x; int(x) is x in decimal
and a semicolon. The entry's hash is SHA-256 over that; the first entry's previous hash is 32 zero bytes.
"""

from collections.abc import Iterable
from hashlib import sha256

from pipeline.core.member import NO_HASH
from pipeline.core.records import LedgerEntry


def cause_text(
    member_id: str, event_id: str, source: str, program_hash: str, occurred_at_ms: int, recorded_at_ms: int
) -> str:
    """Canonical form of what an entry shares with the other entries of its cause."""
    return (
        f"{len(member_id)}:{member_id}{len(event_id)}:{event_id}{len(source)}:{source}"
        f"{len(program_hash)}:{program_hash}{occurred_at_ms};{recorded_at_ms};"
    )


def chained_hash(
    cause: str,
    entry_id: str,
    seq: int,
    kind: str,
    unit: str,
    amount: int,
    debit: str,
    credit: str,
    lot: int,
    rule_id: str,
    leg: int,
    previous_hash: bytes,
) -> bytes:
    """SHA-256 of an entry, from the canonical form of its cause and the fields of its own."""
    text = (
        f"{cause}{len(entry_id)}:{entry_id}{seq};{len(kind)}:{kind}{len(unit)}:{unit}{amount};{len(debit)}:{debit}"
        f"{len(credit)}:{credit}{lot};{len(rule_id)}:{rule_id}{leg};"
    )
    return sha256(text.encode() + previous_hash).digest()


def entry_hash(entry: LedgerEntry, previous_hash: bytes) -> bytes:
    """32 bytes: the hash that `entry` must carry if the member's entry before it has `previous_hash`."""
    cause = cause_text(
        entry.member_id,
        entry.event_id,
        entry.source,
        entry.program_hash,
        entry.occurred_at_ms,
        entry.recorded_at_ms,
    )
    return chained_hash(
        cause,
        entry.entry_id,
        entry.seq,
        entry.kind,
        entry.unit,
        entry.amount,
        entry.debit,
        entry.credit,
        entry.lot,
        entry.rule_id,
        entry.leg,
        previous_hash,
    )


def chain_faults(entries: Iterable[LedgerEntry]) -> list[str]:
    """What is wrong with one member's entries, given in order from the first: gaps and hashes that do not hold. Empty
    if all is well."""
    faults: list[str] = []
    previous_hash = NO_HASH
    expected_seq = 1
    for entry in entries:
        place = f"member {entry.member_id}, entry {entry.seq}"
        if entry.seq != expected_seq:
            faults.append(f"{place}: seq is {entry.seq}, expected {expected_seq}")
        if entry.previous_hash != previous_hash:
            faults.append(f"{place}: previous_hash is {entry.previous_hash.hex()}, expected {previous_hash.hex()}")
        expected_hash = entry_hash(entry, entry.previous_hash)
        if entry.hash != expected_hash:
            faults.append(f"{place}: hash is {entry.hash.hex()}, but its fields give {expected_hash.hex()}")
        previous_hash = entry.hash
        expected_seq = entry.seq + 1
    return faults
