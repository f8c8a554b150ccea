"""What a simulation gives back, and its form as JSON."""

from typing import final

from pipeline.core.calendar import iso_utc
from pipeline.core.digest import Digest
from pipeline.core.fraud_holding import points_in_review
from pipeline.core.member import Member
from pipeline.core.memory import Dead, Output
from pipeline.core.reasons import WAITING
from pipeline.core.records import FraudAlert, FulfillmentCommand, LedgerEntry, ReviewChange, RewardDecision, TierChange
from pipeline.core.reservations import WAITS_FOR


@final
class MemberSummary:
    """A member's balances at a time: (available, pending, held, debt) by unit, tier, and the number of its entries so
    far."""

    __slots__ = ("review", "seq", "tier", "wallets")

    def __init__(self, member: Member, units: list[str]) -> None:
        self.wallets: dict[str, tuple[int, int, int, int]] = dict.fromkeys(units, (0, 0, 0, 0))
        for unit, wallet in member.wallets.items():
            self.wallets[unit] = (wallet.available, wallet.pending, wallet.held, wallet.debt)
        self.review = {unit: points_in_review(member, unit) for unit in member.wallets} if member.reviews else {}
        self.tier = member.tier
        self.seq = member.seq

    def to_json(self) -> dict[str, object]:
        """{"wallets": {unit: {"available", "pending", "held"}}, "tier", "seq"}; a wallet in debt also has
        "debt", one with points under review "review"."""
        wallets: dict[str, dict[str, int]] = {}
        for unit, (available, pending, held, debt) in self.wallets.items():
            wallets[unit] = {"available": available, "pending": pending, "held": held}
            if debt:
                wallets[unit]["debt"] = debt
            if self.review.get(unit, 0):
                wallets[unit]["review"] = self.review[unit]
        return {"wallets": wallets, "tier": self.tier, "seq": self.seq}


@final
class SimulationResult:
    """Outputs by kind: entries by member and seq, tier changes, commands and alerts by member, the rest in the order
    of the log."""

    __slots__ = (
        "alerts",
        "commands",
        "decisions",
        "digest",
        "entries",
        "members",
        "notes",
        "rejections",
        "reviews",
        "snapshots",
        "tier_changes",
        "waiting",
    )

    def __init__(
        self,
        members: dict[str, MemberSummary],
        journal: list[Output],
        snapshots: list[tuple[int, dict[str, MemberSummary]]],
    ) -> None:
        self.members = members
        self.snapshots = list(snapshots)
        self.entries = [output for output in journal if isinstance(output, LedgerEntry)]
        self.tier_changes = [output for output in journal if isinstance(output, TierChange)]
        self.commands = [output for output in journal if isinstance(output, FulfillmentCommand)]
        self.reviews = [output for output in journal if isinstance(output, ReviewChange)]
        self.alerts = [output for output in journal if isinstance(output, FraudAlert)]
        self.decisions = [output for output in journal if isinstance(output, RewardDecision)]
        self.rejections: list[tuple[str, str]] = []
        """(event id, reason) of what went to dead-letters or was refused."""
        self.waiting: list[tuple[str, str]] = []
        """(event id, reason) of what was applied and waited: for its order, or for a pool's answer. Of an award that
        waits, `waits_for:` and the pool."""
        self.notes: list[tuple[str, str]] = []
        """(event id, reason) of what was applied and did not do all that was asked for, as a pool's answer says."""
        for output in journal:
            if isinstance(output, Dead):
                self.rejections.append((output.event_id, output.reason))
            elif isinstance(output, RewardDecision):
                self._sort_in(output)
        self.entries.sort(key=entry_order)
        self.tier_changes.sort(key=tier_change_member)
        self.commands.sort(key=command_member)
        self.alerts.sort(key=alert_member)
        self.reviews.sort(key=review_member)
        digest = Digest()
        for entry in self.entries:
            digest.add(entry)
        self.digest = digest.hexdigest()

    def _sort_in(self, decision: RewardDecision) -> None:
        """Say why a decision did not give at once all that was asked for."""
        event_id, reason = decision.event_id, decision.reason
        if decision.outcome == "refused":
            self.rejections.append((event_id, reason))
        elif reason:
            (self.waiting if reason in WAITING else self.notes).append((event_id, reason))
        for reward in decision.rewards:
            if reward.limited_by.startswith(WAITS_FOR):
                self.waiting.append((event_id, reward.limited_by))

    def to_json(self) -> dict[str, object]:
        """The result as `accrue simulate --json` prints it: times in ISO 8601, hashes in hex."""
        return {
            "members": members_json(self.members),
            "entries": [entry_json(entry) for entry in self.entries],
            "tier_changes": [tier_change_json(change) for change in self.tier_changes],
            "fulfillments": [command_json(command) for command in self.commands],
            "rejections": reasons_json(self.rejections),
            "waiting": reasons_json(self.waiting),
            "notes": reasons_json(self.notes),
            "alerts": [alert_json(alert) for alert in self.alerts],
            "reviews": [review_json(change) for change in self.reviews],
            "snapshots": [
                {"at": iso_utc(at_ms), "members": members_json(members)} for at_ms, members in self.snapshots
            ],
            "digest": self.digest,
        }


def reasons_json(found: list[tuple[str, str]]) -> list[dict[str, str]]:
    """Events by id, each with a reason."""
    return [{"event_id": event_id, "reason": reason} for event_id, reason in found]


def members_json(members: dict[str, MemberSummary]) -> dict[str, object]:
    """Member id to its balances."""
    return {member_id: summary.to_json() for member_id, summary in members.items()}


def entry_json(entry: LedgerEntry) -> dict[str, object]:
    """A ledger entry by field."""
    return {
        "entry_id": entry.entry_id,
        "member_id": entry.member_id,
        "seq": entry.seq,
        "kind": entry.kind,
        "unit": entry.unit,
        "amount": entry.amount,
        "debit": entry.debit,
        "credit": entry.credit,
        "lot": entry.lot,
        "event_id": entry.event_id,
        "source": entry.source,
        "rule_id": entry.rule_id,
        "leg": entry.leg,
        "program_hash": entry.program_hash,
        "occurred_at": iso_utc(entry.occurred_at_ms),
        "recorded_at": iso_utc(entry.recorded_at_ms),
        "previous_hash": entry.previous_hash.hex(),
        "hash": entry.hash.hex(),
    }


def tier_change_json(change: TierChange) -> dict[str, object]:
    """A tier change by field; `valid_until` is null for a tier that is never reviewed."""
    return {
        "change_id": change.change_id,
        "member_id": change.member_id,
        "previous_tier": change.previous_tier,
        "tier": change.tier,
        "reason": change.reason,
        "qualifying_points": change.qualifying_points,
        "valid_until": iso_utc(change.valid_until_ms) if change.valid_until_ms else None,
        "event_id": change.event_id,
        "program_hash": change.program_hash,
        "occurred_at": iso_utc(change.occurred_at_ms),
        "recorded_at": iso_utc(change.recorded_at_ms),
        "seq": change.seq,
    }


def command_json(command: FulfillmentCommand) -> dict[str, object]:
    """A fulfilment command by field."""
    return {
        "fulfillment_id": command.fulfillment_id,
        "member_id": command.member_id,
        "redemption_id": command.redemption_id,
        "action": command.action,
        "reward_id": command.reward_id,
        "provider": command.provider,
        "quantity": command.quantity,
        "unit": command.unit,
        "points": command.points,
        "event_id": command.event_id,
        "program_hash": command.program_hash,
        "occurred_at": iso_utc(command.occurred_at_ms),
        "recorded_at": iso_utc(command.recorded_at_ms),
    }


def alert_json(alert: FraudAlert) -> dict[str, object]:
    """A fraud alert by field."""
    return {
        "alert_id": alert.alert_id,
        "member_id": alert.member_id,
        "signal_id": alert.signal_id,
        "kind": alert.kind,
        "action": alert.action,
        "mode": alert.mode,
        "event_id": alert.event_id,
        "source": alert.source,
        "event_type": alert.event_type,
        "measured": alert.measured,
        "value": alert.value,
        "limit": alert.limit,
        "key": alert.key,
        "unit": alert.unit,
        "points": alert.points,
        "evidence": {fact.name: fact.value for fact in alert.evidence},
        "history": [{"occurred_at": iso_utc(one.occurred_at_ms), "value": one.value} for one in alert.history],
        "review_id": alert.review_id,
        "program_hash": alert.program_hash,
        "occurred_at": iso_utc(alert.occurred_at_ms),
        "recorded_at": iso_utc(alert.recorded_at_ms),
    }


def review_json(change: ReviewChange) -> dict[str, object]:
    """A change of a review by field; `due_at` is null for one that time does not end."""
    return {
        "change_id": change.change_id,
        "review_id": change.review_id,
        "member_id": change.member_id,
        "status": change.status,
        "signal_id": change.signal_id,
        "parts": [{"unit": part.unit, "points": part.points} for part in change.parts],
        "redemption_id": change.redemption_id,
        "order_id": change.order_id,
        "freezes": change.freezes,
        "reviewers": change.reviewers,
        "reviewer": change.reviewer,
        "verdict": change.verdict,
        "reason": change.reason,
        "due_at": iso_utc(change.due_at_ms) if change.due_at_ms else None,
        "default_verdict": change.default_verdict,
        "event_id": change.event_id,
        "program_hash": change.program_hash,
        "occurred_at": iso_utc(change.occurred_at_ms),
        "recorded_at": iso_utc(change.recorded_at_ms),
        "seq": change.seq,
    }


def review_member(change: ReviewChange) -> str:
    """Changes of reviews are listed in ascending order of this."""
    return change.member_id


def alert_member(alert: FraudAlert) -> str:
    """Alerts are listed in ascending order of this."""
    return alert.member_id


def entry_order(entry: LedgerEntry) -> tuple[str, int]:
    """Entries are listed in ascending order of this."""
    return (entry.member_id, entry.seq)


def tier_change_member(change: TierChange) -> str:
    """Tier changes are listed in ascending order of this."""
    return change.member_id


def command_member(command: FulfillmentCommand) -> str:
    """Commands are listed in ascending order of this."""
    return command.member_id
