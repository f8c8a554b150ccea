"""Judges a ledger entry by entry: chains, gaps, accounts, balances. Imports nothing of what writes ledgers, on purpose.

The canonical form is the one documented in `pipeline.core.chain`, written here a second time: a mistake there cannot
hide itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

NO_HASH: Final = bytes(32)
PROBLEMS_KEPT: Final = 1000
PLUS_ACCOUNTS: Final = ("available", "pending", "held", "review")
"""A member's accounts that must never stand below zero; `debt` must never stand above."""
COMPARED_ACCOUNTS: Final = ("available", "pending", "held", "review", "debt")
SHARED_ACCOUNTS: Final = ("program:", "transit:", "partner:", "household:")


class Entry(NamedTuple):
    """A ledger entry as its source gives it. `flaw` is what the source itself found wrong with it, or empty."""

    entry_id: str
    member_id: str
    seq: int
    kind: str
    unit: str
    amount: int
    debit: str
    credit: str
    lot: int
    event_id: str
    source: str
    rule_id: str
    leg: int
    program_hash: str
    occurred_at_ms: int
    recorded_at_ms: int
    previous_hash: bytes
    hash: bytes
    flaw: str = ""


class Head(NamedTuple):
    """A member's published state: sequence number and hash of the latest entry, and points by unit and account.

    Accounts are available, pending, held, review and debt; debt as the positive number that is owed.
    """

    seq: int
    hash: bytes
    wallets: Mapping[str, Mapping[str, int]]


class Problem(NamedTuple):
    """The first thing wrong with a member's ledger, or with a record that belongs to none (member_id empty)."""

    member_id: str
    seq: int
    what: str


@dataclass
class Report:
    """What was checked and found. `totals` are points by unit and account, members' accounts summed over members."""

    entries: int = 0
    members: int = 0
    problem_count: int = 0
    problems: list[Problem] = field(default_factory=list)
    totals: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.problem_count == 0


def canonical_hash(entry: Entry) -> bytes:
    """SHA-256 over the entry's canonical form and its `previous_hash`."""
    digest = hashlib.sha256()
    for part in (
        entry.member_id,
        entry.event_id,
        entry.source,
        entry.program_hash,
        entry.occurred_at_ms,
        entry.recorded_at_ms,
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
    ):
        digest.update((f"{len(part)}:{part}" if isinstance(part, str) else f"{part};").encode())
    digest.update(entry.previous_hash)
    return digest.digest()


class _Chain:
    """What is remembered of one member."""

    __slots__ = ("broken", "confirmed_seq", "hash", "points", "seq")

    def __init__(self) -> None:
        self.seq = 0
        self.hash = NO_HASH
        self.points: dict[str, dict[str, int]] = {}  # unit -> account -> points
        self.confirmed_seq = 0  # latest sequence number that a published balance is known to have reached
        self.broken = False


class ChainCheck:
    """Takes every member's entries in order of seq, members mixed as they come; memory grows with members, not entries.

    `expect` balances read before the entries, `feed` the entries, `confirm` balances read after them, then `finish`.
    Of each member only the first problem is reported: what follows a broken link proves nothing.
    """

    def __init__(self) -> None:
        self.report = Report()
        self._chains: dict[str, _Chain] = {}
        self._expected: dict[str, Head] = {}
        self._shared: dict[str, dict[str, int]] = {}  # unit -> account -> points

    def expect(self, member_id: str, head: Head) -> None:
        """A balance published before the entries are read: the entries must get there. The latest per member counts."""
        self._expected[member_id] = head

    def feed(self, entry: Entry) -> None:
        """The next entry."""
        self.report.entries += 1
        chain = self._chains.get(entry.member_id)
        if chain is None:
            chain = self._chains[entry.member_id] = _Chain()
        if chain.broken:
            return
        what = entry.flaw or _wrong_link(chain, entry) or _wrong_transfer(entry)
        if not what:
            chain.seq, chain.hash = entry.seq, entry.hash
            what = self._move(chain, entry)
        expected = self._expected.get(entry.member_id)
        if not what and expected is not None and expected.seq == entry.seq:
            what = self._compare(entry.member_id, expected)
            self._expected.pop(entry.member_id)
        if what:
            chain.broken = True
            self.note(entry.member_id, entry.seq, what)

    def behind(self) -> int:
        """How many members' entries have not reached the expected balance (yet)."""
        return sum(1 for _ in self._behind())

    def confirm(self, member_id: str, head: Head) -> None:
        """A balance published later than the expected one: nothing may lie beyond it in the end."""
        chain = self._chains.get(member_id)
        if chain is None or chain.broken:
            return
        chain.confirmed_seq = max(chain.confirmed_seq, head.seq)
        if head.seq == chain.seq:
            what = self._compare(member_id, head)
            if what:
                chain.broken = True
                self.note(member_id, head.seq, what)

    def unconfirmed(self) -> int:
        """How many members have entries beyond every balance seen (so far)."""
        return sum(1 for _ in self._beyond())

    def note(self, member_id: str, seq: int, what: str) -> None:
        """Note a problem, of a member or (member_id empty) of a record that belongs to none."""
        self.report.problem_count += 1
        if len(self.report.problems) < PROBLEMS_KEPT:
            self.report.problems.append(Problem(member_id, seq, what))

    def finish(self) -> Report:
        """Judge what is missing and what is too much, and sum up."""
        for member_id, head in sorted(self._behind()):
            seq = self._chains[member_id].seq if member_id in self._chains else 0
            missing = f"entry {head.seq} is" if head.seq == seq + 1 else f"entries {seq + 1} to {head.seq} are"
            self.note(member_id, seq + 1, f"{missing} missing: the published balance stands at {head.seq}")
        for member_id, chain in sorted(self._beyond()):
            self.note(
                member_id,
                chain.confirmed_seq + 1,
                f"entries {chain.confirmed_seq + 1} to {chain.seq} lie beyond the published balance"
                if chain.confirmed_seq
                else "there are entries, but no published balance",
            )
        self.report.members = len(self._chains)
        self._sum_up()
        return self.report

    def _behind(self) -> list[tuple[str, Head]]:
        return [
            (member_id, head)
            for member_id, head in self._expected.items()
            if head.seq > 0 and not ((chain := self._chains.get(member_id)) is not None and chain.broken)
        ]

    def _beyond(self) -> list[tuple[str, _Chain]]:
        return [
            (member_id, chain)
            for member_id, chain in self._chains.items()
            if chain.seq > chain.confirmed_seq and not chain.broken and not self._awaits(member_id, chain.seq)
        ]

    def _awaits(self, member_id: str, seq: int) -> bool:
        """Whether the member's expected balance lies ahead of `seq`."""
        head = self._expected.get(member_id)
        return head is not None and head.seq > seq

    def _compare(self, member_id: str, head: Head) -> str:
        """What differs between the entries up to `head.seq` and the published balance, or empty."""
        chain = self._chains[member_id]
        chain.confirmed_seq = max(chain.confirmed_seq, head.seq)
        if head.hash != chain.hash:
            return f"hash {chain.hash.hex()} is not the published balance's last_hash {head.hash.hex()}"
        for unit in sorted(chain.points.keys() | head.wallets.keys()):
            found, published = chain.points.get(unit, {}), head.wallets.get(unit, {})
            for account in COMPARED_ACCOUNTS:
                points = -found.get(account, 0) if account == "debt" else found.get(account, 0)
                if points != published.get(account, 0):
                    return f"entries give {points} {unit} {account}, the published balance {published.get(account, 0)}"
        return ""

    def _move(self, chain: _Chain, entry: Entry) -> str:
        """Carry out the transfer; what is wrong with the balances after it, or empty."""
        own = f"member:{entry.member_id}:"
        for account, points in ((entry.debit, -entry.amount), (entry.credit, entry.amount)):
            place = chain.points if account.startswith(own) else self._shared
            balances = place.setdefault(entry.unit, {})
            name = account.removeprefix(own)
            balances[name] = balances.get(name, 0) + points
        for name in {a.removeprefix(own) for a in (entry.debit, entry.credit) if a.startswith(own)}:
            points = chain.points[entry.unit][name]
            if (points > 0) if name == "debt" else (points < 0):
                return f"leaves {points} {entry.unit} in {own}{name}"
        return ""

    def _sum_up(self) -> None:
        totals = {unit: dict(accounts) for unit, accounts in self._shared.items()}
        for chain in self._chains.values():
            for unit, accounts in chain.points.items():
                into = totals.setdefault(unit, {})
                for account, points in accounts.items():
                    into[f"member:*:{account}"] = into.get(f"member:*:{account}", 0) + points
        for unit, accounts in sorted(totals.items()):
            if sum(accounts.values()) != 0:
                self.note("", 0, f"all accounts of {unit} sum to {sum(accounts.values())} instead of 0")
        self.report.totals = totals


def _wrong_link(chain: _Chain, entry: Entry) -> str:
    """What is wrong with the entry's place in the chain, or empty."""
    if entry.seq <= chain.seq:
        return f"seq {entry.seq} comes again after {chain.seq}: an entry was inserted, repeated or put elsewhere"
    if entry.seq > chain.seq + 1:
        return f"seq {entry.seq} follows {chain.seq}: what lies between is missing"
    if entry.previous_hash != chain.hash:
        return (
            f"previous_hash is {entry.previous_hash.hex()}, but the entry before has {chain.hash.hex()}: "
            "this entry or the one before was changed"
        )
    computed = canonical_hash(entry)
    if entry.hash != computed:
        return f"hash is {entry.hash.hex()}, but its fields give {computed.hex()}: the entry was changed"
    return ""


def _wrong_transfer(entry: Entry) -> str:
    """What is wrong with the entry's meaning, or empty."""
    if entry.amount < 1:
        return f"amount is {entry.amount}: a transfer moves at least 1"
    if entry.debit == entry.credit:
        return f"debit and credit are both {entry.debit}"
    own = f"member:{entry.member_id}:"
    for account in (entry.debit, entry.credit):
        mine = account.startswith(own) and account.removeprefix(own) in (*PLUS_ACCOUNTS, "debt")
        if not mine and not account.startswith(SHARED_ACCOUNTS):
            return f"{account!r} is no account of this member or of the programme"
    return ""
