"""A lane's topics are all looked at before it begins: each that it writes to must be among them."""

from __future__ import annotations

from pipeline.lane.outputs import OutputTopics


def test_every_topic_is_among_all_of_them() -> None:
    topics = OutputTopics(lambda name: f"x.{name}")
    named = {getattr(topics, name) for name in dir(topics) if not name.startswith("_") and name != "all"}

    assert set(topics.all()) == named
