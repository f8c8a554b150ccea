"""Checks a whole programme: every file, every rule, every expression, and what only shows across files."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, final

from pipeline.core.campaigns import Campaign
from pipeline.core.custom_events import CustomType
from pipeline.core.fraud_program import FraudProgram
from pipeline.core.notices import POINTS_EXPIRING
from pipeline.core.program import Reward, Rule
from pipeline.program import files
from pipeline.program.campaigns_file import read_campaigns
from pipeline.program.cel_check import check_expression
from pipeline.program.cel_python import Condition
from pipeline.program.cel_tree import Tree
from pipeline.program.effects import check_program, check_rule, warn_of_budgets
from pipeline.program.events_file import certain, check_attributes, read_events
from pipeline.program.feeds import Feed
from pipeline.program.fraud_file import read_fraud
from pipeline.program.model_file import check_model, read_model
from pipeline.program.notifications import WARNS_MS, NotificationTerms
from pipeline.program.notifications_file import read_notifications
from pipeline.program.partners import Partner
from pipeline.program.partners_file import check_partners, read_partners
from pipeline.program.problems import Report, Source
from pipeline.program.referral_keys import warn_of_referrals
from pipeline.program.rewards_file import read_rewards
from pipeline.program.rules_file import RuleDraft, check_funders, check_ids, check_tier_rates, read_rules
from pipeline.program.settings_file import NO_SETTINGS, Settings, read_settings
from pipeline.program.spans import Span
from pipeline.program.stacking_keys import check_groups
from pipeline.program.tiers_file import NO_TIERS, Tiers, read_tiers
from pipeline.program.vocabulary import BASE_AMOUNT
from pipeline.program.webhooks import Webhook
from pipeline.program.webhooks_file import read_webhooks
from pipeline.program.yaml_nodes import Node, Scalar, parse

MAX_RULES: Final = 2000


@final
@dataclass(frozen=True, slots=True)
class CheckedRule:
    """A rule with its event type and its checked condition; the condition's index counts within the event type."""

    event_type: str
    rule: Rule
    condition: Condition


@final
@dataclass(frozen=True, slots=True)
class Definition:
    """A programme that has been read and checked, ready to be compiled."""

    settings: Settings
    tiers: Tiers
    rewards: dict[str, Reward]
    rules: tuple[CheckedRule, ...]
    events: dict[str, CustomType] | None
    partners: dict[str, Partner]
    feeds: dict[str, Feed]
    fraud: FraudProgram | None
    notifications: NotificationTerms | None
    webhooks: dict[str, Webhook]

    @property
    def notifies(self) -> frozenset[str]:
        """What has to be told to whoever tells members and downstream teams."""
        told = frozenset(kind for webhook in self.webhooks.values() for kind in webhook.kinds)
        return told if self.notifications is None else told | self.notifications.kinds

    @property
    def warns_ms(self) -> int:
        """How long before points expire somebody is told, 0 where nobody is."""
        if POINTS_EXPIRING not in self.notifies:
            return 0
        return WARNS_MS if self.notifications is None else self.notifications.warns_ms


def check_texts(texts: Mapping[str, str], report: Report) -> Definition | None:
    """The definition that the files' texts (by name) amount to, or None if there is an error; all go to the report."""
    nodes: dict[str, tuple[Source, Node]] = {}
    for name in sorted(texts):
        source = Source(name, texts[name])
        if not files.is_program_file(name):
            files.refuse_file(name, report)
            continue
        node = parse(source, report)
        if node is not None:
            nodes[name] = source, node
    if files.SETTINGS not in texts:
        report.error(Source(files.SETTINGS, ""), 0, "the file is missing", "every programme has one")
    settings = read_settings(report, *nodes[files.SETTINGS]) if files.SETTINGS in nodes else NO_SETTINGS
    tiers = NO_TIERS
    if files.TIERS in nodes:
        tiers = read_tiers(report, *nodes[files.TIERS], tuple(settings.units), settings.currencies.codes)
    tiers_known = files.TIERS in nodes or files.TIERS not in texts
    partners, feeds = read_partners(report, *nodes[files.PARTNERS]) if files.PARTNERS in nodes else ({}, {})
    partners_known = files.PARTNERS not in texts or not report.refuses(files.PARTNERS)
    rewards: dict[str, Reward] = {}
    if files.REWARDS in nodes:
        rewards = read_rewards(
            report, *nodes[files.REWARDS], settings.units, tiers.ids if tiers_known else None,
            partners if partners_known else None,
        )  # fmt: skip
    if files.PARTNERS in nodes and partners_known and not report.refuses(files.REWARDS):
        check_partners(report, *nodes[files.PARTNERS], partners, rewards)
    campaigns = _campaigns(report, texts, nodes)
    drafts = [
        draft
        for name, (source, node) in nodes.items()
        if name == files.RULES or name.startswith(files.RULES_FOLDER + "/")
        for draft in read_rules(report, source, node, settings.units, campaigns)
    ]
    if not any(name == files.RULES or name.startswith(files.RULES_FOLDER + "/") for name in texts):
        report.warning(Source(files.RULES, ""), 0, "there are no rules, so nothing earns points", "write rules.yaml")
    check_ids(drafts)
    if campaigns and not report.refuses("rules"):
        warn_of_budgets(report, *nodes[files.CAMPAIGNS], campaigns, drafts)
    if partners_known:
        check_funders(drafts, partners)
    if files.SETTINGS in nodes:
        check_groups(drafts, settings.stacking.groups)
    # What could not be read is not held against those who name it.
    domains: dict[str, Collection[str]] = {"tier": tiers.ids} if tiers_known else {}
    if settings.currencies.codes:
        domains["currency"] = settings.currencies.codes
    events: dict[str, CustomType] | None = None
    if files.EVENTS in nodes:
        events = read_events(report, *nodes[files.EVENTS])
        domains["custom event"] = events
    fraud = _read_signals(report, nodes, settings, given=files.MODEL in texts)
    told = _told(report, nodes)
    rules = _check_rules(
        report, drafts, domains, events, converts=settings.currencies.base != "" or files.SETTINGS not in nodes
    )
    if files.SETTINGS in nodes and settings.referrals is None:
        warn_of_referrals(drafts)
    if tiers_known:
        check_tier_rates(drafts, tiers.ids)
        check_program(report, tiers, drafts, next(iter(settings.units), ""), nodes.get(files.TIERS))
    if report.refused:
        return None
    return Definition(settings, tiers, rewards, tuple(rules), events, partners, feeds, fraud, *told)


def _campaigns(
    report: Report, texts: Mapping[str, str], nodes: Mapping[str, tuple[Source, Node]]
) -> dict[str, Campaign] | None:
    """The campaigns by id; None where the file could not be read."""
    if files.CAMPAIGNS not in texts:
        return {}
    return read_campaigns(report, *nodes[files.CAMPAIGNS]) if files.CAMPAIGNS in nodes else None


def _told(
    report: Report, nodes: Mapping[str, tuple[Source, Node]]
) -> tuple[NotificationTerms | None, dict[str, Webhook]]:
    """How members are told, and downstream teams."""
    members, teams = nodes.get(files.NOTIFICATIONS), nodes.get(files.WEBHOOKS)
    return (
        None if members is None else read_notifications(report, *members),
        {} if teams is None else read_webhooks(report, *teams),
    )


def _read_signals(
    report: Report, nodes: Mapping[str, tuple[Source, Node]], settings: Settings, *, given: bool
) -> FraudProgram | None:
    """The signals with what was learned; `given` says whether there is a model, readable or not."""
    model = read_model(report, *nodes[files.MODEL]) if files.MODEL in nodes else None
    fraud: FraudProgram | None = None
    if files.FRAUD in nodes:
        fraud = read_fraud(report, *nodes[files.FRAUD], settings.units, model)
    check_model(report, nodes.get(files.MODEL), nodes.get(files.FRAUD), fraud, given=given)
    return fraud


def _check_rules(
    report: Report,
    drafts: list[RuleDraft],
    domains: Mapping[str, Collection[str]],
    events: dict[str, CustomType] | None,
    *,
    converts: bool,
) -> list[CheckedRule]:
    """The rules whose expressions are sound too, numbered within their event type by priority and then id."""
    checked: list[CheckedRule] = []
    counts: dict[str, int] = {}
    for draft in sorted(drafts, key=_order):
        if not draft.event_type:
            continue
        when = _check(report, draft, draft.when, "bool", domains)
        of = _check(report, draft, draft.of, "int", domains)
        declared = events if draft.event_type == "custom_event" else None
        check_rule(report, draft, when, of, certain(when, declared) if declared is not None else set())
        if declared is not None:
            check_attributes(report, draft, when, of, declared)
        if not converts:
            _refuse_conversion(report, draft, when, of)
        if draft.rule is not None:
            index = counts.get(draft.event_type, 0)
            counts[draft.event_type] = index + 1
            checked.append(CheckedRule(draft.event_type, draft.rule, Condition(index, when, of)))
    if len(drafts) > MAX_RULES:
        draft = drafts[MAX_RULES]
        draft.section.refuse("id", f"the programme has {len(drafts)} rules, more than {MAX_RULES}", "join rules")
    return checked


def _order(draft: RuleDraft) -> tuple[int, str]:
    """Rules are decided in ascending order of this, whatever files they stand in."""
    return (0 if draft.rule is None else -draft.rule.priority, draft.rule_id)


def _refuse_conversion(report: Report, draft: RuleDraft, when: Tree | None, of: Tree | None) -> None:
    """Amounts in the base currency, of a programme that has none."""
    for tree, scalar in ((when, draft.when), (of, draft.of)):
        for node in tree.walk() if tree is not None else ():
            if node.kind == "name" and node.value == BASE_AMOUNT and scalar is not None:
                place = Span(draft.source, scalar).index(node.offset)
                reason = f"`{BASE_AMOUNT}` needs a base currency, and the programme has none"
                report.error(draft.source, place, reason, "add `conversion` and rates to program.yaml")


def _check(
    report: Report, draft: RuleDraft, scalar: Scalar | None, wanted: str, domains: Mapping[str, Collection[str]]
) -> Tree | None:
    """The checked tree of one expression of a rule; None where there is none or it is wrong."""
    if scalar is None:
        return None
    tree, found = check_expression(scalar.value, draft.event_type, wanted, domains)
    span = Span(draft.source, scalar)
    for finding in found:
        report.error(draft.source, span.index(finding.offset), finding.reason, finding.suggestion)
    return tree
