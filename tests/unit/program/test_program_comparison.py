"""Two programmes are compared by what they mean; each change is said in words, and nothing else."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from program_texts import REWARDS, RULES, SETTINGS, SOUND, TIERS, bundle, rule

from pipeline.program.comparison import Change, compare
from pipeline.program.zones import zone_data


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    """Changes between two variants of the sound programme, which are sound too where they are said to be."""
    return compare(bundle(before), bundle(after))


def told(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [change.text for change in changes(before, after)]


AWARD = "award: {points: 5}"
BUY = "on: transaction_completed"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"{BUY}\n{AWARD}", f"{AWARD} # comment\n{BUY}"),
        (f"{BUY}\n{AWARD}", f"{BUY}\n{AWARD}\nmode: live\nfirst_only: false\nqualifies: false"),
        (f"{BUY}\n{AWARD}", '"on": "transaction_completed"\naward: {points: 5, unit: points}'),
        (f"{BUY}\n{AWARD}\nunless_rewarded_within: 30d", f"{BUY}\n{AWARD}\nunless_rewarded_within: 720 hours"),
        (f"{BUY}\n{AWARD}\nunless_rewarded_within: 2w", f"{BUY}\n{AWARD}\nunless_rewarded_within: {{window: 14d}}"),
        (
            f"{BUY}\n{AWARD}\nlimit: {{per_member: {{points: 5, every: day}}}}",
            f"{BUY}\n{AWARD}\nlimit:\n  - per_member:\n      every: day\n      points: 5",
        ),
        (
            f"{BUY}\naward: {{points: {{of: event.amount_minor, rate: 0.50}}}}",
            f"{BUY}\naward: {{points: {{of: '(event.amount_minor)', rate: 0.5, per: 1}}}}",
        ),
        (
            f"{BUY}\n{AWARD}\nwhen: event.amount_minor > 5 && (event.channel in ['a', 'b'] || event.country == 'US')",
            f"{BUY}\n{AWARD}\nwhen: |\n  (event.country == 'US' || event.channel in ['b', 'a'])\n"
            "  && event.amount_minor > 5",
        ),
        (f"{BUY}\naward: {{points: 5, expires: 24mo}}", f"{BUY}\naward: {{points: 5, expires: 2 years}}"),
    ],
)  # fmt: skip
def test_ways_of_writing_the_same_make_no_change(one: str, other: str) -> None:
    assert bundle(rule(one)).hash != bundle(rule(other)).hash
    assert told(rule(one), rule(other)) == []


def test_ways_of_writing_an_expiry_make_no_change() -> None:
    def expires(text: str) -> dict[str, str]:
        return {"program.yaml": SETTINGS.replace("{expires: 12mo}", f"{{expires: {text}}}")}

    assert told(expires("12mo"), expires("{after: 1y}")) == []
    assert told(expires("{sliding: 12mo}"), expires("{sliding: 1y, by: earning}")) == []
    assert told(expires("{end_of: year, after: 12mo}"), expires("{end_of: year, after: 24mo}")) == [
        "unit `points`: the expiry changes from 1 year to 2 years"
    ]
    assert told(expires("12mo"), expires("{sliding: 6mo}")) == [
        "unit `points`: the expiry changes from 1 year to sliding 6 months, by earning"
    ]


def test_files_and_their_order_make_no_change() -> None:
    moved = {"rules.yaml": "rules:\n" + rule(f"{BUY}\n{AWARD}")["rules/more.yaml"].split("\n", 1)[1]}
    moved["rules.yaml"] = RULES + moved["rules.yaml"].split("\n", 1)[1]

    assert told(rule(f"{BUY}\n{AWARD}"), moved) == []
    assert told({}, {"program.yaml": SETTINGS.replace("[USD, EUR]", "[EUR, USD]") + "refunds: {}\n"}) == []
    assert told({}, {"tiers.yaml": TIERS + "qualification: {unit: points}\n"}) == []


@pytest.mark.parametrize(
    ("one", "other", "text"),
    [
        (
            f"{BUY}\n{AWARD}\nwhen: event.amount_minor >= 10000",
            f"{BUY}\n{AWARD}\nwhen: event.amount_minor >= 20000",
            "rule `it`: the condition changes from `event.amount_minor >= 10000` to `event.amount_minor >= 20000`",
        ),
        (
            f"{BUY}\n{AWARD}",
            f"{BUY}\n{AWARD}\nwhen: event.amount_minor >= 1",
            "rule `it`: the condition is new: `event.amount_minor >= 1`",
        ),
        (
            f"{BUY}\n{AWARD}\nwhen: event.amount_minor >= 1",
            f"{BUY}\n{AWARD}",
            "rule `it`: the condition is gone; before: `event.amount_minor >= 1`",
        ),
        (f"{BUY}\n{AWARD}", f"{BUY}\naward: {{points: 6}}", "rule `it`: the number of points changes from 5 to 6"),
        (
            f"{BUY}\n{AWARD}",
            f"{BUY}\naward: {{points: {{of: event.amount_minor, per: 100}}}}",
            "rule `it`: the number of points changes from 5 to 1 for every 100 of `event.amount_minor`",
        ),
        (
            f"{BUY}\naward: {{points: {{of: event.amount_minor, rate: 2}}}}",
            f"{BUY}\naward: {{points: {{of: event.amount_minor, rate: 0.25}}}}",
            "rule `it`: the rate changes from 2 to 0.25",
        ),
        (
            f"{BUY}\n{AWARD}\nlimit: {{per_member: {{points: 5, every: day}}}}",
            f"{BUY}\n{AWARD}\nlimit: {{per_member: {{count: 3, every: ever}}}}",
            "rule `it`: the limit changes from at most 5 points per member every day "
            "to at most 3 times per member ever",
        ),
        (
            f"{BUY}\n{AWARD}\nunless_rewarded_within: 30d",
            f"{BUY}\n{AWARD}\nunless_rewarded_within: {{window: 30d, by: any}}",
            "rule `it`: whose awards the pause counts changes from rule to any",
        ),
        (
            f"{BUY}\n{AWARD}",
            f"{BUY}\n{AWARD}\nunless_rewarded_within: 36h",
            "rule `it`: the pause between awards is new: 36 hours since it gave points",
        ),
        (f"{BUY}\n{AWARD}", f"{BUY}\n{AWARD}\nmode: shadow", "rule `it`: the mode changes from live to shadow"),
        (f"{BUY}\n{AWARD}", f"on: custom_event\n{AWARD}",
         "rule `it`: the event type changes from transaction_completed to custom_event"),
        (
            f"{BUY}\naward: {{points: 5, pending: 14d}}",
            f"{BUY}\naward: {{points: 5, pending: 1mo}}",
            "rule `it`: the time until points become available changes from 2 weeks to 1 month",
        ),
    ],
)  # fmt: skip
def test_a_change_of_a_rule_is_said_in_words(one: str, other: str, text: str) -> None:
    assert told(rule(one), rule(other)) == [text]


def test_what_comes_and_goes_is_described() -> None:
    more = rule(f"{BUY}\nwhen: event.amount_minor > 5\n{AWARD}\nlimit: {{per_member: {{count: 2, every: week}}}}")
    text = "on: transaction_completed; when: `event.amount_minor > 5`; limit: at most 2 times per member every week; "
    text += "award.points: 5"

    assert changes({}, more) == [Change("added", "rule", "it", "", "", text, f"rule `it` is added: {text}")]
    assert changes(more, {}) == [Change("removed", "rule", "it", "", text, "", f"rule `it` is removed; it was {text}")]
    assert told({}, {"rewards.yaml": REWARDS + "  - {id: tea, price: 5, tiers: [silver]}\n"}) == [
        "reward `tea` is added: price: 5; tiers: silver"
    ]
    assert told({}, {"tiers.yaml": TIERS + "  - {id: opal, threshold: 9000}\n"}) == [
        "tier `opal` is added: threshold: 9000"
    ]


def test_other_files_are_compared_too() -> None:
    settings = SETTINGS.replace("Europe/Berlin", "UTC").replace("12mo", "6mo").replace("[USD, EUR]", "[USD]")
    assert [change.text for change in compare(bundle({}), bundle({"program.yaml": settings}, "UTC"))] == [
        "the programme: the time zone changes from Europe/Berlin to UTC",
        "the programme: the list of currencies changes from EUR, USD to USD",
        "unit `points`: the expiry changes from 1 year to 6 months",
    ]
    assert told({}, {"tiers.yaml": TIERS.replace("500}", "600}"), "rewards.yaml": REWARDS.replace("50}", "55}")}) == [
        "tier `silver`: the threshold changes from 500 to 600",
        "reward `coffee`: the price changes from 50 to 55",
    ]


def test_another_default_unit_is_a_change_of_all_that_names_none() -> None:
    lines = SETTINGS.split("\n")
    swapped = "\n".join([*lines[:5], lines[6], lines[5], ""])

    assert told({}, {"program.yaml": swapped}) == [
        "the programme: the unit that counts for tiers changes from points to miles",
        "rule `purchase`: the unit changes from points to miles",
        "reward `coffee`: the unit changes from points to miles",
        "the default unit changes from points to miles",
    ]


def test_rules_in_another_order_book_in_another_order() -> None:
    other = RULES.replace("purchase", "second").removeprefix("rules:\n")
    first = other + "    priority: 3\n"
    priority, order = changes({"rules.yaml": RULES + other}, {"rules.yaml": RULES + first})

    assert (priority.kind, priority.text) == ("changed", "rule `second`: the priority changes from 0 to 3")
    assert (order.kind, order.before, order.after) == ("reordered", "purchase, second", "second, purchase")


def test_the_order_in_which_rules_are_written_makes_no_change() -> None:
    other = RULES.replace("purchase", "second").removeprefix("rules:\n")

    assert changes({"rules.yaml": RULES + other}, {"rules.yaml": "rules:\n" + other + RULES.split("\n", 1)[1]}) == []


def test_changes_of_campaigns_events_and_windows_are_said_in_words() -> None:
    def written(points: int, attribute: str) -> dict[str, str]:
        limit = f"{{per_member: {{points: {points}, every: {{rolling: 30d}}}}}}"
        return {
            "campaigns.yaml": f"campaigns:\n  - {{id: summer, limit: {limit}}}\n",
            "events.yaml": f"events:\n  - {{name: quiz, attributes: {{score: {attribute}}}}}\n",
        }

    assert told(written(5, "int"), written(6, "text")) == [
        "campaign `summer`: the limit changes from at most 5 points per member within any 30 days "
        "to at most 6 points per member within any 30 days",
        "event `quiz`: `attributes.score` changes from int to text",
    ]
    assert told({}, {"campaigns.yaml": "campaigns:\n  - {id: summer, during: {from: 2026-06-01}}\n"}) == [
        "campaign `summer` is added: during.from: 2026-06-01"
    ]


def test_what_decides_besides_the_files_is_compared() -> None:
    base = bundle({})
    later = replace(base, semantics=base.semantics + 1, tzdata="2099a", zone_data=zone_data("UTC"))

    assert [change.key for change in compare(base, later)] == ["semantics", "tzdata"]
    assert compare(base, replace(base, tzdata="2099a")) == [], "the zone's own rules are what counts"


def test_the_comparison_reads_every_file_of_the_sound_programme() -> None:
    assert compare(bundle({}), bundle({})) == []
    assert all(told({}, {name: text.replace("id: ", "id: x")}) for name, text in SOUND.items() if "id: " in text)
