"""Reads campaigns.yaml: what several rules share, their schedule and their limits together."""

from typing import Final

from pipeline.core.program import Campaign
from pipeline.program.limits import read_limits
from pipeline.program.problems import Report, Source
from pipeline.program.schedule_keys import read_schedule
from pipeline.program.sections import Section
from pipeline.program.yaml_nodes import Node

KEYS: Final = ("id", "during", "limit")
MAX_CAMPAIGNS: Final = 500


def read_campaigns(report: Report, source: Source, node: Node) -> dict[str, Campaign]:
    """The campaigns by id."""
    section = Section(report, source, node, "campaigns.yaml", ("campaigns",))
    section.require("campaigns")
    campaigns: dict[str, Campaign] = {}
    for item in section.items("campaigns", "campaigns", MAX_CAMPAIGNS):
        own = Section(report, source, item, "a campaign", KEYS)
        if not own.keys() or not own.require("id"):
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
