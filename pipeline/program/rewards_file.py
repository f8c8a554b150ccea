"""Reads rewards.yaml: what members can redeem points for."""

from collections.abc import Collection
from typing import Final

from pipeline.core.bounds import POINTS_MAX
from pipeline.core.program import Period, Reward, Unit
from pipeline.program.limits import LIMITS, read_limits
from pipeline.program.problems import Report, Source, closest, shorten
from pipeline.program.sections import ITEMS_MAX, Section
from pipeline.program.shapes import DEFAULT_UNIT, Choice, Fields, Items, Key, Keys, Length, Name, Whole
from pipeline.program.yaml_nodes import Node

PROVIDERS: Final = ("house", "external")
CONFIRMS: Final = ("none", "required")
GIVES_KEYS: Final[Keys] = {
    "unit": Key(Name(), "Another unit of the programme.", required=True),
    "points": Key(Whole(1, POINTS_MAX), "Points of it for each piece.", required=True),
}
STOCK_MAX: Final = 10**9
KEYS: Final[Keys] = {
    "id": Key(Name(), "The reward's name, which redemption requests give.", required=True),
    "price": Key(Whole(1, POINTS_MAX), "Points for one piece.", required=True),
    "unit": Key(Name(), "Which unit the price is in; the default one without it.", default=DEFAULT_UNIT),
    "provider": Key(
        Name(),
        "`house`: given at once. `external`: a provider is told and reports the outcome; points are held until then. "
        "Else a partner of partners.yaml, which is called.",
        default="house",
    ),
    "tiers": Key(Items(Name(), ITEMS_MAX), "Only members in one of these tiers; without it, everyone."),
    "limit": Key(LIMITS, "How much one member can get; `points` are points spent, `count` is pieces."),
    "confirm": Key(
        Choice(CONFIRMS),
        "`required`: the points are held, and nobody is told, until a `redemption_confirmed`.",
        default="none",
    ),
    "gives": Key(Fields(GIVES_KEYS), "Points of another unit that each piece brings, once it is confirmed."),
    "stock": Key(Whole(1, STOCK_MAX), "Pieces for all members together; a redemption waits for its grant."),
    "codes": Key(Name(), "The pool of voucher codes of which each piece takes one; `accrue pools load` fills it."),
    "timeout": Key(
        Length(months=False), "How long a hold waits: one nobody was told of becomes void, another is called overdue."
    ),
}
FILE_KEYS: Final[Keys] = {
    "rewards": Key(Items(Fields(KEYS), ITEMS_MAX, id_key="id"), "What points buy.", required=True)
}


def read_rewards(
    report: Report,
    source: Source,
    node: Node,
    units: dict[str, Unit],
    tiers: Collection[str] | None,
    partners: Collection[str] | None = (),
) -> dict[str, Reward]:
    """The rewards by id, of a programme with these units, tiers and partners (None: not known)."""
    section = Section(report, source, node, "rewards.yaml", FILE_KEYS)
    section.require("rewards")
    rewards: dict[str, Reward] = {}
    for item in section.items("rewards", "rewards"):
        reward = _reward(report, source, item, units, tiers, partners)
        if reward is None:
            continue
        if reward.reward_id in rewards:
            report.error(
                source, item.start, f"there are two rewards `{reward.reward_id}`", "give one of them another id"
            )
        rewards[reward.reward_id] = reward
    return rewards


def _reward(
    report: Report,
    source: Source,
    node: Node,
    units: dict[str, Unit],
    tiers: Collection[str] | None,
    partners: Collection[str] | None,
) -> Reward | None:
    section = Section(report, source, node, "a reward", KEYS)
    if not section.readable or not section.require("id", "price"):
        return None
    reward_id = section.identifier("id")
    what = f"reward `{reward_id}`"
    price = section.integer("price", 1, POINTS_MAX)
    unit = read_unit(section, units)
    if partners is None:
        provider = section.identifier("provider") or "house"
    else:
        provider = section.choice("provider", (*PROVIDERS, *partners), "house")
    allowed = section.texts("tiers", "tiers")
    for scalar in allowed:
        if tiers is not None and scalar.value not in tiers:
            advice = closest(scalar.value, tiers) or "the programme has no tiers.yaml"
            report.error(source, scalar.start, f"there is no tier `{shorten(scalar.value)}`", advice)
    limits = read_limits(report, source, section.node("limit"), what)
    confirm = section.choice("confirm", CONFIRMS, "none") == "required"
    gives = _gives(section, units, unit, provider)
    timeout_ms = _timeout_ms(section, provider, confirm=confirm)
    stock, codes = _pool(section)
    if reward_id is None or price is None or unit is None:
        return None
    named = tuple(scalar.value for scalar in allowed)
    return Reward(reward_id, unit, price, provider, named, limits, confirm, timeout_ms, gives, stock, codes)


def _gives(section: Section, units: dict[str, Unit], own: Unit | None, provider: str) -> tuple[Unit, int] | None:
    """The points of another unit that a piece brings; None where it brings none or is wrong."""
    keys = section.section("gives", f"gives of {section.what}", GIVES_KEYS)
    if keys is None or not keys.readable or not keys.require("unit", "points"):
        return None
    unit, points = read_unit(keys, units), keys.integer("points", 1, POINTS_MAX)
    if unit is None or points is None:
        return None
    if provider != "house":
        section.refuse("gives", "only the house brings points", f"leave `gives` out, or `provider: {provider}`")
    if units and own is not None and unit.unit_id == own.unit_id:
        keys.refuse("unit", f"the reward costs points of `{unit.unit_id}` itself", "give points of another unit")
    return unit, points


def _pool(section: Section) -> tuple[int, str]:
    """(pieces of stock or 0, pool of codes or "")."""
    if "stock" in section and "codes" in section:
        section.refuse("stock", "`stock` and `codes` do not go together: the codes are the stock", "remove one of them")
    return section.integer("stock", 1, STOCK_MAX) or 0, section.identifier("codes") or ""


def _timeout_ms(section: Section, provider: str, *, confirm: bool) -> int:
    """How long a hold waits, 0 for ever."""
    timeout_ms = section.length_ms("timeout") or 0
    if timeout_ms and provider == "house" and not confirm:
        reason = "`timeout` has no effect: what the house gives is given at once"
        section.warn("timeout", reason, "add `confirm: required`, or remove the key")
    return timeout_ms


def read_unit(section: Section, units: dict[str, Unit]) -> Unit | None:
    """The unit that `unit` names, the default unit where the key is absent, None where it is wrong.

    A programme whose units could not be read has none: then any name passes.
    """
    if not units:
        return Unit(section.identifier("unit") or "", "floor", Period(0, 0))
    if "unit" not in section:
        return next(iter(units.values()), None)
    named = section.identifier("unit")
    if named is not None and named not in units:
        section.refuse("unit", f"there is no unit `{named}`", closest(named, units))
    return units.get(named or "")
