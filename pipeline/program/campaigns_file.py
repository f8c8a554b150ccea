"""Reads campaigns.yaml: what several rules share, their schedule and their limits together."""

from typing import Final

from pipeline.core.bounds import WALLET_MAX
from pipeline.core.campaigns import Budget, Campaign
from pipeline.program.limits import EVERY, LIMITS, MAX_COUNT, read_limits
from pipeline.program.problems import Report, Source
from pipeline.program.schedule_keys import DURING, read_schedule
from pipeline.program.sections import Section
from pipeline.program.shapes import Choice, Fields, Items, Key, Keys, Name, Whole
from pipeline.program.yaml_nodes import Node

MAX_CAMPAIGNS: Final = 500
BUDGET_KEYS: Final[Keys] = {
    "points": Key(Whole(1, WALLET_MAX), "At most so many points; or `count`."),
    "count": Key(Whole(1, MAX_COUNT), "At most so many awards; or `points`."),
    "every": Key(Choice(EVERY), "In each such calendar window, in the programme's zone.", default="ever"),
}
KEYS: Final[Keys] = {
    "id": Key(Name(), "The campaign's name, which rules give.", required=True),
    "during": Key(DURING, "When its rules run, in the programme's zone."),
    "limit": Key(LIMITS, "How much one member can get of its rules together."),
    "budget": Key(
        Fields(BUDGET_KEYS, ("points", "count")),
        "How much all members together can get of its rules; awards wait for their grant.",
    ),
}
FILE_KEYS: Final[Keys] = {
    "campaigns": Key(Items(Fields(KEYS), MAX_CAMPAIGNS, id_key="id"), "What rules share.", required=True)
}


def read_campaigns(report: Report, source: Source, node: Node) -> dict[str, Campaign]:
    """The campaigns by id."""
    section = Section(report, source, node, "campaigns.yaml", FILE_KEYS)
    section.require("campaigns")
    campaigns: dict[str, Campaign] = {}
    for item in section.items("campaigns", "campaigns", MAX_CAMPAIGNS):
        own = Section(report, source, item, "a campaign", KEYS)
        if not own.readable or not own.require("id"):
            continue
        campaign_id = own.identifier("id")
        if campaign_id is None:
            continue
        own.what = f"campaign `{campaign_id}`"
        if campaign_id in campaigns:
            own.refuse("id", f"there are two campaigns `{campaign_id}`", "give one of them another id")
        limits = read_limits(report, source, own.node("limit"), own.what)
        schedule = read_schedule(report, source, own)
        campaigns[campaign_id] = Campaign(campaign_id, schedule, limits, read_budget(own))
        if own.keys() == ["id"]:
            own.warn(
                "id", f"campaign `{campaign_id}` has no effect", "give it `during`, `limit` or `budget`, or remove it"
            )
    return campaigns


def read_budget(campaign: Section) -> Budget | None:
    """What all members together can get, None where the campaign has no (sound) budget."""
    if "budget" not in campaign:
        return None
    section = campaign.section("budget", f"budget of {campaign.what}", BUDGET_KEYS)
    if section is None or not section.readable:
        return None
    if ("points" in section) == ("count" in section):
        advice = "write `points: N` for points, or `count: N` for awards"
        campaign.refuse("budget", "a budget needs either `points` or `count`", advice)
        return None
    points = section.integer("points", 1, WALLET_MAX)
    count = section.integer("count", 1, MAX_COUNT)
    every = section.choice("every", EVERY, "ever")
    if not every or (points is None and count is None):
        return None
    return Budget(points or 0, count or 0, every)
