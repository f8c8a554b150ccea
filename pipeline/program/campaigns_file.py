"""Reads campaigns.yaml: what several rules share, their schedule and their limits together."""

from typing import Final

from pipeline.core.campaigns import Campaign
from pipeline.program.limits import LIMITS, read_limits
from pipeline.program.problems import Report, Source
from pipeline.program.schedule_keys import DURING, read_schedule
from pipeline.program.sections import Section
from pipeline.program.shapes import Fields, Items, Key, Keys, Name
from pipeline.program.yaml_nodes import Node

MAX_CAMPAIGNS: Final = 500
KEYS: Final[Keys] = {
    "id": Key(Name(), "The campaign's name, which rules give.", required=True),
    "during": Key(DURING, "When its rules run, in the programme's zone."),
    "limit": Key(LIMITS, "How much one member can get of its rules together."),
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
        campaigns[campaign_id] = Campaign(campaign_id, read_schedule(report, source, own), limits)
        if own.keys() == ["id"]:
            own.warn("id", f"campaign `{campaign_id}` has no effect", "give it `during` or `limit`, or remove it")
    return campaigns
