"""Posting: every movement of points is an entry from one account to another, numbered and chained per member."""

from typing import Final, final

from pipeline.core.chain import cause_text, chained_hash
from pipeline.core.ids import cause_prefix, derived_id
from pipeline.core.member import Member
from pipeline.core.ports import Outputs
from pipeline.core.records import LedgerEntry

SOURCE: Final = "accrue"
"""Source of what the pipeline itself causes."""

REDEEMED: Final = "program:redeemed"
EXPIRED: Final = "program:expired"
CLAWED_BACK: Final = "program:clawed_back"
ADJUSTED: Final = "program:adjusted"


@final
class Posting:
    """Books the transfers that one cause (an event, or a piece of due work) brings for one member.

    `pending`, `available`, `held` and `debt` are the member's accounts. Times in ms; `recorded_at_ms` is the timestamp
    of the log record that brought the cause.
    """

    __slots__ = (
        "_cause",
        "_prefix",
        "available",
        "debt",
        "event_id",
        "held",
        "member",
        "occurred_at_ms",
        "out",
        "pending",
        "program_hash",
        "recorded_at_ms",
        "source",
    )

    def __init__(
        self,
        member: Member,
        out: Outputs,
        program_hash: str,
        event_id: str,
        source: str,
        occurred_at_ms: int,
        recorded_at_ms: int,
    ) -> None:
        member_id = member.member_id
        self.member = member
        self.out = out
        self.program_hash = program_hash
        self.event_id = event_id
        self.source = source
        self.occurred_at_ms = occurred_at_ms
        self.recorded_at_ms = recorded_at_ms
        self.pending = f"member:{member_id}:pending"
        self.available = f"member:{member_id}:available"
        self.held = f"member:{member_id}:held"
        self.debt = f"member:{member_id}:debt"
        self._prefix = cause_prefix(member_id, source, event_id)
        self._cause = cause_text(member_id, event_id, source, program_hash, occurred_at_ms, recorded_at_ms)

    def derived_id(self, rule_id: str, leg: int) -> str:
        """Id of what this cause brings: 32 hex digits."""
        return derived_id(self._prefix, rule_id, leg)

    def post(
        self, kind: str, unit: str, amount: int, debit: str, credit: str, lot: int, rule_id: str, leg: int
    ) -> None:
        """One entry. `lot` is the seq of the entry that issued it, or 0."""
        assert amount > 0, f"entry of {amount} points from {debit} to {credit}: an entry moves at least 1"
        member = self.member
        seq = member.seq + 1
        previous_hash = member.last_hash
        entry_id = derived_id(self._prefix, rule_id, leg)
        entry_hash = chained_hash(
            self._cause, entry_id, seq, kind, unit, amount, debit, credit, lot, rule_id, leg, previous_hash
        )
        member.seq = seq
        member.last_hash = entry_hash
        self.out.entry(
            LedgerEntry(
                entry_id,
                member.member_id,
                seq,
                kind,
                unit,
                amount,
                debit,
                credit,
                lot,
                self.event_id,
                self.source,
                rule_id,
                leg,
                self.program_hash,
                self.occurred_at_ms,
                self.recorded_at_ms,
                previous_hash,
                entry_hash,
            )
        )
