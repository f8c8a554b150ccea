"""A naive model of what the core must do to one member, written from the semantics' text and not from the core's code.

It keeps whole histories and works everything out again each time: lots are lists of what was taken, limits are replayed
from all that was given, years keep all their points, windows are labels such as (2026, 3), fractions are `Fraction`.
From the core it takes the program's data alone: no function of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from core_model_arithmetic import NO_PERIOD, dates
from core_model_households import cut
from core_model_ledger import ModelAsk, ModelHold, ModelLot, Move, household
from core_model_members import ModelMembers

from pipeline.core.program import Program, Reward

__all__ = ["ModelMember", "Move"]


@dataclass
class ModelMember(ModelMembers):
    """What events do to one member."""

    def enrol(self, event_id: str, at: int, recorded: int) -> None:
        def act(_: Program) -> str:
            return "already_enrolled" if "member_enrolled" in self.applied else ""

        self.event("member_enrolled", event_id, at, recorded, act)

    def adjust(self, event_id: str, points: int, at: int, recorded: int) -> None:
        def act(program: Program) -> str:
            unit = next(iter(program.units.values()))
            if points > 0:
                self.issue(
                    "adjust",
                    unit.unit_id,
                    points,
                    "program:adjusted",
                    dates(NO_PERIOD, unit, None, at, program),
                    at,
                    event_id,
                    unit.sliding,
                )
                return ""
            if self.available(unit.unit_id) < -points:
                return "insufficient_points"
            left = -points
            for lot in self.burning(unit.unit_id):
                part = min(left, lot.left)
                if part:
                    self.take(lot, part, "adjust", "available", "program:adjusted", at, event_id)
                left -= part
            return ""

        self.event("points_given" if points > 0 else "points_taken", event_id, at, recorded, act)

    def redeem(self, event_id: str, redemption_id: str, reward_id: str, pieces: int, at: int, recorded: int) -> None:
        def act(program: Program) -> str:
            reward = program.rewards.get(reward_id)
            if reward is None:
                return "unknown_reward"
            if reason := self.unfit_for(reward, redemption_id, pieces, at, program):
                return reason
            short = reward.price * pieces - self.available(reward.unit.unit_id)
            if short > 0 and not self.may_draw(reward.unit.unit_id, program):
                return "insufficient_points"
            if not self.fits(program, at):
                return "fraud_denied"
            if short > 0:
                pool = f"household:{self.household}/{reward.unit.unit_id}"
                ask = ModelAsk(pool, short, at, redemption=redemption_id, reward_id=reward_id, pieces=pieces)
                self.asks.append(ask)
                self.requests.append(("take", pool, short, 0, (), event_id))
                self.note = "waits_for_grant"
                return ""
            self.hold(event_id, redemption_id, reward, pieces, at, recorded, program)
            return ""

        self.event("redemption_requested", event_id, at, recorded, act)

    def unfit_for(self, reward: Reward, redemption_id: str, pieces: int, at: int, program: Program) -> str:
        """Why the member may not have so many pieces, whatever they cost."""
        if redemption_id in self.holds or self.drawing(redemption_id):
            return "redemption_exists"
        if reward.tiers and self.tier not in reward.tiers:
            return "tier_required"
        for limit in reward.limits:
            used_points, used_pieces = self.used(reward.reward_id, limit, at, program.zone)
            if limit.points and used_points + reward.price * pieces > limit.points:
                return "limit_reached"
            if not limit.points and used_pieces + pieces > limit.count:
                return "limit_reached"
        return ""

    def hold(
        self, event_id: str, redemption_id: str, reward: Reward, pieces: int, at: int, recorded: int, program: Program
    ) -> ModelHold:
        """Hold what so many pieces cost, and ask for them where they are counted."""
        points, unit = reward.price * pieces, reward.unit.unit_id
        if reward.unit.slides_by_redeeming:
            _, until = dates(NO_PERIOD, reward.unit, None, at, program)
            self.activity.setdefault(unit, []).append(until)
        parts: list[tuple[ModelLot, int]] = []
        for lot in self.burning(unit):
            part = min(points - sum(one for _, one in parts), lot.left)
            if part:
                self.take(lot, part, "hold", "available", "held", at, event_id)
                parts.append((lot, part))
        timeout = recorded + reward.timeout_ms if reward.timeout_ms else 0
        hold = ModelHold(reward.reward_id, unit, points, pieces, parts, at, "", timeout=timeout, waiting=reward.confirm)
        self.holds[redemption_id] = hold
        if reward.pool_id:
            hold.pool, hold.waiting, hold.confirmed = reward.pool_id, True, not reward.confirm
            hold.asking = ModelAsk(reward.pool_id, pieces, at, redemption=redemption_id)
            self.asks.append(hold.asking)
            self.requests.append(("take", reward.pool_id, pieces, reward.stock, (), event_id))
            self.note = "waits_for_grant"
        for every in {limit.every for limit in reward.limits}:
            self.usage.setdefault((reward.reward_id, every), []).append((True, at, points, pieces))
        return hold

    def confirm(self, event_id: str, redemption_id: str, pieces: int, at: int, recorded: int) -> None:
        def act(program: Program) -> str:
            hold = self.holds.get(redemption_id)
            if hold is None:
                return "redemption_not_open"
            if not hold.waiting or (hold.asking and hold.confirmed):
                return "already_confirmed"
            if pieces > hold.pieces:
                return "quantity_exceeds_hold"
            if pieces:
                self.pieces_back_beyond(hold, pieces, event_id)
            self.keep_only(hold, pieces, program, at, event_id)
            hold.confirmed = True
            if not hold.asking:
                self.dispatch(hold, program, recorded)
            return ""

        self.event("redemption_confirmed", event_id, at, recorded, act)

    def dispatch(self, hold: ModelHold, program: Program, recorded: int) -> None:
        hold.waiting = False
        timeout = program.rewards[hold.reward_id].timeout_ms
        hold.timeout = recorded + timeout if timeout else 0

    def pieces_back_beyond(self, hold: ModelHold, pieces: int, event_id: str) -> None:
        """Of a hold that goes on with fewer pieces."""
        if not hold.asking:
            self.pieces_back(hold, hold.pieces - pieces, event_id)

    def answered(
        self,
        event_id: str,
        ask: ModelAsk,
        granted: int,
        codes: list[str],
        at: int,
        recorded: int,
        lots: list[tuple[int, int]],
        expired: int,
    ) -> None:
        """The pool has answered: time passes, and what waited is given."""
        self.note = ""
        program = self.timeline(at)
        self.clock = max(self.clock, recorded)
        self.pass_time(self.clock)
        ask.answered = True
        if ask.pool.startswith("household:"):
            self.draw(ask, granted, lots, expired, at, recorded, event_id, program)
        elif ask.void and granted:
            self.requests.append(("give_back", ask.pool, granted, 0, tuple(codes), event_id))
            self.note = "grant_given_back"
        elif not ask.void and ask.redemption:
            self.stock_came(ask, granted, codes, at, recorded, event_id, program)
        elif not ask.void:
            self.grant(ask, granted, at, event_id, program)
        self.pass_time(self.clock)
        self.reason = self.note

    def draw(
        self, ask: ModelAsk, granted: int, lots: list[tuple[int, int]], expired: int, at: int, recorded: int,
        event_id: str, program: Program,
    ) -> None:  # fmt: skip
        """What the household gives pays, with the member's own points, as many pieces as it can."""
        reward = program.rewards[ask.reward_id]
        unit, account = reward.unit.unit_id, household(ask.pool)
        if expired:
            self.move("expire", unit, expired, account, "program:expired", 0, at, event_id)
        own = self.available(unit)
        pieces = min(ask.pieces, (own + granted) // reward.price)
        reason = "nothing_left"
        if ask.void:
            reason = "grant_given_back" if granted else ""
        elif pieces and not sum(self.owed.get(unit, [])):
            reason = self.unfit_for(reward, ask.redemption, pieces, at, program)
            if not reason:
                needed = max(reward.price * pieces - own, 0)
                kept, lots = cut(lots, needed)
                self.give_lots_back(ask.pool, lots, event_id)
                drawn = [
                    self.issue("transfer", unit, points, account, (0, expires), at, event_id)
                    for points, expires in kept
                ]
                hold = self.hold(event_id, ask.redemption, reward, pieces, at, recorded, program)
                hold.household, hold.drawn = ask.pool, [lot.lot for lot in drawn]
                self.note = self.note if pieces == ask.pieces else "partly_granted"
                return
        self.give_lots_back(ask.pool, lots, event_id)
        self.note = reason

    def stock_came(
        self, ask: ModelAsk, granted: int, codes: list[str], at: int, recorded: int, event_id: str, program: Program
    ) -> None:
        """The hold goes on with the pieces that there are."""
        hold = self.holds[ask.redemption]
        hold.asking = None
        if not granted:
            del self.holds[ask.redemption]
            self.let_go(hold, hold.parts, hold.pieces, program, at, event_id)
            self.note = "nothing_left"
            return
        pieces = min(granted, hold.pieces)
        hold.codes = codes[:pieces]
        if pieces < granted:
            back = ("give_back", ask.pool, granted - pieces, 0, tuple(codes[pieces:]), event_id)
            self.requests.append(back)
        if pieces < hold.pieces:
            self.keep_only(hold, pieces, program, at, event_id)
            self.note = "partly_granted"
        if hold.confirmed:
            self.dispatch(hold, program, recorded)

    def keep_only(self, hold: ModelHold, pieces: int, program: Program, at: int, event_id: str) -> None:
        """The points of the pieces beyond that return, latest expiry first."""
        if not pieces or pieces == hold.pieces:
            return
        price = hold.points // hold.pieces
        gone: list[tuple[ModelLot, int]] = []
        while sum(points for _, points in hold.parts) > price * pieces:
            lot, points = hold.parts.pop()
            over = min(points, sum(one for _, one in hold.parts) + points - price * pieces)
            gone.append((lot, over))
            if over < points:
                hold.parts.append((lot, points - over))
        lost = hold.pieces - pieces
        hold.points, hold.pieces = price * pieces, pieces
        self.let_go(hold, gone, lost, program, at, event_id)

    def cancel(self, event_id: str, redemption_id: str, at: int, recorded: int) -> None:
        def act(program: Program) -> str:
            hold = self.holds.get(redemption_id)
            if hold is None:
                return self.stop_drawing(redemption_id)
            if hold.cancelling:
                return "already_cancelling"
            if hold.waiting:
                del self.holds[redemption_id]
                self.pieces_back(hold, hold.pieces, event_id)
                self.let_go(hold, hold.parts, hold.pieces, program, at, event_id)
            hold.cancelling = True
            return ""

        self.event("redemption_cancelled", event_id, at, recorded, act)

    def outcome(self, event_id: str, redemption_id: str, outcome: str, at: int, recorded: int, pieces: int = 0) -> None:
        def act(program: Program) -> str:
            hold = self.holds.get(redemption_id)
            if hold is None or hold.waiting:
                return "redemption_not_open"
            if outcome == "unknown":
                return ""
            if outcome != "confirmed":
                del self.holds[redemption_id]
                self.pieces_back(hold, hold.pieces, event_id)
                self.let_go(hold, hold.parts, hold.pieces, program, at, event_id)
                return ""
            if pieces > hold.pieces:
                return "quantity_exceeds_hold"
            if pieces:
                self.pieces_back_beyond(hold, pieces, event_id)
            self.keep_only(hold, pieces, program, at, event_id)
            del self.holds[redemption_id]
            for lot, points in hold.parts:
                self.move("redeem", lot.unit, points, "held", "program:redeemed", lot.lot, at, event_id)
            return ""

        self.event("fulfillment_outcome", event_id, at, recorded, act)
