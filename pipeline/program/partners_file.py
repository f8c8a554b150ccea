"""Reads partners.yaml: the providers that are called over HTTP, with nothing about them left to code."""

import re
from collections.abc import Collection
from typing import Final

from pipeline.core.program import Reward
from pipeline.program import feeds_file
from pipeline.program.call_keys import (
    MAX_STEPS,
    RETRIES,
    SECRET_KEYS,
    SPAN,
    read_address,
    read_secret,
    read_span,
    read_spans,
)
from pipeline.program.feeds import Feed
from pipeline.program.partner_calls import (
    ABSENT,
    CALL_KEYS,
    POINTER,
    answers_key,
    read_answers,
    read_call,
    read_pointer,
)
from pipeline.program.partners import (
    BreakerPolicy,
    CallbackMapping,
    Credentials,
    Fallback,
    Partner,
    Settlement,
)
from pipeline.program.problems import Report, Source, closest, shorten
from pipeline.program.rewards_file import PROVIDERS
from pipeline.program.sections import Section
from pipeline.program.shapes import CURRENCY, Fields, Flag, Items, Key, Keys, Name, Named, Text, Whole
from pipeline.program.yaml_nodes import Node, Scalar

MAX_PARTNERS: Final = 200
ASKS: Final = ("5s", "1min", "5min", "30min", "2h", "6h", "24h")
DAY_MS: Final = 86_400_000
_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")

CREDENTIALS_KEYS: Final[Keys] = {
    **SECRET_KEYS,
    "header": Key(Text(_HEADER.pattern, "X-Api-Key"), "The header that carries it.", default="Authorization"),
    "prefix": Key(Text(".*", "Bearer"), "What stands before it there.", default="Bearer"),
}
BREAKER_KEYS: Final[Keys] = {
    "failures": Key(Whole(1, 1_000), "So many in a row, timeouts and 5xx, stop further calls.", default="5"),
    "pause": Key(SPAN, "How long they stop; then some calls try.", default="30s"),
    "probes": Key(Whole(1, 100), "How many at a time try.", default="1"),
}
FALLBACK_KEYS: Final[Keys] = {
    "provider": Key(Name(), "Another partner, for the same reward."),
    "reward": Key(Name(), "Another reward, for the same points."),
}
SETTLEMENT_KEYS: Final[Keys] = {
    "currency": Key(CURRENCY, "In which the partner and the programme settle.", required=True),
    "redeemed_minor": Key(
        Whole(0, 10**9), "What the programme owes for 1,000 points redeemed there, in minor units.", default="0"
    ),
    "issued_minor": Key(
        Whole(0, 10**9), "What the partner owes for 1,000 points issued at its cost, in minor units.", default="0"
    ),
}
CALLBACK_KEYS: Final[Keys] = {
    "signing": Key(Fields(SECRET_KEYS, ("env", "file")), "Its secret, per Standard Webhooks.", required=True),
    "fulfillment_id": Key(POINTER, "Where the fulfilment's id stands in what it sends.", required=True),
    "answers": answers_key("What it means; the first that fits counts."),
    "reference": Key(POINTER, "Where the partner's own id stands."),
    "quantity": Key(POINTER, "Where the pieces stand that were given, if not all."),
}
KEYS: Final[Keys] = {
    "id": Key(Name(), "The partner's name, which rewards give as `provider`.", required=True),
    "address": Key(Text("https?://.+", "https://api.acme.example/v1"), "Before every path.", required=True),
    "credentials": Key(Fields(CREDENTIALS_KEYS, ("env", "file")), "What proves who calls."),
    "signing": Key(Fields(SECRET_KEYS, ("env", "file")), "Secret by which calls are signed, per Standard Webhooks."),
    "timeout": Key(SPAN, "How long an answer is waited for, at most 5min.", default="10s"),
    "retries": Key(Items(SPAN, MAX_STEPS, ordered=True), "How long to wait before each attempt, ±10 percent."),
    "asks": Key(
        Items(SPAN, MAX_STEPS, ordered=True), "How long to wait before each question about an attempt of unknown end."
    ),
    "acts_within": Key(SPAN, "How long after a call the partner may still act on it.", default="1min"),
    "idempotent": Key(Flag(), "A repeated call with the same {fulfillment_id} is done once.", default="false"),
    "breaker": Key(Fields(BREAKER_KEYS), "When calls stop for a while."),
    "concurrency": Key(Whole(1, 1_000), "Most calls at a time, for each worker.", default="8"),
    "rate": Key(Whole(1, 100_000), "Most calls a second, for each worker; without it no limit."),
    "fulfil": Key(Fields(CALL_KEYS), "The call that fulfils.", required=True),
    "ask": Key(Fields(CALL_KEYS), "The call that asks what became of one."),
    "cancel": Key(Fields(CALL_KEYS), "The call that undoes one."),
    "callback": Key(Fields(CALLBACK_KEYS), "What the partner sends by itself."),
    "fallback": Key(
        Items(Fields(FALLBACK_KEYS, ("provider", "reward")), MAX_STEPS, ordered=True),
        "What is tried in turn when it has failed for good; then the points return.",
    ),
    "items": Key(Named(Text(".{1,200}", "SKU-1")), "The partner's name for each reward, as {item}."),
    "settlement": Key(Fields(SETTLEMENT_KEYS), "What points are worth between the two."),
}
FILE_KEYS: Final[Keys] = {
    "partners": Key(Items(Fields(KEYS), MAX_PARTNERS, id_key="id"), "Who fulfils over HTTP."),
    "feeds": Key(Items(Fields(feeds_file.KEYS), feeds_file.MAX_FEEDS, id_key="id"), "Who tells of members' doings."),
}


def read_partners(report: Report, source: Source, node: Node) -> tuple[dict[str, Partner], dict[str, Feed]]:
    """Partners and feeds by id. What partners say of rewards and of each other is for `check_partners`."""
    section = Section(report, source, node, "partners.yaml", FILE_KEYS)
    if "feeds" not in section:
        section.require("partners")
    partners: dict[str, Partner] = {}
    for item in section.items("partners", "partners", MAX_PARTNERS):
        partner = _partner(report, source, Section(report, source, item, "a partner", KEYS))
        if partner is None:
            continue
        if partner.partner_id in partners:
            reason = f"there are two partners `{partner.partner_id}`"
            report.error(source, item.start, reason, "give one of them another id")
        partners[partner.partner_id] = partner
    return partners, feeds_file.read_feeds(report, source, section)


def can_stand_in(reward: Reward) -> bool:
    """Whether a reward can be given in place of another: it draws nothing from a pool, and brings no points itself."""
    return not reward.pool_id and reward.gives is None


def check_partners(
    report: Report, source: Source, node: Node, partners: dict[str, Partner], rewards: dict[str, Reward]
) -> None:
    """Refuses fallbacks and items that name what is not there."""
    section = Section(Report(), source, node, "partners.yaml", FILE_KEYS)
    for item in section.items("partners", "partners", MAX_PARTNERS):
        own = Section(Report(), source, item, "a partner", KEYS)
        named = own.node("id")
        partner_id = named.value if isinstance(named, Scalar) else ""
        for step in own.items("fallback", "fallbacks"):
            keys = Section(Report(), source, step, "a fallback", FALLBACK_KEYS)
            others = [one for one in partners if one != partner_id]
            _check_name(report, source, keys.node("provider"), "partner", others)
            external = [one for one, reward in rewards.items() if reward.provider != "external"]
            reward_node = keys.node("reward")
            _check_name(report, source, reward_node, "reward that house or a partner gives", external)
            _warn_of_fallback(report, source, reward_node, rewards)
        items = own.section("items", "items", None)
        for reward in items or ():
            if items is not None and reward not in rewards:
                report.error(
                    source, items.key_start(reward), f"there is no reward `{shorten(reward)}`", closest(reward, rewards)
                )


def _warn_of_fallback(report: Report, source: Source, node: Node | None, rewards: dict[str, Reward]) -> None:
    reward = rewards.get(node.value) if isinstance(node, Scalar) else None
    if node is not None and reward is not None and not can_stand_in(reward):
        reason = (
            f"the fallback `{reward.reward_id}` is passed over: it has `stock`, `codes` or `gives`, which only its own "
        )
        report.warning(source, node.start, reason + "redemption can take", "name a reward without them")


def _check_name(report: Report, source: Source, node: Node | None, what: str, known: Collection[str]) -> None:
    if isinstance(node, Scalar) and node.value not in known:
        advice = closest(node.value, known) or "leave the fallback out: the points return then"
        report.error(source, node.start, f"there is no other {what} `{shorten(node.value)}`", advice)


def _partner(report: Report, source: Source, own: Section) -> Partner | None:
    if not own.readable or not own.require("id", "address", "fulfil"):
        return None
    partner_id = own.identifier("id")
    own.what = f"partner `{partner_id}`"
    if partner_id in PROVIDERS:
        own.refuse("id", f"`{partner_id}` is a provider of its own kind", "name the partner otherwise")
    address = read_address(own, "address")
    fulfil = read_call(report, source, own, "fulfil", "POST")
    ask = read_call(report, source, own, "ask", "GET", ABSENT)
    cancel = read_call(report, source, own, "cancel", "POST")
    idempotent = own.flag("idempotent")
    if ask is None and not idempotent and "ask" not in own:
        own.warn(
            "id",
            f"{own.what} cannot be asked what became of a call: each that times out goes to review",
            "declare `ask`, or `idempotent: true` if repeating a call is safe",
        )
    partner = Partner(
        partner_id or "",
        address,
        _credentials(report, source, own),
        read_secret(own.section("signing", f"signing of {own.what}", SECRET_KEYS)),
        read_span(own, "timeout", 10_000, 5 * 60_000),
        read_spans(report, source, own, "retries", RETRIES),
        read_spans(report, source, own, "asks", ASKS),
        read_span(own, "acts_within", 60_000, DAY_MS),
        idempotent,
        _breaker(own),
        own.integer("concurrency", 1, 1_000) or 8,
        own.integer("rate", 1, 100_000) or 0,
        fulfil,  # type: ignore[arg-type]  # None only where a mistake was reported, and then nothing is made of it
        ask,
        cancel,
        _callback(report, source, own),
        _fallbacks(report, source, own),
        _items(own),
        _settlement(own),
    )
    return None if partner_id is None or fulfil is None else partner


def _credentials(report: Report, source: Source, own: Section) -> Credentials | None:
    section = own.section("credentials", f"credentials of {own.what}", CREDENTIALS_KEYS)
    secret = read_secret(section)
    if section is None or secret is None:
        return None
    header = section.scalar("header", "a header's name")
    if header is not None and not _HEADER.fullmatch(header.value):
        section.refuse("header", f"`{shorten(header.value)}` is no header's name", "write letters, digits and -")
    prefix = section.node("prefix")
    text = prefix.value if isinstance(prefix, Scalar) else "Bearer"
    return Credentials(secret, "Authorization" if header is None else header.value, text)


def _breaker(own: Section) -> BreakerPolicy:
    section = own.section("breaker", f"breaker of {own.what}", BREAKER_KEYS)
    if section is None:
        return BreakerPolicy(5, 30_000, 1)
    failures = section.integer("failures", 1, 1_000) or 5
    return BreakerPolicy(failures, read_span(section, "pause", 30_000, DAY_MS), section.integer("probes", 1, 100) or 1)


def _callback(report: Report, source: Source, own: Section) -> CallbackMapping | None:
    section = own.section("callback", f"callback of {own.what}", CALLBACK_KEYS)
    if section is None or not section.require("signing", "fulfillment_id", "answers"):
        return None
    secret = read_secret(section.section("signing", f"signing of the callback of {own.what}", SECRET_KEYS))
    pointers = (read_pointer(section, "fulfillment_id"), read_pointer(section, "reference"))
    answers = read_answers(report, source, section)
    return None if secret is None else CallbackMapping(secret, pointers[0], answers, pointers[1],
                                                       read_pointer(section, "quantity"))  # fmt: skip


def _fallbacks(report: Report, source: Source, own: Section) -> tuple[Fallback, ...]:
    found: list[Fallback] = []
    for item in own.items("fallback", "fallbacks", MAX_STEPS):
        section = Section(report, source, item, f"a fallback of {own.what}", FALLBACK_KEYS)
        provider, reward = section.identifier("provider"), section.identifier("reward")
        if section.readable and ("provider" in section) == ("reward" in section):
            reason = f"{section.what} needs either `provider` or `reward`"
            report.error(source, item.start, reason, "without any fallback the points return")
        found.append(Fallback(provider or "", reward or ""))
    return tuple(found)


def _items(own: Section) -> tuple[tuple[str, str], ...]:
    section = own.section("items", f"items of {own.what}", None)
    if section is None:
        return ()
    scalars = {reward: section.scalar(reward, "the partner's name for the reward") for reward in section}
    return tuple(sorted((reward, scalar.value) for reward, scalar in scalars.items() if scalar is not None))


def _settlement(own: Section) -> Settlement | None:
    section = own.section("settlement", f"settlement of {own.what}", SETTLEMENT_KEYS)
    if section is None or not section.require("currency"):
        return None
    currency = section.scalar("currency", "a currency such as USD")
    if currency is not None and not re.fullmatch(CURRENCY.pattern, currency.value):
        section.refuse("currency", f"`{shorten(currency.value)}` is no currency", "write three capitals, such as USD")
    redeemed, issued = section.integer("redeemed_minor", 0, 10**9), section.integer("issued_minor", 0, 10**9)
    return Settlement("" if currency is None else currency.value, redeemed or 0, issued or 0)
