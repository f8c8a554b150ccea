"""Awards: which rules of an event give points, how many, and what limits them."""

from typing import Final

from pipeline.core import expiry, fraud_partners, limits, lots, reservations, stacking, tiers
from pipeline.core.bounds import POINTS_MAX
from pipeline.core.events import Event
from pipeline.core.fraud_awards import Planned, judged
from pipeline.core.fraud_holding import hold_points
from pipeline.core.fraud_review import Held, Review
from pipeline.core.fraud_stage import Screening
from pipeline.core.ledger import Posting
from pipeline.core.member import Member
from pipeline.core.milestones import NO_PROGRESS, Milestone
from pipeline.core.order import OrderLot
from pipeline.core.payloads import TransactionCompleted
from pipeline.core.program import Program, Rule, RuleTable
from pipeline.core.records import Reward, RuleError
from pipeline.core.rounding import rounded
from pipeline.core.tier_periods import counting_period

FIRST_ONLY: Final = "first_only"
COOLDOWN: Final = "cooldown"
MAXIMUM: Final = "maximum"
WALLET_MAXIMUM: Final = "wallet_maximum"
SCHEDULE: Final = "schedule"
MAXIMUM_PER_EVENT: Final = "maximum_per_event"

NOT_GROUPED: Final[dict[int, str]] = {}
NOT_BOUNDED: Final[dict[str, int]] = {}


def award(
    posting: Posting,
    event: Event,
    type_name: str,
    program: Program,
    rule_errors: list[RuleError],
    issued: list[OrderLot],
    screening: Screening | None = None,
    log_time_ms: int = 0,
) -> list[Reward]:
    """Book what the rules of the event's type give; one reward per rule whose condition holds, given or not.

    All rules see the member as before the event. Where fraud signals judge, `screening`, nothing is booked before they
    have judged the whole. Appends rules that failed to `rule_errors`, and booked lots to `issued`. What a rule with a
    budget gives counts as given, and is booked when it is granted.
    """
    table = program.rules.get(type_name)
    if table is None:
        return []
    member = posting.member
    rules = table.rules
    matched = matching(table, event, member, rule_errors)
    if not matched:
        return []
    first = type_name not in member.event_counts
    percent = program.earn_percent(member.tier)
    at_ms = event.occurred_at_ms
    rewards: list[Reward] = []
    lost = losers(posting.member, program, table, matched, at_ms, first, percent) if table.grouped else NOT_GROUPED
    left = dict(program.maximums) if program.maximums else NOT_BOUNDED
    planned: list[Planned] = []
    for index, value in matched:
        rule = rules[index]
        unit = rule.unit.unit_id
        desired = points_for(rule, value, percent, member.tier)
        given, limited_by = desired, ""
        if rule.restricted:
            given, limited_by = allowed(member, program, rule, at_ms, desired, first)
        if not rule.live:
            rewards.append(Reward(rule.rule_id, "points", unit, given, desired, limited_by, "shadow"))
            continue
        if index in lost:
            given, limited_by = 0, lost[index]
        if given:
            booked = points_of(planned, unit) if planned else 0
            given, limited_by = fitting(member, unit, given, limited_by, left, booked)
        rewards.append(Reward(rule.rule_id, "points", unit, given, desired, limited_by, "live"))
        if rule.milestone is not None and limited_by != SCHEDULE:
            advance(member, rule, rule.milestone, at_ms, program, given > 0)
        if not given:
            continue
        if rule.limits:
            limits.use(member, program.calendar, rule.windows, at_ms, given, 1)
            limits.use_rolling(member, rule.rolls, at_ms, given, 1)
        planned.append((rule, given, len(rewards) - 1))
    if planned:
        if screening is not None:
            planned = judged(screening, member, program, planned, rewards, at_ms)
        if table.budgeted:
            planned = ask_budgets(posting, event, type_name, program, planned, rewards, screening, log_time_ms)
        if planned:
            book_judged(posting, event, program, planned, rewards, issued, screening, log_time_ms)
    return rewards


def book_judged(
    posting: Posting,
    event: Event,
    program: Program,
    planned: list[Planned],
    rewards: list[Reward],
    issued: list[OrderLot],
    screening: Screening | None,
    log_time_ms: int,
) -> None:
    """Book what rules give: at once, or to wait for a verdict, or for the pool of the event's partner."""
    fraud = program.fraud
    reviewed_by = "" if screening is None else screening.reviewed_by
    waits_by = ""
    if fraud is not None and fraud.partners:
        totals: dict[str, int] = {}
        for rule, given, _ in planned:
            totals[rule.unit.unit_id] = totals.get(rule.unit.unit_id, 0) + given
        waits_by = fraud_partners.ask(posting, event, fraud, program.calendar, totals, not reviewed_by, log_time_ms)
    if screening is not None and reviewed_by:
        review = screening.new_review(sum([points for _, points, _ in planned]))
        book_for_review(posting, event, program, planned, rewards, issued, review, f"review:{reviewed_by}")
        screening.open(review)
    elif waits_by:
        review = Review("", posting.occurred_at_ms, 0, False)
        waiting = f"{reservations.WAITS_FOR}{event.attributes[fraud.partner] if fraud is not None else ''}"
        book_for_review(posting, event, program, planned, rewards, issued, review, waiting)
        posting.member.reviews[waits_by] = review
    else:
        book_all(posting, program, planned, issued)


def ask_budgets(
    posting: Posting,
    event: Event,
    type_name: str,
    program: Program,
    planned: list[Planned],
    rewards: list[Reward],
    screening: Screening | None,
    log_time_ms: int,
) -> list[Planned]:
    """Ask for what rules with a budget give; pauses begin with that already. Returns what can be booked at once."""
    free: list[Planned] = []
    signal_id = "" if screening is None else screening.reviewed_by
    for rule, given, place in planned:
        if not rule.budgeted:
            free.append((rule, given, place))
            continue
        told = rewards[place]
        rewards[place] = reservations.reserved(
            posting, event, program, rule, type_name, given, told.desired, told.limited_by, log_time_ms, signal_id
        )
        if screening is not None and signal_id:
            screening.opened = reservations.request_id_of(posting, rule)
        if posting.member.awarded_at_ms.get(rule.rule_id, 0) < posting.occurred_at_ms:
            posting.member.awarded_at_ms[rule.rule_id] = posting.occurred_at_ms
    return free


def book_all(posting: Posting, program: Program, planned: list[Planned], issued: list[OrderLot]) -> None:
    """Book what rules give; pauses begin with it, and it counts towards the tier."""
    member, at_ms = posting.member, posting.occurred_at_ms
    qualifying = 0
    period = -1
    for rule, given, _ in planned:
        unit = rule.unit.unit_id
        seq = book(posting, program, rule, at_ms, given)
        if rule.qualifies and unit == program.qualification_unit:
            qualifying += given
            if period < 0:
                period = counting_period(member, program, at_ms)
            issued.append((unit, seq, given, 0, period))
        else:
            issued.append((unit, seq, given, 0, 0))
    awarded_at_ms = member.awarded_at_ms
    for rule, _, _ in planned:
        if awarded_at_ms.get(rule.rule_id, 0) < at_ms:
            awarded_at_ms[rule.rule_id] = at_ms
    if qualifying:
        tiers.qualify(posting, program, qualifying)


def matching(table: RuleTable, event: Event, member: Member, rule_errors: list[RuleError]) -> list[tuple[int, int]]:
    """(index, value) of the rules whose condition holds; those that failed are appended to `rule_errors`."""
    failed: list[tuple[int, str]] = []
    matched = table.match(event, event.payload, member, failed)
    for index, error in failed:
        rule_errors.append(RuleError(table.rules[index].rule_id, error))
    return matched


def points_of(planned: list[Planned], unit: str) -> int:
    """Points of the unit that will be booked."""
    return sum([points for rule, points, _ in planned if rule.unit.unit_id == unit])


def fitting(
    member: Member, unit: str, given: int, limited_by: str, left: dict[str, int], booked: int
) -> tuple[int, str]:
    """(points that the wallet, and the event by what is `left` of its maximum, still take after those `booked`; what
    clipped them)."""
    room = lots.room(lots.wallet_of(member, unit)) - booked
    if given > room:
        given = room
        limited_by = WALLET_MAXIMUM
    if unit in left:
        if given > left[unit]:
            given = left[unit]
            limited_by = MAXIMUM_PER_EVENT
        left[unit] -= given
    return given, limited_by


def advance(member: Member, rule: Rule, milestone: Milestone, at_ms: int, program: Program, gave: bool) -> None:
    """Count the event for the rule's streak or achievement."""
    progress, _ = milestone.advanced(member.progress.get(rule.rule_id, NO_PROGRESS), at_ms, program.zone)
    member.progress[rule.rule_id] = milestone.after(progress, gave)


def losers(
    member: Member,
    program: Program,
    table: RuleTable,
    matched: list[tuple[int, int]],
    at_ms: int,
    first: bool,
    percent: int,
) -> dict[int, str]:
    """Which rules give way within their exclusive groups, as `stacking.losers` says."""
    wanted: list[tuple[int, int]] = []
    for index, value in matched:
        rule = table.rules[index]
        if rule.group and rule.live:
            desired = points_for(rule, value, percent, member.tier)
            given = allowed(member, program, rule, at_ms, desired, first)[0] if rule.restricted else desired
            if given:
                wanted.append((index, given))
    return stacking.losers(program, table.rules, wanted) if len(wanted) > 1 else NOT_GROUPED


def points_for(rule: Rule, value: int, percent: int, tier: str = "") -> int:
    """Points that the rule wants to give to a member of the tier, rounded once: never negative, at most
    `POINTS_MAX`."""
    if rule.fixed_points:
        numerator, denominator = rule.fixed_points, 1
    else:
        numerator, denominator = value * rule.rate_numerator, rule.per * rule.rate_denominator
        if rule.tier_rates is not None and tier in rule.tier_rates:
            rate = rule.tier_rates[tier]
            numerator, denominator = value * rate[0], rule.per * rate[1]
    if rule.tier_multiplies and percent != 100:
        numerator *= percent
        denominator *= 100
    if numerator <= 0:
        return 0
    return min(rounded(numerator, denominator, rule.unit.rounding), POINTS_MAX)


def allowed(member: Member, program: Program, rule: Rule, at_ms: int, desired: int, first: bool) -> tuple[int, str]:
    """(points the rule may give, what suppressed or clipped them or "")."""
    for schedule in rule.schedules:
        if not schedule.holds(at_ms, program.zone):
            return 0, SCHEDULE
    if rule.milestone is not None:
        progress, gives = rule.milestone.advanced(member.progress.get(rule.rule_id, NO_PROGRESS), at_ms, program.zone)
        if not gives:
            return 0, rule.milestone.label(progress)
    if rule.first_only and not first:
        return 0, FIRST_ONLY
    if rule.cooldown_ms and cooling(member, rule, at_ms):
        return 0, COOLDOWN
    if rule.limits and desired:
        return limits.clip(member, program.calendar, rule.limits, rule.window_keys, at_ms, desired)
    return desired, ""


def cooling(member: Member, rule: Rule, at_ms: int) -> bool:
    """Whether the rule, or any rule, gave points less than the cooldown before `at_ms`; or after it, seen from a late
    event."""
    after_ms = at_ms - rule.cooldown_ms
    if not rule.cooldown_any:
        return member.awarded_at_ms.get(rule.rule_id, 0) > after_ms
    return any(awarded_at_ms > after_ms for awarded_at_ms in member.awarded_at_ms.values())


def book(posting: Posting, program: Program, rule: Rule, at_ms: int, points: int) -> int:
    """Issue the lot with the dates that the rule gives it. Returns its seq."""
    available_at_ms, expires_at_ms = dates(posting, program, rule, at_ms)
    unit = rule.unit.unit_id
    wallet = posting.member.wallets[unit]
    return lots.issue(posting, wallet, "earn", unit, points, rule.issuer, available_at_ms, expires_at_ms, rule.rule_id)


def dates(posting: Posting, program: Program, rule: Rule, at_ms: int) -> tuple[int, int]:
    """(available_at_ms, expires_at_ms) of a lot that the rule gives."""
    calendar = program.calendar
    pending = rule.pending
    available_at_ms = calendar.add(at_ms, pending.months, pending.ms) if pending.months or pending.ms else 0
    from_ms = available_at_ms or at_ms
    if rule.slides:
        wallet = posting.member.wallets[rule.unit.unit_id]
        return available_at_ms, expiry.of_unit(calendar, rule.unit, wallet, from_ms)
    return available_at_ms, expiry.date_after(calendar, rule.lasts, from_ms)


def book_for_review(
    posting: Posting,
    event: Event,
    program: Program,
    planned: list[Planned],
    rewards: list[Reward],
    issued: list[OrderLot],
    review: Review,
    limited_by: str,
) -> None:
    """Book what rules give as points that wait: they count for no tier, and pauses begin with them."""
    member, at_ms = posting.member, posting.occurred_at_ms
    payload = event.payload
    review.order_id = payload.order_id if isinstance(payload, TransactionCompleted) else ""
    for rule, points, index in planned:
        unit = rule.unit.unit_id
        seq = book_held(posting, program, rule, points, review)
        issued.append((unit, seq, points, 0, 0))
        reward = rewards[index]
        rewards[index] = Reward(reward.rule_id, reward.type, unit, points, reward.desired, limited_by, reward.mode)
        if member.awarded_at_ms.get(rule.rule_id, 0) < at_ms:
            member.awarded_at_ms[rule.rule_id] = at_ms


def book_held(posting: Posting, program: Program, rule: Rule, points: int, review: Review) -> int:
    """Issue the lot to wait for the review's verdict, with the dates that the rule gives it. Returns its seq."""
    seq = posting.member.seq + 1
    available_at_ms, expires_at_ms = dates(posting, program, rule, posting.occurred_at_ms)
    held = Held(rule.unit.unit_id, seq, points, available_at_ms, expires_at_ms, rule.qualifies)
    hold_points(posting, review, held, rule.rule_id, rule.issuer)
    return seq
