"""Every lane that a worker runs can be reset: its agent and the changelog with its position are known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from agents.worker import AGENTS
from pipeline.lane.context import LaneContext
from pipeline.lane.outputs import OutputTopics
from pipeline.lane.reset import TABLES, ResetRefused, agent_of, changelog_of
from pipeline.wire.topics import Topics

RELAYING = {"derived-events": "relay", "reward-fulfillments": "fulfilment"}


def context() -> LaneContext:
    def name(topic: str) -> str:
        return f"x.{topic}"

    return cast(LaneContext, SimpleNamespace(topics=OutputTopics(name), topic=name))


def test_the_lanes_of_every_agent_are_known() -> None:
    topics = ("member-events", *RELAYING, *TABLES)

    assert {agent_of(context(), f"x.{topic}") for topic in topics} == set(AGENTS)


@pytest.mark.parametrize(
    ("topic", "agent", "changelog"),
    [
        ("member-events", "rewards", "x.member-changelog"),
        ("pool-requests", "pools", "x.pool-changelog"),
        ("fulfillment-attempts", "partners", "x.fulfillment-changelog"),
        ("notifications", "notifications", "x.notification-changelog"),
        ("partner-events", "intake", "x.intake-changelog"),
        ("derived-events", "relay", ""),
        ("reward-fulfillments", "fulfilment", ""),
    ],
)
def test_a_lane_has_its_position_in_its_changelog_or_in_its_group(topic: str, agent: str, changelog: str) -> None:
    assert (agent_of(context(), f"x.{topic}"), changelog_of(context(), f"x.{topic}")) == (agent, changelog)


def test_the_topics_of_lanes_over_a_table_are_topics_of_the_pipeline() -> None:
    topics = Topics.load()

    for source, (_agent, changelog) in TABLES.items():
        assert topics.topic(source).follows_log
        assert topics.topic(changelog).config["cleanup.policy"] == "compact"


def test_a_topic_without_lanes_is_refused() -> None:
    with pytest.raises(ResetRefused, match=r"x\.ledger-entries has no lanes: topics with lanes are x\.member-events"):
        agent_of(context(), "x.ledger-entries")
