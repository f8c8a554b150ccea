"""The generated function: what it looks like, what it reads, what it says of a failure."""

from program_texts import compiled, rule

from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.payloads import CustomEvent, Payload, TransactionCompleted
from pipeline.core.wallet import Wallet
from pipeline.program.cel_check import check_expression
from pipeline.program.cel_python import Condition, generate
from pipeline.program.vocabulary import REWARDABLE, terms

DAY_MS = 86_400_000


def source(*whens: str) -> str:
    conditions = []
    for index, when in enumerate(whens):
        tree, found = check_expression(when, "transaction_completed", "bool", {})
        assert not found, found
        conditions.append(Condition(index, tree, None))
    return generate(conditions, terms("transaction_completed"))


def purchase(**fields: object) -> TransactionCompleted:
    values = {"order_id": "o", "amount_minor": 5000, "currency": "USD", "channel": "app", "store_id": "", "country": ""}
    return TransactionCompleted(**{**values, "lines": [], **fields})


def happening(payload: Payload, at_ms: int = 0, attributes: dict[str, str] | None = None) -> Event:
    return Event("e-1", "m-1", at_ms, "till", "", attributes or {}, payload, at_ms)


def judge(when: str, event: Event, member: Member) -> bool | str:
    """Whether the condition holds for the event, or what failed."""
    kind = event.type_name
    program = compiled(rule(f"on: {kind}\nwhen: '{when}'\naward: {{points: 5}}"))
    table = program.rules[kind]
    (index,) = [index for index, each in enumerate(table.rules) if each.rule_id == "it"]
    errors: list[tuple[int, str]] = []
    found = table.match(event, event.payload, member, errors)
    if errors:
        assert [place for place, _ in errors] == [index]
        return errors[0][1]
    return (index, 0) in found


def test_conditions_that_cannot_fail_are_plain_python_over_hoisted_reads() -> None:
    assert source(
        'event.amount_minor >= 10000 && member.tier in ["gold", "platinum"]', "event.amount_minor / 100 > 5"
    ) == (
        "def match(event, payload, member, errors):\n"
        "    event_amount_minor = (payload.amount_minor - payload.points_paid_minor)\n"
        "    member_tier = (member.tier or TIER)\n"
        "    found = []\n"
        "    if ((event_amount_minor >= 10000) and (member_tier in {'gold', 'platinum'})):\n"
        "        found.append((0, 0))\n"
        "    if (divide(event_amount_minor, 100) > 5):\n"
        "        found.append((1, 0))\n"
        "    return found\n"
    )


def test_a_condition_that_can_fail_is_guarded_and_evaluated_last() -> None:
    assert source('event.attributes["gift"] == "yes" && event.amount_minor > 2 * 50') == (
        "def match(event, payload, member, errors):\n"
        "    event_attributes = event.attributes\n"
        "    event_amount_minor = (payload.amount_minor - payload.points_paid_minor)\n"
        "    found = []\n"
        "    try:\n"
        "        if ((event_amount_minor > 100) and (event_attributes['gift'] == 'yes')):\n"
        "            found.append((0, 0))\n"
        "    except FAILURES as failure:\n"
        "        errors.append((0, describe(failure)))\n"
        "    return found\n"
    )


def test_failures_are_told_in_words_and_other_rules_go_on() -> None:
    custom = happening(CustomEvent("steps", {"none": 0, "most": 2**63 - 1}))
    member = Member("m-1")

    assert judge('event.numbers["steps"] > 3', custom, member) == "no such key: 'steps'"
    assert judge("10 / event.numbers.none > 3", custom, member) == "division by zero"
    assert judge("10 % event.numbers.none > 3", custom, member) == "modulus by zero"
    assert judge("event.numbers.most + 1 > 3", custom, member) == "whole number out of range"
    assert judge("[1, 2][event.numbers.most] > 3", custom, member).startswith("index 9223372036854775807 out of range")
    assert judge('event.attributes.size == "L" || event.name == "steps"', custom, member) is True


def test_a_new_member_has_the_lowest_tier_and_empty_wallets() -> None:
    event, member = happening(purchase()), Member("m-1")

    assert judge('member.tier == "bronze"', event, member) is True
    assert judge("member.available == 0 && member.pending == 0", event, member) is True
    assert judge("member.transactions == 0 && member.enrolled_days == 0", event, member) is True


def test_the_member_is_read_as_it_is_before_the_event() -> None:
    member = Member("m-1")
    member.tier = "silver"
    member.country, member.segment = "DE", "students"
    member.enrolled_at_ms = 10 * DAY_MS
    member.wallets = {"points": Wallet(70, 30, 0, 0, [], []), "miles": Wallet(1, 1, 0, 0, [], [])}
    member.event_counts = {"transaction_completed": 4, "custom_event": 2}
    event = happening(purchase(), at_ms=12 * DAY_MS - 1)

    assert judge('member.tier == "silver" && member.country == "DE" && member.segment == "students"', event, member)
    assert judge("member.available == 70 && member.pending == 30", event, member) is True
    assert judge("member.transactions == 4 && member.custom_events == 2 && member.renewals == 0", event, member) is True
    assert judge("member.enrolled_days == 1", event, member) is True


def test_an_event_from_before_enrolment_sees_no_days() -> None:
    member = Member("m-1")
    member.enrolled_at_ms = 10 * DAY_MS

    assert judge("member.enrolled_days == 0", happening(purchase(), at_ms=DAY_MS), member) is True


def test_the_header_can_be_read() -> None:
    event = happening(purchase(), attributes={"campaign": "spring"})

    when = 'event.event_id == "e-1" && event.source == "till" && event.attributes == event.attributes'
    assert (
        judge(when + ' && has(event.attributes.campaign) && !("x" in event.attributes)', event, Member("m-1")) is True
    )


def test_every_name_of_every_type_can_be_read() -> None:
    literals = {"int": "== 0", "string": '== ""', "bool": "== true"}
    for kind in REWARDABLE:
        for term in terms(kind).values():
            when = f"{term.name} {literals[term.type]}" if term.type in literals else f"size({term.name}) == 0"
            tree, found = check_expression(when, kind, "bool", {})
            assert tree is not None and not found, (kind, when, found)
            assert term.read in generate([Condition(0, tree, None)], terms(kind))
