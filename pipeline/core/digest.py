"""The digest of a run: one hash that is the same exactly if every member's ledger is the same."""

from hashlib import sha256
from typing import final

from pipeline.core.records import LedgerEntry


def digest_text(entry: LedgerEntry) -> str:
    """Canonical form of an entry for the digest: every field but recorded_at and the hashes, written as `chain` writes
    them."""
    return (
        f"{len(entry.entry_id)}:{entry.entry_id}{len(entry.member_id)}:{entry.member_id}{entry.seq};"
        f"{len(entry.kind)}:{entry.kind}{len(entry.unit)}:{entry.unit}{entry.amount};"
        f"{len(entry.debit)}:{entry.debit}{len(entry.credit)}:{entry.credit}{entry.lot};"
        f"{len(entry.event_id)}:{entry.event_id}{len(entry.source)}:{entry.source}"
        f"{len(entry.rule_id)}:{entry.rule_id}{entry.leg};"
        f"{len(entry.program_hash)}:{entry.program_hash}{entry.occurred_at_ms};"
    )


@final
class Digest:
    """Takes entries in any order of members, each member's in order of seq.

    A member's digest starts as 32 zero bytes; each entry makes it SHA-256 over itself followed by the entry's canonical
    form. The run's digest is SHA-256 over the members sorted by id (by code points): for each, its id's length in
    characters, a colon, the id, and the member's digest.
    """

    __slots__ = ("_members", "entries")

    def __init__(self) -> None:
        self._members: dict[str, tuple[int, bytes]] = {}
        self.entries = 0

    def add(self, entry: LedgerEntry) -> None:
        """Raises ValueError if the member's entry before it is missing."""
        seq, digest = self._members.get(entry.member_id, (0, bytes(32)))
        if entry.seq != seq + 1:
            raise ValueError(
                f"entry {entry.seq} of member {entry.member_id} follows entry {seq}: "
                f"give each member's entries in order of seq"
            )
        self._members[entry.member_id] = (entry.seq, sha256(digest + digest_text(entry).encode()).digest())
        self.entries += 1

    def hexdigest(self) -> str:
        """64 hex digits over what was added so far."""
        whole = sha256()
        for member_id in sorted(self._members):
            whole.update(f"{len(member_id)}:{member_id}".encode())
            whole.update(self._members[member_id][1])
        return whole.hexdigest()
