"""What a programme manager reads about a mistake in the structure of a programme, letter by letter."""

import pytest
from program_texts import RULES, SETTINGS, TIERS, problems, rule

MESSAGES = {
    "a misspelt key": (
        rule("on: transaction_completed\nunles_rewarded_within: 30d\naward: {points: 5}"),
        """
rules/more.yaml:4:5: error: unknown key `unles_rewarded_within` in rule `it`
    4 |     unles_rewarded_within: 30d
      |     ^
      = did you mean `unless_rewarded_within`?
""",
    ),
    "a misspelt event type": (
        rule("on: transaction_complete\naward: {points: 5}"),
        """
rules/more.yaml:3:9: error: `on` cannot be `transaction_complete`
    3 |     on: transaction_complete
      |         ^
      = did you mean `transaction_completed`?
""",
    ),
    "a misspelt unit": (
        rule("on: transaction_completed\naward: {points: 5, unit: milles}"),
        """
rules/more.yaml:4:30: error: there is no unit `milles`
    4 |     award: {points: 5, unit: milles}
      |                              ^
      = did you mean `miles`?
""",
    ),
    "an odd unit of time": (
        rule("on: transaction_completed\naward: {points: 5, pending: 2 fortnights}"),
        """
rules/more.yaml:4:33: error: `pending`: `fortnights` is not a unit of time
    4 |     award: {points: 5, pending: 2 fortnights}
      |                                 ^
      = write a number and a unit: 30d, 12h, 2w, 6mo, 1y (or: 30 days, 12 months)
""",
    ),
    "minutes or months": (
        rule("on: transaction_completed\naward: {points: 5, pending: 6m}"),
        """
rules/more.yaml:4:33: error: `pending`: `6m` could be minutes or months
    4 |     award: {points: 5, pending: 6m}
      |                                 ^
      = write 6min or 6mo
""",
    ),
    "a rate that is no decimal": (
        rule("on: transaction_completed\naward: {points: {of: event.amount_minor, rate: 1/3}}"),
        """
rules/more.yaml:4:52: error: `rate`: `1/3` is not an exact decimal
    4 |     award: {points: {of: event.amount_minor, rate: 1/3}}
      |                                                    ^
      = write digits with at most nine after the point, such as 2 or 0.25
""",
    ),
    "a limit of zero": (
        rule("on: transaction_completed\nlimit: {per_member: {points: 0, every: day}}\naward: {points: 5}"),
        """
rules/more.yaml:4:34: error: `points` must be at least 1, not 0
    4 |     limit: {per_member: {points: 0, every: day}}
      |                                  ^
      = write a number from 1 to 1000000000000
""",
    ),
    "a limit of nothing": (
        rule("on: transaction_completed\nlimit: {per_member: {every: day}}\naward: {points: 5}"),
        """
rules/more.yaml:4:25: error: a limit needs either `points` or `count`
    4 |     limit: {per_member: {every: day}}
      |                         ^
      = write `points: N` for points, or `count: N` for times
""",
    ),
    "yes for true": (
        rule("on: transaction_completed\nfirst_only: yes\naward: {points: 5}"),
        """
rules/more.yaml:4:17: error: `first_only` must be true or false, not `yes`
    4 |     first_only: yes
      |                 ^
      = write true
""",
    ),
    "a window in months": (
        rule("on: transaction_completed\nunless_rewarded_within: 1mo\naward: {points: 5}"),
        """
rules/more.yaml:4:29: error: this window must have a fixed length, and months have not
    4 |     unless_rewarded_within: 1mo
      |                             ^
      = write days: 30d
""",
    ),
    "two rules of one id": (
        {"rules/more.yaml": "rules:\n  - id: purchase\n    on: transaction_completed\n    award: {points: 5}\n"},
        """
rules/more.yaml:2:9: error: there are two rules `purchase`: the other is in rules.yaml, line 2
    2 |   - id: purchase
      |         ^
      = give one of them another id
""",
    ),
    "a tier equal to the one below": (
        {"tiers.yaml": TIERS.replace("threshold: 5000", "threshold: 500")},
        """
tiers.yaml:4:31: error: tier `platinum` can never be reached: its threshold 500 is equal to that of `silver`, 500
    4 |   - {id: platinum, threshold: 500, earn_percent: 150}
      |                               ^
      = list tiers with thresholds going up
""",
    ),
    "tiers that no rule leads to": (
        {"rules.yaml": RULES.replace("    qualifies: true\n", "")},
        """
tiers.yaml:3:5: error: tier `silver` can never be reached: no live rule qualifies in unit `points`
    3 |   - {id: silver, threshold: 500}
      |     ^
      = add `qualifies: true` to the rules that count for tiers
""",
    ),
    "a key given twice": (
        {"program.yaml": SETTINGS + "zone: UTC\n"},
        """
program.yaml:8:1: error: key `zone` stands twice in program.yaml
    8 | zone: UTC
      | ^
      = keep one of the two
""",
    ),
    "a reward for a tier that does not exist": (
        {"rewards.yaml": "rewards:\n  - {id: mug, price: 5, tiers: [gold]}\n"},
        """
rewards.yaml:2:33: error: there is no tier `gold`
    2 |   - {id: mug, price: 5, tiers: [gold]}
      |                                 ^
      = known: bronze, silver, platinum
""",
    ),
    "a number in quotes": (
        {"rewards.yaml": 'rewards:\n  - {id: mug, price: "5"}\n'},
        """
rewards.yaml:2:22: error: `price` must be a whole number, not a quoted text
    2 |   - {id: mug, price: "5"}
      |                      ^
      = write `price: 5`
""",
    ),
    "a misspelt file": (
        {"reward.yaml": "x: 1\n"},
        """
reward.yaml:1:1: error: this is not a file of a programme
    = did you mean `rewards.yaml`?
""",
    ),
    "a file that no programme has": (
        {"prizes.yaml": "x: 1\n"},
        """
prizes.yaml:1:1: error: this is not a file of a programme
    = a programme has program.yaml, rules.yaml, tiers.yaml, rewards.yaml, campaigns.yaml, events.yaml, \
partners.yaml, fraud.yaml, model.yaml, notifications.yaml, webhooks.yaml, rules/, examples/
""",
    ),
    "broken YAML": (
        {"tiers.yaml": "tiers:\n  - id: a: b\n"},
        """
tiers.yaml:2:10: error: not valid YAML: mapping values are not allowed here
    2 |   - id: a: b
      |          ^
      = put a value that contains `: ` into quotes, and check the indentation
""",
    ),
    "an alias": (
        {"tiers.yaml": "tiers: &all\n  - *all\n"},
        """
tiers.yaml:1:8: error: `&all` is a YAML anchor
    1 | tiers: &all
      |        ^
      = write the value out where it is used
""",
    ),
    "a tag": (
        {"tiers.yaml": "tiers: !!python/object:os.system {}\n"},
        """
tiers.yaml:1:8: error: `tag:yaml.org,2002:python/object:os.system` is a YAML tag
    1 | tiers: !!python/object:os.system {}
      |        ^
      = remove it: each key knows its type
""",
    ),
    "a zone that does not exist": (
        {"program.yaml": SETTINGS.replace("Europe/Berlin", "Europe/Munich")},
        """
program.yaml:2:7: error: there is no time zone `Europe/Munich`
    2 | zone: Europe/Munich
      |       ^
      = write an IANA name, such as Europe/Berlin or UTC
""",
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_the_message_says_where_what_and_the_way_out(name: str) -> None:
    files, expected = MESSAGES[name]

    assert "\n".join(problems(files)) == expected.strip("\n")
