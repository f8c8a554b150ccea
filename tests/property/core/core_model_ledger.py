"""The naive model's lots and tiers: whole histories, worked out again each time they are looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from core_model_occasions import KINDS, ModelOccasions
from core_model_tiers import Label

from pipeline.core.program import Program, Rule

Move = tuple[str, str, int, str, str, int, int, str]
"""(kind, unit, amount, from, to, lot, occurred at, event id)."""
ModelRequest = tuple[str, str, int, int, tuple[Any, ...], str]
"""(action, pool, amount, limit, codes or lots as (points, expires at), event id) of what goes to a pool."""


@dataclass
class ModelLot:
    lot: int
    unit: str
    earned: int
    pending_until: int
    expires_at: int
    taken: list[int] = field(default_factory=list)
    slides: bool = False
    lapsed: bool = False

    @property
    def left(self) -> int:
        return self.earned - sum(self.taken)


@dataclass
class ModelHold:
    reward_id: str
    unit: str
    points: int
    pieces: int
    parts: list[tuple[ModelLot, int]]
    requested_at: int
    fulfillment_id: str
    cancelling: bool = False
    timeout: int = 0
    waiting: bool = False
    pool: str = ""
    asking: ModelAsk | None = None
    confirmed: bool = False
    codes: list[str] = field(default_factory=list)
    household: str = ""
    drawn: list[int] = field(default_factory=list)


@dataclass
class ModelAsk:
    """What was asked of a pool: `points` of an award by `rule` of the rules for `kind`, or pieces for `redemption`; of
    a household, points for so many `pieces` of a reward."""

    pool: str
    amount: int
    at: int
    rule: Rule | None = None
    kind: str = ""
    points: int = 0
    order: ModelOrder | None = None
    redemption: str = ""
    reward_id: str = ""
    pieces: int = 0
    void: bool = False
    answered: bool = False


@dataclass
class ModelOrder:
    """`lines` are [line id, pieces, amount, pieces back], `points` the lots that paid a part, `uses` what rules with
    limits or pauses gave, `grants` what pools gave."""

    paid: int
    at: int = 0
    lots: list[tuple[ModelLot, int, Label | None]] = field(default_factory=list)
    refunds: list[int] = field(default_factory=list)
    revision: int = 0
    cancelled: bool = False
    lines: list[list[Any]] = field(default_factory=list)
    points: list[tuple[ModelLot, int]] = field(default_factory=list)
    points_paid: int = 0
    uses: list[tuple[str, int]] = field(default_factory=list)
    spent: tuple[Label, int] = ((), 0)
    grants: list[tuple[str, int]] = field(default_factory=list)

    def part(self) -> Fraction:
        """How much of it was refunded; nothing of one that cost nothing."""
        return Fraction(sum(self.refunds), self.paid or 1)


@dataclass
class ModelLedger(ModelOccasions):
    """`moves` is the expected ledger. `reason` is that of the latest refusal, or a note, or ""; `asks` are all that was
    ever asked of pools, in the order of the `requests` that take."""

    clock: int = 0
    reason: str = ""
    note: str = ""
    enrolled: bool = False
    moves: list[Move] = field(default_factory=list)
    lots: list[ModelLot] = field(default_factory=list)
    owed: dict[str, list[int]] = field(default_factory=dict)
    holds: dict[str, ModelHold] = field(default_factory=dict)
    orders: dict[str, ModelOrder] = field(default_factory=dict)
    applied: list[str] = field(default_factory=list)
    awards: list[tuple[str, int, int]] = field(default_factory=list)
    usage: dict[tuple[str, str], list[tuple[bool, int, int, int]]] = field(default_factory=dict)
    activity: dict[str, list[int]] = field(default_factory=dict)
    held_for: dict[str, list[int]] = field(default_factory=dict)
    achieved: set[str] = field(default_factory=set)
    redeemed_at: list[int] = field(default_factory=list)
    asks: list[ModelAsk] = field(default_factory=list)
    requests: list[ModelRequest] = field(default_factory=list)

    # ---- looking

    def fits(self, program: Program, at: int) -> bool:
        """Whether every window of the signal's length, with one redemption more, holds what it allows; noted if so.

        One later than the length counts as late by that.
        """
        if program.fraud is None:
            return True
        (signal,) = program.fraud.signals
        at = max([at, *(one - signal.length_ms for one in self.redeemed_at)])
        together = [*self.redeemed_at, at]
        for end in together:
            inside = [one for one in together if end - signal.length_ms < one <= end]
            if at in inside and len(inside) > signal.at_most:
                return False
        self.redeemed_at.append(at)
        return True

    def available(self, unit: str) -> int:
        return sum(lot.left for lot in self.lots if lot.unit == unit and not lot.pending_until)

    def balances(self, unit: str) -> tuple[int, int, int, int]:
        pending = sum(lot.left for lot in self.lots if lot.unit == unit and lot.pending_until)
        held = sum(hold.points for hold in self.holds.values() if hold.unit == unit)
        return (self.available(unit), pending, held, sum(self.owed.get(unit, [])))

    # ---- time

    def pass_time(self, until: int) -> None:
        """All that is due by `until`, one at a time, earliest first."""
        while True:
            due: list[tuple[int, int, int]] = []
            for index, lot in enumerate(self.lots):
                if lot.left and lot.pending_until:
                    due.append((lot.pending_until, 0, index))
                elif lot.left and lot.slides:
                    due.append((max(self.activity[lot.unit]), 1, index))
                elif lot.left and lot.expires_at:
                    due.append((lot.expires_at, 1, index))
            due += [(max(dates), 3, number) for number, dates in enumerate(self.activity.values()) if dates]
            if self.tier_until:
                due.append((self.tier_until, 2, 0))
            if self.rise_at:
                due.append((self.rise_at, 5, 0))
            due += [(self.coming[kind][0], 6, number) for number, kind in enumerate(KINDS) if kind in self.coming]
            due = [one for one in due if one[0] <= until]
            timeouts = [(hold.timeout, name) for name, hold in self.holds.items() if 0 < hold.timeout <= until]
            if timeouts and (not due or min(timeouts)[0] < min(due)[0]):
                at, name = min(timeouts)
                self.clock = max(self.clock, at)
                self.time_out(name, at)
            elif due:
                at, kind, index = min(
                    due, key=lambda one: (one[0], one[1], self.lots[one[2]].lot if one[1] < 2 else one[2])
                )
                self.clock = max(self.clock, at)
                self.do_due(at, kind, index)
                if kind == 3:
                    continue
            else:
                return
            self.look_ahead(self.timeline(at), at, changed=False)

    def do_due(self, at: int, kind: int, index: int) -> None:
        if kind == 6:
            self.keep_occasion(KINDS[index], at)
        elif kind == 5:
            self.rise_later(at)
        elif kind == 3:
            self.lapse(list(self.activity)[index])
        elif kind == 2:
            self.review(at)
        elif kind == 1:
            lot = self.lots[index]
            self.take(lot, lot.left, "expire", "available", "program:expired", at, f"due:expire:{lot.lot}")
        else:
            lot = self.lots[index]
            lot.pending_until = 0
            event_id = f"due:release:{lot.lot}"
            self.move("release", lot.unit, lot.left, "pending", "available", lot.lot, at, event_id)
            self.repay(lot, at, event_id)

    def time_out(self, redemption_id: str, at: int) -> None:
        hold = self.holds[redemption_id]
        hold.timeout = 0
        if hold.waiting:
            event_id = f"due:timeout:{hold.fulfillment_id}"
            del self.holds[redemption_id]
            self.pieces_back(hold, hold.pieces, event_id)
            self.let_go(hold, hold.parts, hold.pieces, self.timeline(at), at, event_id)

    def pieces_back(self, hold: ModelHold, pieces: int, event_id: str) -> None:
        """A hold no longer needs so many pieces of its pool; one that is still asking gives back what comes."""
        if hold.asking is not None:
            hold.asking.void = hold.asking.void or pieces == hold.pieces
        elif hold.pool.startswith("stock:") and pieces:
            self.requests.append(("give_back", hold.pool, pieces, 0, (), event_id))
        elif hold.pool and hold.waiting and pieces:
            codes, hold.codes = hold.codes[-pieces:], hold.codes[:-pieces]
            self.requests.append(("give_back", hold.pool, pieces, 0, tuple(codes), event_id))

    def let_go(
        self,
        hold: ModelHold,
        parts: list[tuple[ModelLot, int]],
        pieces: int,
        program: Program,
        at: int,
        event_id: str,
    ) -> None:
        """Parts of a hold return, and pieces are uncounted."""
        drawn = [(lot, points) for lot, points in parts if lot.lot in hold.drawn]
        for lot, points in drawn:
            self.move("transfer", lot.unit, points, "held", household(hold.household), lot.lot, at, event_id)
        if drawn:
            lots = tuple((points, lot.expires_at) for lot, points in drawn)
            self.requests.append(("give_back", hold.household, sum(one for one, _ in lots), 0, lots, event_id))
        for lot, points in parts:
            if lot.lot not in hold.drawn:
                self.come_back(lot, points, "void", "held", at, event_id)
        for every in {limit.every for limit in program.rewards[hold.reward_id].limits}:
            back = (False, hold.requested_at, sum(points for _, points in parts), pieces)
            self.usage.setdefault((hold.reward_id, every), []).append(back)

    def lapse(self, unit: str) -> None:
        """Nothing was earned for long: what has not expired by now is on hold, and does when it returns."""
        self.activity[unit] = []
        for lot in self.lots:
            lot.lapsed = lot.lapsed or (lot.unit == unit and lot.slides)

    # ---- moving points

    def move(
        self, kind: str, unit: str, amount: int, debit: str, credit: str, lot: int, at: int, event_id: str
    ) -> None:
        self.moves.append((kind, unit, amount, debit, credit, lot, at, event_id))

    def take(self, lot: ModelLot, points: int, kind: str, debit: str, credit: str, at: int, event_id: str) -> None:
        assert 0 < points <= lot.left
        lot.taken.append(points)
        self.move(kind, lot.unit, points, debit, credit, lot.lot, at, event_id)

    def repay(self, lot: ModelLot, at: int, event_id: str) -> None:
        points = min(sum(self.owed.get(lot.unit, [])), lot.left)
        if points:
            self.owed[lot.unit].append(-points)
            self.take(lot, points, "debt", "available", "debt", at, event_id)

    def come_back(self, lot: ModelLot, points: int, kind: str, origin: str, at: int, event_id: str) -> None:
        """Points return to the lot they were taken from, with its expiry."""
        lot.taken.append(-points)
        self.move(kind, lot.unit, points, origin, "available", lot.lot, at, event_id)
        if lot.lapsed or 0 < lot.expires_at <= self.clock:
            self.take(lot, lot.left, "expire", "available", "program:expired", at, event_id)
        else:
            self.repay(lot, at, event_id)

    def issue(
        self,
        kind: str,
        unit: str,
        points: int,
        origin: str,
        dates: tuple[int, int],
        at: int,
        cause: str,
        slides: bool = False,
    ) -> ModelLot:
        lot = ModelLot(len(self.moves) + 1, unit, points, dates[0], 0 if slides else dates[1], slides=slides)
        if slides:
            self.activity.setdefault(unit, []).append(dates[1])
        self.lots.append(lot)
        self.move(kind, unit, points, origin, "pending" if dates[0] else "available", lot.lot, at, cause)
        if not dates[0]:
            self.repay(lot, at, cause)
        return lot

    def burning(self, unit: str) -> list[ModelLot]:
        """Lots with available points, earliest expiry first, then oldest."""
        lots = [lot for lot in self.lots if lot.unit == unit and lot.left and not lot.pending_until]
        return sorted(lots, key=lambda lot: (lot.expires_at or math.inf, not lot.slides, lot.lot))


def household(pool: str) -> str:
    """The account of a household's pool."""
    return pool.rpartition("/")[0]
