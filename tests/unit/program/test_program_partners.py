"""partners.yaml: what is wrong is named with its place and the way out, and what names partners is held against it."""

import pytest
from program_texts import bundle, problems

from pipeline.partners.programs import policies_of
from pipeline.program.compiler import definition_of

SOUND = """\
partners:
  - id: acme
    address: https://api.acme.example/v1
    idempotent: true
    fulfil: {path: /orders, body: {/key: "{fulfillment_id}"}}
    ask: {path: "/orders/{fulfillment_id}"}
    fallback: [{provider: other}, {reward: coffee}]
    items: {gift: SKU-1}
  - {id: other, address: "http://127.0.0.1:8000", idempotent: true, fulfil: {path: /give}}
"""
REWARDS = "rewards:\n  - {id: coffee, price: 50}\n  - {id: gift, price: 5, provider: acme}\n"
OUTSIDE = "rewards:\n  - {id: coffee, price: 50, provider: external}\n  - {id: gift, price: 5, provider: acme}\n"


def found(partners: str = SOUND, rewards: str = REWARDS) -> list[str]:
    """First and last line of each problem: place with reason, and the way out."""
    lines = [problem.split("\n") for problem in problems({"partners.yaml": partners, "rewards.yaml": rewards})]
    return [f"{each[0]} | {each[-1].strip(' =')}" for each in lines]


def test_a_sound_file_has_nothing_wrong() -> None:
    assert found() == []


MISTAKES = [
    ("https://api", "http://api", "3:14",
     "an address that is not of this machine must begin with https://",
     "write https://"),
    ("https://api", "https://ann:secret@api", "3:14",
     "`address` must hold no credentials",
     "give them by reference, under a key of their own"),
    ('{fulfillment_id}"}}', '{fulfilment_id}"}}', "5:42",
     "there is no `{fulfilment_id}` here",
     "did you mean `fulfillment_id`?"),
    ("{provider: other}", "{provider: othr}", "7:27",
     "there is no other partner `othr`",
     "did you mean `other`?"),
    ("{provider: other}", "{provider: acme}", "7:27",
     "there is no other partner `acme`",
     "known: other"),
    ("{reward: coffee}", "{reward: cofee}", "7:44",
     "there is no other reward that house or a partner gives `cofee`",
     "did you mean `coffee`?"),
    ("{gift: SKU-1}", "{gft: SKU-1}", "8:13",
     "there is no reward `gft`",
     "did you mean `gift`?"),
    ("path: /orders,", "path: orders,", "5:20",
     "`path` must begin with /, not `orders`",
     "write /orders"),
    ("/key:", "key:", "5:35",
     "`key` is no JSON pointer",
     "write one such as /order/id"),
    ("idempotent: true\n    fulfil", "timeout: 2 fortnights\n    idempotent: true\n    fulfil", "4:14",
     "`timeout`: `2 fortnights` is not a length of time",
     "write a number and a unit: 0s, 500ms, 10s, 5min, 2h, 1d"),
    ("id: other,", "id: house,", "9:10",
     "`house` is a provider of its own kind",
     "name the partner otherwise"),
]  # fmt: skip
"""What stands there, what is written instead, where it is refused, why, and the way out."""


@pytest.mark.parametrize(("old", "new", "place", "reason", "advice"), MISTAKES)
def test_a_mistake_is_named_with_its_place_and_the_way_out(
    old: str, new: str, place: str, reason: str, advice: str
) -> None:
    assert old in SOUND
    assert f"partners.yaml:{place}: error: {reason} | {advice}" in found(SOUND.replace(old, new))


def test_a_partner_that_can_be_called_only_once_is_warned_of() -> None:
    text = SOUND.replace(", idempotent: true, fulfil", ", fulfil")
    (warning,) = found(text)
    assert "cannot be asked what became of a call" in warning and "warning" in warning


def test_a_reward_that_outsiders_give_is_no_fallback() -> None:
    assert any("there is no other reward" in each for each in found(rewards=OUTSIDE))


@pytest.mark.parametrize("more", ["codes: cinema", "stock: 5", "gives: {unit: miles, points: 3}"])
def test_a_reward_that_takes_or_brings_more_is_warned_of_as_a_fallback(more: str) -> None:
    texts = {"partners.yaml": SOUND, "rewards.yaml": REWARDS.replace("price: 50", f"price: 50, {more}")}
    (warning,) = found(SOUND, texts["rewards.yaml"])
    assert "partners.yaml:7:44: warning: the fallback `coffee` is passed over" in warning
    assert policies_of(bundle(texts)).providers == {"gift": "acme"}


def test_rewards_and_rules_name_partners_there_are() -> None:
    (wrong,) = found(rewards=REWARDS.replace("provider: acme", "provider: acne"))
    assert "`provider` cannot be `acne`" in wrong and "did you mean `acme`?" in wrong
    rule = "rules:\n  - {id: it, on: transaction_completed, award: {points: 5}, funded_by: acne}\n"
    (wrong,) = problems({"partners.yaml": SOUND, "rewards.yaml": REWARDS, "rules/more.yaml": rule})
    assert "there is no partner `acne`" in wrong and "did you mean `acme`?" in wrong


def test_two_partners_of_one_name_are_refused() -> None:
    again = SOUND.replace("id: other", "id: acme")
    assert any("there are two partners `acme`" in each for each in found(again))


def test_what_is_left_out_has_its_default() -> None:
    definition = definition_of(bundle({"partners.yaml": SOUND, "rewards.yaml": REWARDS}))
    other = definition.partners["other"]
    seconds = [wait // 1_000 for wait in other.retries_ms]
    assert seconds == [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert (other.timeout_ms, other.acts_within_ms, other.concurrency, other.rate) == (10_000, 60_000, 8, 0)
    assert (other.breaker.failures, other.breaker.pause_ms, other.breaker.probes) == (5, 30_000, 1)
