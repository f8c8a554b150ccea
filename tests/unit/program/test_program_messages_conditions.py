"""What a programme manager reads about a mistake in a condition, letter by letter."""

import pytest
from program_texts import problems, rule

MESSAGES = {
    "a misspelt field of the event": (
        rule("on: transaction_completed\nwhen: event.amont_minor >= 10000\naward: {points: 5}"),
        """
rules/more.yaml:4:17: error: `event.amont_minor` does not exist on transaction_completed
    4 |     when: event.amont_minor >= 10000
      |                 ^
      = did you mean `event.amount_minor`?
""",
    ),
    "a field of another event type": (
        rule("on: transaction_completed\nwhen: event.on_time\naward: {points: 5}"),
        """
rules/more.yaml:4:17: error: `event.on_time` does not exist on transaction_completed
    4 |     when: event.on_time
      |                 ^
      = `event.on_time` exists on emi_payment_succeeded
""",
    ),
    "a misspelt field of the member": (
        rule('on: transaction_completed\nwhen: member.teir == "platinum"\naward: {points: 5}'),
        """
rules/more.yaml:4:18: error: `member.teir` does not exist
    4 |     when: member.teir == "platinum"
      |                  ^
      = did you mean `member.tier`?
""",
    ),
    "a number compared with a text": (
        rule('on: transaction_completed\nwhen: event.amount_minor >= "10000"\naward: {points: 5}'),
        """
rules/more.yaml:4:30: error: `>=` cannot be applied to int and string
    4 |     when: event.amount_minor >= "10000"
      |                              ^
      = both sides must be of one type: a number without quotes, a text in quotes
""",
    ),
    "a number compared with a float": (
        rule("on: transaction_completed\nwhen: event.amount_minor >= 100.00\naward: {points: 5}"),
        """
rules/more.yaml:4:30: error: `>=` cannot be applied to int and double
    4 |     when: event.amount_minor >= 100.00
      |                              ^
      = write whole numbers: amounts are in minor units, so 100.00 is 10000
""",
    ),
    "a place within a folded text": (
        rule(
            "on: transaction_completed\n"
            "when: >\n"
            "  event.amount_minor >= 100\n"
            '  && event.chanel == "app"\n'
            "award: {points: 5}"
        ),
        """
rules/more.yaml:6:16: error: `event.chanel` does not exist on transaction_completed
    6 |       && event.chanel == "app"
      |                ^
      = did you mean `event.channel`?
""",
    ),
    "a place within single quotes": (
        rule(
            "on: transaction_completed\nwhen: 'event.channel == ''app'' && event.chanel == \"x\"'\naward: {points: 5}"
        ),
        """
rules/more.yaml:4:46: error: `event.chanel` does not exist on transaction_completed
    4 |     when: 'event.channel == ''app'' && event.chanel == "x"'
      |                                              ^
      = did you mean `event.channel`?
""",
    ),
    "a place within double quotes": (
        rule(
            "on: transaction_completed\n"
            'when: "event.channel == \\"app\\" && event.chanel == \\"x\\""\n'
            "award: {points: 5}"
        ),
        r"""
rules/more.yaml:4:46: error: `event.chanel` does not exist on transaction_completed
    4 |     when: "event.channel == \"app\" && event.chanel == \"x\""
      |                                              ^
      = did you mean `event.channel`?
""",
    ),
    "a tier that does not exist": (
        rule('on: transaction_completed\nwhen: member.tier in ["platnum"]\naward: {points: 5}'),
        """
rules/more.yaml:4:27: error: there is no tier `platnum`
    4 |     when: member.tier in ["platnum"]
      |                           ^
      = did you mean `platinum`?
""",
    ),
    "a currency the programme does not have": (
        rule('on: transaction_completed\nwhen: event.currency == "GBP"\naward: {points: 5}'),
        """
rules/more.yaml:4:29: error: there is no currency `GBP`
    4 |     when: event.currency == "GBP"
      |                             ^
      = known: USD, EUR
""",
    ),
    "a number for a condition": (
        rule("on: transaction_completed\nwhen: event.amount_minor\naward: {points: 5}"),
        """
rules/more.yaml:4:11: error: this must be a condition that is true or false, and is of type int
    4 |     when: event.amount_minor
      |           ^
      = compare it with something: event.amount_minor == ...
""",
    ),
    "a text to count by": (
        rule("on: transaction_completed\naward: {points: {of: event.channel}}"),
        """
rules/more.yaml:4:26: error: this must be a whole number, and is of type string
    4 |     award: {points: {of: event.channel}}
      |                          ^
      = name a number, such as event.amount_minor
""",
    ),
    "a word for an operator": (
        rule("on: transaction_completed\nwhen: event.amount_minor > 1 and event.amount_minor < 9\naward: {points: 5}"),
        """
rules/more.yaml:4:34: error: not a valid expression: `and` is not an operator
    4 |     when: event.amount_minor > 1 and event.amount_minor < 9
      |                                  ^
      = write &&
""",
    ),
    "a single equals sign": (
        rule('on: transaction_completed\nwhen: event.channel = "app"\naward: {points: 5}'),
        """
rules/more.yaml:4:25: error: not a valid expression: `=` is not an operator
    4 |     when: event.channel = "app"
      |                         ^
      = write == to compare
""",
    ),
    "a text without quotes": (
        rule("on: transaction_completed\nwhen: event.channel == app\naward: {points: 5}"),
        """
rules/more.yaml:4:28: error: `app` is not known here
    4 |     when: event.channel == app
      |                            ^
      = put a text into quotes: "app"
""",
    ),
    "a misspelt function": (
        rule('on: transaction_completed\nwhen: event.channel.starsWith("a")\naward: {points: 5}'),
        """
rules/more.yaml:4:25: error: there is no function `starsWith`
    4 |     when: event.channel.starsWith("a")
      |                         ^
      = did you mean `startsWith`?
""",
    ),
    "a function that conditions leave out": (
        rule('on: transaction_completed\nwhen: event.channel.matches("a*")\naward: {points: 5}'),
        """
rules/more.yaml:4:25: error: conditions do not have the function `matches`
    4 |     when: event.channel.matches("a*")
      |                         ^
      = known: size, contains, startsWith, endsWith, has
""",
    ),
    "a macro": (
        rule("on: transaction_completed\nwhen: '[1, 2].exists(x, x == event.amount_minor)'\naward: {points: 5}"),
        """
rules/more.yaml:4:19: error: conditions do not have a macro such as exists, all, map or filter
    4 |     when: '[1, 2].exists(x, x == event.amount_minor)'
      |                   ^
      = compare values one by one, or use `in`
""",
    ),
    "a rule that never holds": (
        rule(
            "on: transaction_completed\nwhen: event.amount_minor > 500 && event.amount_minor < 300\naward: {points: 5}"
        ),
        """
rules/more.yaml:4:58: warning: the rule never gives anything: no value of `event.amount_minor` meets all its comparisons
    4 |     when: event.amount_minor > 500 && event.amount_minor < 300
      |                                                          ^
      = use || between alternatives, or correct a bound
""",
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_the_message_says_where_what_and_the_way_out(name: str) -> None:
    files, expected = MESSAGES[name]

    assert "\n".join(problems(files)) == expected.strip("\n")
