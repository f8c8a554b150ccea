"""An audit of the ledger, entry by entry as it is read: accounts, chains, gaps, repeated legs, digest of the run."""

from collections import Counter
from collections.abc import Iterator
from typing import Final, final

from pipeline.core.chain import entry_hash
from pipeline.core.digest import Digest
from pipeline.core.member import NO_HASH
from pipeline.core.records import LedgerEntry

POCKETS: Final = ("available", "pending", "held", "debt")
SHOWN_FAULTS: Final = 5

Balances = dict[str, dict[str, tuple[int, int, int, int]]]
"""Member to unit to points (available, pending, held, debt), zero wallets left out."""


@final
class Faults:
    """What was found against one invariant: how often, and the first few in words."""

    __slots__ = ("count", "first")

    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    def add(self, fault: str) -> None:
        """One more."""
        self.count += 1
        if len(self.first) < SHOWN_FAULTS:
            self.first.append(fault)


@final
class _Head:
    """Where one member's ledger stands: latest seq and hash, and points by (unit, pocket)."""

    __slots__ = ("hash", "points", "seq")

    def __init__(self) -> None:
        self.seq = 0
        self.hash = NO_HASH
        self.points: dict[tuple[str, str], int] = {}


@final
class LedgerAudit:
    """Takes entries in any order of members, each member's in the order they were written."""

    def __init__(self) -> None:
        self.entries = 0
        self.by_kind: Counter[str] = Counter()
        self.points_by_kind: Counter[str] = Counter()
        self.accounts: dict[str, Counter[str]] = {}
        """Unit to account (members' pockets as `members:POCKET`) to points."""
        self.repeated = Faults()
        self.broken_chains = Faults()
        self.below_zero = Faults()
        self.gaps = Faults()
        self._legs: set[tuple[str, str, str, str, int]] = set()
        self._heads: dict[str, _Head] = {}
        self._digest = Digest()

    def add(self, entry: LedgerEntry) -> None:
        """Take the next entry of its member."""
        self.entries += 1
        self.by_kind[entry.kind] += 1
        self.points_by_kind[entry.kind] += entry.amount
        place = f"member {entry.member_id}, entry {entry.seq}"
        head = self._heads.get(entry.member_id)
        if head is None:
            head = self._heads[entry.member_id] = _Head()
        self._check_order(entry, head, place)
        leg = (entry.member_id, entry.source, entry.event_id, entry.rule_id, entry.leg)
        if leg in self._legs:
            self.repeated.add(f"{place}: event {entry.event_id}, rule {entry.rule_id}, leg {entry.leg} is there twice")
        self._legs.add(leg)
        if entry.amount < 1:
            self.below_zero.add(f"{place}: moves {entry.amount} points")
        self._move(entry, head, entry.debit, -entry.amount, place)
        self._move(entry, head, entry.credit, entry.amount, place)

    def balances(self) -> Balances:
        """What the entries sum to."""
        found: Balances = {}
        for member_id, head in self._heads.items():
            units = dict.fromkeys(unit for unit, _pocket in head.points)
            wallets = {unit: _wallet(head.points, unit) for unit in units}
            if kept := {unit: wallet for unit, wallet in wallets.items() if any(wallet)}:
                found[member_id] = kept
        return found

    def heads(self) -> Iterator[tuple[str, int, bytes]]:
        """(member, seq, hash) of every member's latest entry."""
        for member_id, head in self._heads.items():
            yield member_id, head.seq, head.hash

    def digest(self) -> str:
        """Digest of the run, or empty if gaps make it meaningless."""
        return "" if self.gaps.count else self._digest.hexdigest()

    def _check_order(self, entry: LedgerEntry, head: _Head, place: str) -> None:
        if entry.seq == head.seq + 1:
            if not self.gaps.count:
                self._digest.add(entry)
        else:
            self.gaps.add(f"{place}: follows entry {head.seq}")
        if entry.previous_hash != head.hash:
            self.broken_chains.add(f"{place}: does not name the hash of the entry before it")
        elif entry_hash(entry, entry.previous_hash) != entry.hash:
            self.broken_chains.add(f"{place}: its fields do not give its hash")
        head.seq = entry.seq
        head.hash = entry.hash

    def _move(self, entry: LedgerEntry, head: _Head, account: str, points: int, place: str) -> None:
        prefix = f"member:{entry.member_id}:"
        total = self.accounts.setdefault(entry.unit, Counter())
        if not account.startswith(prefix):
            if account.startswith("member:"):
                self.below_zero.add(f"{place}: touches {account}, which is not this member's")
            total[account] += points
            return
        pocket = account.removeprefix(prefix)
        total[f"members:{pocket}"] += points
        key = (entry.unit, pocket)
        balance = head.points[key] = head.points.get(key, 0) + points
        # Debt stands below zero by nature: what the member owes. It must never turn into a credit.
        if balance > 0 if pocket == "debt" else balance < 0:
            self.below_zero.add(f"{place}: {account} stands at {balance} {entry.unit}")


def _wallet(points: dict[tuple[str, str], int], unit: str) -> tuple[int, int, int, int]:
    available, pending, held, debt = (points.get((unit, pocket), 0) for pocket in POCKETS)
    return available, pending, held, -debt
