"""A compiled program: what the core reads when it decides. Built and checked by `pipeline.program`."""

from collections.abc import Callable
from typing import Final, final
from zoneinfo import ZoneInfo

from pipeline.core.accounts import ISSUED
from pipeline.core.calendar import Calendar
from pipeline.core.campaigns import Campaign, Limit, rolling_windows, unique_windows
from pipeline.core.conversion import Conversion
from pipeline.core.custom_events import CustomType
from pipeline.core.events import Event
from pipeline.core.fraud_program import FraudProgram
from pipeline.core.household_terms import HouseholdTerms
from pipeline.core.member import Member
from pipeline.core.milestones import Milestone
from pipeline.core.payloads import Payload
from pipeline.core.pool_ids import CODES, STOCK
from pipeline.core.referral_terms import ReferralTerms
from pipeline.core.schedules import Schedule
from pipeline.core.tier_policy import TIERS_AS_QUALIFIED, Tier, TierPolicy
from pipeline.core.transfer_terms import TransferTerms

SEMANTICS: Final = 2
"""Number of the core's rules of decision; a bundle names the one it was checked with."""

BIRTHDAY: Final = "birthday_reached"
ANNIVERSARY: Final = "anniversary_reached"
OCCASIONS: Final = (BIRTHDAY, ANNIVERSARY)
"""Types of the events that time brings to a member."""

Match = Callable[[Event, Payload, Member, list[tuple[int, str]]], list[tuple[int, int]]]
"""(event, payload, member, errors) -> [(index of the rule, value of its `of` or 0)] for the rules whose condition
holds.
A rule that fails while evaluated is left out and appended to errors as (index, what failed).
"""


@final
class Period:
    """A length of time: `months` calendar months, then `ms` milliseconds, then on to the end of the calendar month or
    year where `end_of` names one. (0, 0, "") means none."""

    __slots__ = ("end_of", "months", "ms")

    def __init__(self, months: int, ms: int, end_of: str = "") -> None:
        self.months = months
        self.ms = ms
        self.end_of = end_of


@final
class Unit:
    """A unit of points. `rounding` is floor, ceiling, half_up or half_even; `expires` counts from availability.
    Where `sliding`, it counts anew for all points of the unit whenever some are earned, and with `slides_by_redeeming`
    also whenever some are redeemed.
    """

    __slots__ = ("expires", "rounding", "slides_by_redeeming", "sliding", "unit_id")

    def __init__(
        self,
        unit_id: str,
        rounding: str,
        expires: Period,
        sliding: bool = False,
        slides_by_redeeming: bool = False,
    ) -> None:
        self.unit_id = unit_id
        self.rounding = rounding
        self.expires = expires
        self.sliding = sliding
        self.slides_by_redeeming = slides_by_redeeming


@final
class Rule:
    """One rule of an event type, without its condition, which `RuleTable.match` evaluates.

    Points = value of `of` * rate_numerator / (per * rate_denominator), the rate of `tier_rates` where it has the
    member's tier, or `fixed_points`; both times the tier's earn_percent / 100 where `tier_multiplies`, rounded once by
    the unit's rule. `expires` None means as the unit says. `limits` are the rule's own and then its campaign's.
    `window_keys` are the keys in `Member.windows` or `Member.rolling` by limit; `windows` and `rolls` the same without
    repeats, as (key, every) and (key, length in ms). Of a `group` only one rule gives, the highest `priority` goes
    first. `budgeted` says whether what it gives waits for the grant of its campaign's budget,
    `restricted` whether anything but the condition can keep the rule from giving all that it wants to.
    """

    __slots__ = (
        "budgeted",
        "campaign",
        "cooldown_any",
        "cooldown_ms",
        "expires",
        "first_only",
        "fixed_points",
        "group",
        "issuer",
        "lasts",
        "limits",
        "live",
        "milestone",
        "pending",
        "per",
        "priority",
        "qualifies",
        "rate_denominator",
        "rate_numerator",
        "restricted",
        "rolls",
        "rule_id",
        "schedules",
        "slides",
        "tier_multiplies",
        "tier_rates",
        "unit",
        "window_keys",
        "windows",
    )

    def __init__(
        self,
        rule_id: str,
        unit: Unit,
        fixed_points: int,
        per: int,
        rate_numerator: int,
        rate_denominator: int,
        pending: Period,
        expires: Period | None,
        first_only: bool,
        cooldown_ms: int,
        cooldown_any: bool,
        limits: tuple[Limit, ...],
        tier_multiplies: bool,
        qualifies: bool,
        live: bool,
        priority: int = 0,
        group: str = "",
        schedule: Schedule | None = None,
        campaign: Campaign | None = None,
        milestone: Milestone | None = None,
        tier_rates: dict[str, tuple[int, int]] | None = None,
        issuer: str = ISSUED,
    ) -> None:
        self.rule_id = rule_id
        self.issuer = issuer
        self.unit = unit
        self.fixed_points = fixed_points
        self.per = per
        self.rate_numerator = rate_numerator
        self.rate_denominator = rate_denominator
        self.pending = pending
        self.expires = expires
        self.first_only = first_only
        self.cooldown_ms = cooldown_ms
        self.cooldown_any = cooldown_any
        self.tier_multiplies = tier_multiplies
        self.qualifies = qualifies
        self.live = live
        self.lasts = unit.expires if expires is None else expires
        self.slides = unit.sliding and expires is None
        self.priority = priority
        self.group = group
        self.campaign = campaign
        self.budgeted = campaign is not None and campaign.budget is not None
        self.milestone = milestone
        self.tier_rates = tier_rates
        shared = campaign.limits if campaign is not None else ()
        owner = f"campaign:{campaign.campaign_id}" if campaign is not None else ""
        self.limits = (*limits, *shared)
        self.window_keys = (
            *[f"{rule_id}/{limit.every}" for limit in limits],
            *[f"{owner}/{limit.every}" for limit in shared],
        )
        self.windows = (*unique_windows(rule_id, limits), *unique_windows(owner, shared))
        self.rolls = (*rolling_windows(rule_id, limits), *rolling_windows(owner, shared))
        schedules = (schedule, campaign.schedule if campaign is not None else None)
        self.schedules = tuple([one for one in schedules if one is not None])
        self.restricted = first_only or cooldown_ms > 0 or bool(self.limits or self.schedules) or milestone is not None


@final
class RuleTable:
    """The rules of one event type, by priority and then id, and the generated function that evaluates their conditions.
    `grouped` says whether any of them belongs to an exclusive group, `budgeted` whether any campaign has a budget.
    """

    __slots__ = ("budgeted", "grouped", "match", "rules")

    def __init__(self, rules: tuple[Rule, ...], match: Match) -> None:
        self.rules = rules
        self.match = match
        self.grouped = any(rule.group != "" for rule in rules)
        self.budgeted = any(rule.budgeted for rule in rules)


@final
class Reward:
    """A reward of the catalogue. `provider` is house or external; `tiers` empty means every tier; limits count pieces.
    `stock` is how many pieces there are for all members (0: not counted); `pool_id` is asked for them, or for a voucher
    code for each piece ("": for nothing). `confirm` says whether the provider is told only after a confirmation;
    `timeout_ms` is how long a hold waits for that, and then for an outcome (0: for ever). `gives`: what a piece brings.
    `window_keys` are the keys in `Member.windows` or `Member.rolling` by limit, `windows` and `rolls` the same without
    repeats, as (key, every) and (key, length in ms).
    """

    __slots__ = (
        "confirm", "gives", "limits", "pool_id", "price", "provider", "reward_id", "rolls", "stock", "tiers",
        "timeout_ms", "unit", "window_keys", "windows",
    )  # fmt: skip

    def __init__(
        self,
        reward_id: str,
        unit: Unit,
        price: int,
        provider: str,
        tiers: tuple[str, ...],
        limits: tuple[Limit, ...],
        confirm: bool = False,
        timeout_ms: int = 0,
        gives: tuple[Unit, int] | None = None,
        stock: int = 0,
        codes: str = "",
    ) -> None:
        self.gives = gives
        self.stock = stock
        self.pool_id = f"{CODES}{codes}" if codes else f"{STOCK}{reward_id}" if stock else ""
        self.confirm = confirm
        self.timeout_ms = timeout_ms
        self.reward_id = reward_id
        self.unit = unit
        self.price = price
        self.provider = provider
        self.tiers = tiers
        self.limits = limits
        self.window_keys = tuple([f"reward:{reward_id}/{limit.every}" for limit in limits])
        self.windows = unique_windows(f"reward:{reward_id}", limits)
        self.rolls = rolling_windows(f"reward:{reward_id}", limits)


def remembered_rules(tables: dict[str, RuleTable]) -> dict[str, Rule]:
    """The rules of purchases by id, of which limits or pauses count something that a cancellation has to uncount."""
    any_counts = any(rule.cooldown_any for table in tables.values() for rule in table.rules)
    purchases = tables.get("transaction_completed")
    if purchases is None:
        return {}
    return {rule.rule_id: rule for rule in purchases.rules if any_counts or rule.cooldown_ms or rule.limits}


@final
class Program:
    """A whole programme. The first of `units` is the default unit; `tiers` ascend, the first with threshold 0, or are
    empty.

    `clawback` is only_pending, within_balance or unlimited. `enrolment` is required or automatic. `qualification_unit`
    is the unit whose earned points qualify for tiers ("" where spending does), per calendar year in `zone`. `groups`
    maps exclusive group to how it chooses, first or best; `maximums` unit to the most points of it that one event
    earns. `conversion` is None where amounts are not converted, `custom_events` where they are not declared,
    `transfers` where members cannot give each other points, `fraud` where there are no fraud signals, `referrals` where
    none has to qualify, `households` where nobody pools points. Derived: `calendar` of the
    zone, `default_unit`, `tier_ranks`, tier id to its place in `tiers`,
    `remembered`, and those `occasions` that rules are for.
    `returns_points` says whether a refund gives back the points that paid a part of the order. `notifies` are the kinds
    of what members are told; `warns_ms` before points expire they are told so, 0: never.
    """

    __slots__ = (
        "calendar", "clawback", "conversion", "currencies", "custom_events", "default_unit", "enrolment", "fraud",
        "groups", "households", "maximums", "notifies", "occasions", "program_hash", "program_id",
        "qualification_unit", "referrals", "remembered", "returns_points", "rewards", "rules", "tier_policy",
        "tier_ranks", "tiers", "transfers", "units", "warns_ms", "zone",
    )  # fmt: skip

    def __init__(
        self,
        program_id: str,
        program_hash: str,
        zone: ZoneInfo,
        units: dict[str, Unit],
        tiers: tuple[Tier, ...],
        qualification_unit: str,
        rules: dict[str, RuleTable],
        rewards: dict[str, Reward],
        currencies: frozenset[str],
        clawback: str,
        enrolment: str,
        returns_points: bool = True,
        tier_policy: TierPolicy = TIERS_AS_QUALIFIED,
        groups: dict[str, str] | None = None,
        maximums: dict[str, int] | None = None,
        conversion: Conversion | None = None,
        custom_events: dict[str, CustomType] | None = None,
        transfers: TransferTerms | None = None,
        fraud: FraudProgram | None = None,
        referrals: ReferralTerms | None = None,
        notifies: frozenset[str] = frozenset(),
        households: HouseholdTerms | None = None,
        warns_ms: int = 0,
    ) -> None:
        self.warns_ms = warns_ms
        self.households = households
        self.notifies = notifies
        self.program_id = program_id
        self.program_hash = program_hash
        self.zone = zone
        self.units = units
        self.tiers = tiers
        self.qualification_unit = qualification_unit
        self.rules = rules
        self.rewards = rewards
        self.currencies = currencies
        self.clawback = clawback
        self.enrolment = enrolment
        self.groups: dict[str, str] = {} if groups is None else groups
        self.maximums: dict[str, int] = {} if maximums is None else maximums
        self.conversion = conversion
        self.custom_events = custom_events
        self.transfers = transfers
        self.referrals = referrals
        self.occasions = tuple([kind for kind in OCCASIONS if kind in rules])
        self.fraud = fraud
        self.calendar = Calendar(zone)
        self.default_unit = next(iter(units.values()))
        self.returns_points = returns_points
        self.tier_policy = tier_policy
        self.remembered = remembered_rules(rules)
        self.tier_ranks = {tier.tier_id: rank for rank, tier in enumerate(tiers)}

    def earn_percent(self, tier_id: str) -> int:
        """What awards are multiplied by, in percent; 100 for a tier that the programme does not know."""
        rank = self.tier_ranks.get(tier_id, -1)
        return 100 if rank < 0 else self.tiers[rank].earn_percent
