"""The feeds of partners.yaml: what is wrong is named with its place and the way out."""

import pytest
from program_texts import bundle, problems

from pipeline.program.compiler import definition_of
from pipeline.program.feeds import FEED_TYPES, FeedLimits
from pipeline.program.partners import Secret
from pipeline.wire import schemas
from pipeline.wire.codegen.sources import HEADER
from pipeline.wire.schemas import CommittedSchemas

SOUND = """\
feeds:
  - id: airmiles
    signing: {env: AIRMILES_SECRET}
    list: /sales
    events:
      - type: transaction_completed
        where: {/kind: sale}
        fields: {event_id: /id, member_id: /card, occurred_at: /at, order_id: /id, amount_minor: /paid, currency: /cur}
        fixed: {channel: partner, attributes.desk: north}
        decimals: {amount_minor: 2}
        time: s
      - {type: none, where: {/kind: ping}}
    limits: {countries: [US, CA], amount_minor: 50000, late: 7d, member_events: 20, events: 1000, every: 1h}
"""


def found(text: str) -> list[str]:
    """First and last line of each problem: place with reason, and the way out."""
    lines = [problem.split("\n") for problem in problems({"partners.yaml": text})]
    return [f"{each[0]} | {each[-1].strip(' =')}" for each in lines]


def test_a_file_of_feeds_alone_is_sound() -> None:
    feed = definition_of(bundle({"partners.yaml": SOUND})).feeds["airmiles"]

    assert (feed.secret, feed.avro, feed.list_at) == (Secret("AIRMILES_SECRET", ""), "", "/sales")
    sale, ping = feed.events
    assert (sale.event_type, sale.where, sale.time) == ("transaction_completed", (("/kind", "sale"),), "s")
    assert sale.fixed == (("channel", "partner"), ("attributes.desk", "north"))
    assert (sale.decimals, ping.event_type) == ((("amount_minor", 2),), "")
    assert feed.limits == FeedLimits(("US", "CA"), 50_000, 7 * 86_400_000, 20, 1_000, 0, 3_600_000)


MISTAKES = [
    ("type: transaction_completed", "type: points_adjusted", "6:15",
     "`type` cannot be `points_adjusted`",
     "known: " + ", ".join((*FEED_TYPES, "none"))),
    ("order_id: /id, ", "", "8:17",
     "an event of feed `airmiles` lacks `order_id`",
     "say under `fields` where it stands: `order_id: /...`"),
    ("currency: /cur", "currency: /cur, points_paid: /paid", "8:17",
     "a transaction_completed of a partner has no `points_paid`",
     "known: event_id, member_id, occurred_at, order_id, amount_minor, currency, channel, store_id, country, revision"),
    ("member_id: /card", "member_id: card", "8:17",
     "`member_id: card` is no JSON pointer",
     "write one such as /order/id"),
    ("channel: partner", "currency: EUR", "9:16",
     "`currency` stands in `fields` and in `fixed`",
     "keep one of the two"),
    ("decimals: {amount_minor", "decimals: {currency", "10:19",
     "`currency` is no whole number",
     "known: amount_minor, revision, period_months, instalment_number"),
    ("countries: [US, CA]", "countries: [USA]", "13:25",
     "`USA` is no country",
     "write two capitals, such as US"),
    ("late: 7d", "late: 0d", "13:62",
     "`late` must be above 0 and at most 31536000 s",
     "write another length of time"),
    ("list: /sales", "avro: '{'", "4:11",
     "`avro` is not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
     "write the schema as a quoted or literal (|) text"),
]  # fmt: skip
"""What stands there, what is written instead, where it is refused, why, and the way out."""


@pytest.mark.parametrize(("old", "new", "place", "reason", "advice"), MISTAKES)
def test_a_mistake_is_named_with_its_place_and_the_way_out(
    old: str, new: str, place: str, reason: str, advice: str
) -> None:
    assert old in SOUND
    assert f"partners.yaml:{place}: error: {reason} | {advice}" in found(SOUND.replace(old, new, 1))


def test_two_feeds_of_one_name_are_refused() -> None:
    twice = SOUND + SOUND.removeprefix("feeds:\n")
    assert any("there are two feeds `airmiles` | give one of them another id" in problem for problem in found(twice))


@pytest.mark.parametrize("event_type", FEED_TYPES)
def test_a_partner_must_tell_all_that_an_event_cannot_do_without(event_type: str) -> None:
    name = "accrue.events." + "".join(part.capitalize() for part in event_type.split("_"))
    assert name in CommittedSchemas().schema_ids
    own = {field.name: field for field in schemas.record(name).fields if field.name not in HEADER}
    needed, others = FEED_TYPES[event_type]

    assert set(needed) == {field.name for field in own.values() if not field.has_default}
    assert set(others) <= own.keys()
