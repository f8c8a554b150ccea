"""What is owed to and by each partner in a month, from the ledger alone: its points at the rates agreed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, final

import msgspec

from pipeline.core.accounts import funded_by, redeemed_at
from pipeline.core.records import LedgerEntry
from pipeline.core.rounding import rounded
from pipeline.program.partners import Partner

POINTS_PER_RATE: Final = 1_000
ROUNDING: Final = "half_even"
OUTCOME: Final = "outcome:"
"""Entries that redeem for a fulfilment have an event id that begins so; the fulfilment's id follows."""
COLUMNS: Final = ("partner", "unit", "what", "entries", "points", "rate_minor", "currency", "owed_minor", "owed_to")


@final
class Line(msgspec.Struct, frozen=True):
    """Points of a unit on one account of a partner. `owed_minor` is rounded once, half to even; below 0 where more was
    taken back than given. `owed_to` is partner or programme."""

    partner: str
    unit: str
    what: str
    entries: int
    points: int
    rate_minor: int
    currency: str
    owed_minor: int
    owed_to: str


@final
class Total(msgspec.Struct, frozen=True):
    """All lines of a partner in a currency: `net_minor` is what the programme owes, below 0 what it is owed."""

    partner: str
    currency: str
    to_partner_minor: int
    to_programme_minor: int
    net_minor: int


@final
class Statement(msgspec.Struct, frozen=True):
    """A partner's own list held against the ledger: fulfilments that only one of the two has."""

    matched: int
    only_billed: tuple[str, ...]
    only_redeemed: tuple[str, ...]


@final
class Settlement:
    """Adds up ledger entries whose record time lies within a month; each entry is to be given once, members' entries
    in their order."""

    def __init__(self, partners: Mapping[str, Partner], from_ms: int, until_ms: int) -> None:
        self._partners = partners
        self._from_ms = from_ms
        self._until_ms = until_ms
        self._redeemed_at = {redeemed_at(name): name for name in partners}
        self._funded_by = {funded_by(name): name for name in partners}
        self._funded_lots: dict[tuple[str, int], str] = {}
        self._sums: dict[tuple[str, str, str], list[int]] = {}
        self.fulfilments: dict[str, set[str]] = {}

    def add(self, entry: LedgerEntry) -> None:
        """Take one entry, of whatever month: lots of before are clawed back later."""
        within = self._from_ms <= entry.recorded_at_ms < self._until_ms
        if (partner := self._redeemed_at.get(entry.credit)) is not None and within:
            self._sum(partner, entry.unit, "redeemed", entry.amount)
            if entry.event_id.startswith(OUTCOME):
                self.fulfilments.setdefault(partner, set()).add(entry.event_id.removeprefix(OUTCOME))
        elif (partner := self._redeemed_at.get(entry.debit)) is not None and within:
            self._sum(partner, entry.unit, "redeemed", -entry.amount)
        elif (partner := self._funded_by.get(entry.debit)) is not None:
            self._funded_lots[entry.member_id, entry.seq] = partner
            if within:
                self._sum(partner, entry.unit, "issued", entry.amount)
        elif entry.kind == "clawback" and within:
            funder = self._funded_lots.get((entry.member_id, entry.lot))
            if funder is not None:
                self._sum(funder, entry.unit, "issued", -entry.amount)

    def lines(self) -> list[Line]:
        """By partner, unit and what it is."""
        return [self._line(*key, *self._sums[key]) for key in sorted(self._sums)]

    def _sum(self, partner: str, unit: str, what: str, points: int) -> None:
        found = self._sums.setdefault((partner, unit, what), [0, 0])
        found[0] += 1
        found[1] += points

    def _line(self, partner: str, unit: str, what: str, entries: int, points: int) -> Line:
        terms = self._partners[partner].settlement
        rate = 0 if terms is None else (terms.redeemed_minor if what == "redeemed" else terms.issued_minor)
        owed = rounded(abs(points) * rate, POINTS_PER_RATE, ROUNDING)
        return Line(
            partner, unit, what, entries, points, rate, "" if terms is None else terms.currency,
            owed if points >= 0 else -owed, "partner" if what == "redeemed" else "programme",
        )  # fmt: skip


def totals(lines: Iterable[Line]) -> list[Total]:
    """The lines added up, as they are rounded: so they always agree."""
    sums: dict[tuple[str, str], list[int]] = {}
    for line in lines:
        found = sums.setdefault((line.partner, line.currency), [0, 0])
        found[0 if line.owed_to == "partner" else 1] += line.owed_minor
    return [Total(*key, to, by, to - by) for key, (to, by) in sorted(sums.items())]


def compared(redeemed: set[str], billed: Iterable[str]) -> Statement:
    """A partner's list of fulfilments beside those that the ledger has redeemed there."""
    listed = set(billed)
    return Statement(len(redeemed & listed), tuple(sorted(listed - redeemed)), tuple(sorted(redeemed - listed)))


def csv_rows(lines: Iterable[Line]) -> Iterator[tuple[object, ...]]:
    """The lines as rows, columns as `COLUMNS`."""
    for line in lines:
        yield msgspec.structs.astuple(line)
