"""`accrue explain --log`: from an exported log or a file of events, without any server."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli.main import cli
from pipeline.core.events import Event
from pipeline.core.payloads import (
    Control,
    MemberEnrolled,
    MemberQuarantined,
    Payload,
    PointsAdjusted,
    ProgramActivated,
    QuarantineReleased,
    RedemptionRequested,
    TransactionCompleted,
)
from pipeline.history.log_lines import Footer, Header, ProgramLine, footer_line, header_line, program_line, record_line
from pipeline.program import load_program
from pipeline.wire.json_events import event_to_json
from pipeline.wire.partitioner import partition_of

SHOP = Path(__file__).resolve().parents[3] / "programs" / "shop"
PARTITIONS = 3
HOUR_MS = 3_600_000
START_MS = 1_772_445_600_000


def bought(order_id: str, amount_minor: int, currency: str = "USD") -> TransactionCompleted:
    return TransactionCompleted(order_id, amount_minor, currency, "app", "", "US", [])


HISTORY: list[tuple[str, str, Payload]] = [
    ("ann", "1", MemberEnrolled("US", "", "")),
    ("bob", "1", MemberEnrolled("US", "", "")),
    ("ann", "2", bought("o-1", 16_000)),
    ("bob", "2", bought("o-1", 90_000)),
    ("ann", "3", bought("o-2", 9_500)),
    ("ann", "4", bought("o-2", 100)),
    ("ann", "5", bought("o-3", 100, "XXX")),
    ("bob", "6", bought("o-6", 4_000)),
    ("ann", "6", bought("o-7", 4_000)),
]
"""(member, event id, what happened), an hour apart."""


def events(history: list[tuple[str, str, Payload]]) -> list[Event]:
    found = []
    for number, (member_id, event_id, payload) in enumerate(history):
        at_ms = START_MS + number * HOUR_MS
        found.append(Event(event_id, member_id, at_ms, "till", "", {}, payload, at_ms))
    return found


def exported(path: Path, history: list[tuple[str, str, Payload]] | None = None) -> Path:
    """A log of three partitions as `accrue log export` writes it, under the shop's programme."""
    shop = load_program(SHOP)
    lines = [
        header_line(Header("member-events", PARTITIONS, [9] * PARTITIONS, "2026-01-01T00:00:00+00:00")),
        program_line(ProgramLine(shop.hash, shop.canonical().decode())),
    ]
    offsets = [0] * PARTITIONS

    def record(partition: int, at_ms: int, key: bytes | None, content: Event | Control) -> None:
        lines.append(record_line(partition, (offsets[partition], at_ms, key, b"?"), content))
        offsets[partition] += 1

    for partition in range(PARTITIONS):
        record(partition, 1, None, ProgramActivated(shop.hash, 1, "me", ""))
    for event in events(HISTORY if history is None else history):
        key = event.member_id.encode()
        record(partition_of(key, PARTITIONS), event.recorded_at_ms, key, event)
    path.write_bytes(b"".join([*lines, footer_line(Footer(len(lines) - 2))]))
    return path


def written(path: Path) -> Path:
    """The same events as JSON lines."""
    path.write_text("".join(json.dumps(event_to_json(event)) + "\n" for event in events(HISTORY)))
    return path


def explain(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["explain", *arguments], catch_exceptions=False)


def document(*arguments: str) -> dict[str, Any]:
    result = explain(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def rules(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    (decision,) = found["decisions"]
    return {rule["rule_id"]: rule for rule in decision["rules"]}


def test_each_rule_tells_what_decided_and_what_kept_it(tmp_path: Path) -> None:
    text = explain("3", "--log", str(exported(tmp_path / "log.jsonl"))).stdout

    assert (
        """\
Rules on transaction_completed, which see the member as before the event:
  app-order: met, gave 0 of 5 points: limit:count/day
      event.channel == "app": "app" == "app" is true
      event.amount_minor >= 1000: 9500 >= 1000 is true
      limit:count/day: 1 of 1 used since 2026-03-02T05:00:00Z, 0 left
  big-basket: met, gave 20 of 47 points: limit:points/month
      event.amount_minor >= 5000: 9500 >= 5000 is true
      counted by event.amount_minor = 9500
      limit:points/month: 80 of 100 used since 2026-03-01T05:00:00Z, 20 left
  comeback: met, gave 10 points
      member.transactions >= 1: 1 >= 1 is true
      event.amount_minor >= 2000: 9500 >= 2000 is true
  first-purchase: met, gave 0 of 50 points: first_only
      not the member's first transaction_completed
  loyal-thanks: not met
      member.tier in ["gold", "platinum"]: "silver" in ["gold", "platinum"] is false
  purchase: met, gave 104 points
      counted by event.amount_minor = 9500
  weekend-double: not met
      has(event.attributes.weekend) is false
      member.enrolled_days >= 30: 0 >= 30 is false
Entries:
"""
        in text
    )
    assert "Tier of ann: silver -> gold (qualified, 264 qualifying points" in text


def test_a_pause_is_told_with_its_end(tmp_path: Path) -> None:
    log = exported(tmp_path / "log.jsonl")

    text = explain("6", "--member", "ann", "--log", str(log)).stdout

    assert "  comeback: met, gave 0 of 10 points: cooldown\n" in text
    assert "      pause until 2026-04-01T14:00:00Z, since comeback gave at 2026-03-02T14:00:00Z\n" in text
    assert '"gold" in ["gold", "platinum"] is true' in text


def test_json_has_all_atoms_limits_and_what_moved(tmp_path: Path) -> None:
    found = document("3", "--log", str(exported(tmp_path / "log.jsonl")))

    big, thanks = rules(found)["big-basket"], rules(found)["loyal-thanks"]
    assert (big["holds"], big["wanted"], big["given"], big["limited_by"]) == (True, 47, 20, "limit:points/month")
    assert big["limits"] == [{"name": "limit:points/month", "most": 100, "used": 80, "since": "2026-03-01T05:00:00Z"}]
    assert (big["counted"], big["value"]) == ("event.amount_minor = 9500", 9500)
    assert [(atom["text"], atom["result"], atom["decided"]) for atom in thanks["atoms"]] == [
        ('member.tier in ["gold", "platinum"]', False, True),
        ("event.amount_minor >= 3000", True, False),
    ]
    assert (thanks["given"], thanks["wanted"]) == (None, None)
    assert {entry["credit"] for entry in found["entries"]} == {"member:ann:pending"}


def test_a_file_of_events_is_explained_under_a_programme(tmp_path: Path) -> None:
    log, lines = exported(tmp_path / "log.jsonl"), written(tmp_path / "events.jsonl")

    by_log, by_events = document("3", "--log", str(log)), document("3", "--log", str(lines), "--program", str(SHOP))

    assert by_events == by_log


def test_another_programme_can_stand_in_for_those_of_the_log(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for path in SHOP.glob("*.yaml"):
        (other / path.name).write_text(path.read_text())
    (other / "rules.yaml").write_text(
        "rules:\n  - {id: flat, on: transaction_completed, award: {points: 7}, qualifies: true}\n"
    )

    found = document("3", "--log", str(exported(tmp_path / "log.jsonl")), "--program", str(other))

    assert {rule: each["given"] for rule, each in rules(found).items()} == {"flat": 7}


def test_what_was_refused_or_invalid_says_why(tmp_path: Path) -> None:
    log = str(exported(tmp_path / "log.jsonl"))

    refused, invalid = explain("4", "--log", log), explain("5", "--log", log)

    assert "Decision: refused: order_exists." in refused.stdout
    assert "Rules on" not in refused.stdout
    assert "Dead letter, member ann: unknown_currency" in invalid.stdout
    assert "currency is 'XXX'" in invalid.stdout


def test_the_rules_can_be_left_out(tmp_path: Path) -> None:
    log = str(exported(tmp_path / "log.jsonl"))

    assert "Rules on" not in explain("3", "--log", log, "--no-rules").stdout
    assert document("3", "--log", log, "--no-rules")["decisions"][0]["rules"] is None


def test_an_id_that_several_members_used_is_explained_for_each_or_for_one(tmp_path: Path) -> None:
    log = str(exported(tmp_path / "log.jsonl"))

    assert {each["member_id"] for each in document("6", "--log", log)["decisions"]} == {"ann", "bob"}
    assert [each["member_id"] for each in document("6", "--log", log, "--member", "bob")["decisions"]] == ["bob"]


def test_an_event_that_was_parked_is_explained_as_it_was_decided_at_the_release(tmp_path: Path) -> None:
    history = [
        *HISTORY[:3],
        ("ann", "q", MemberQuarantined("2", "till", 2, "RuntimeError: boom", "")),
        ("ann", "3", bought("o-2", 9_500)),
        ("ann", "r", QuarantineReleased("me", "mended")),
    ]

    found = document("3", "--log", str(exported(tmp_path / "log.jsonl", history)))

    assert rules(found)["big-basket"]["given"] == 20


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("9", "--log", "log.jsonl"), 1, "has no event '9'"),
        (("2", "--member", "cat", "--log", "log.jsonl"), 1, "has no event '2' of member 'cat'"),
        (("2", "--log", "events.jsonl"), 2, "is no exported log, so it brings no programme: add --program DIR"),
        (("2", "--program", str(SHOP)), 2, "--program goes with --log FILE"),
    ],
)
def test_what_cannot_be_explained_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    exported(tmp_path / "log.jsonl")
    written(tmp_path / "events.jsonl")

    result = explain(*arguments)

    assert result.exit_code == code
    assert said in " ".join(result.stderr.split())


def test_fraud_signals_that_an_event_set_off_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "HOUR_MS", 60_000)
    history: list[tuple[str, str, Payload]] = [
        ("ann", "0", MemberEnrolled("", "", "")),
        ("ann", "1", PointsAdjusted("", 500, "gift", "me")),
        ("ann", "2", RedemptionRequested("r1", "coffee", 1, "")),
        ("ann", "3", RedemptionRequested("r2", "voucher-5", 1, "")),
    ]
    log = exported(tmp_path / "log.jsonl", history)

    (alert,) = document("3", "--log", str(log))["fraud_alerts"]
    assert (alert["signal_id"], alert["mode"]) == ("one-redemption-an-hour", "shadow")
    assert (alert["value"], alert["limit"]) == (2, 1)
    assert "Fraud signal one-redemption-an-hour (deny) in shadow, nothing was done: redemptions within 1 hour" in (
        explain("3", "--log", str(log)).stdout
    )


def shared_device(folder: Path) -> tuple[Path, Path]:
    """A programme that lets one member redeem by a device, and the events of two who do: (programme, events)."""
    made = Path(shutil.copytree(SHOP, folder / "shared"))
    signal = "{id: shared, members: {by: device, at_most: 1, within: 1d}, action: review}"
    (made / "fraud.yaml").write_text(f"signals:\n  - {signal}\n")
    history: list[tuple[str, str, Payload]] = []
    for member_id in ("ann", "bob"):
        history += [
            (member_id, f"{member_id}-0", MemberEnrolled("", "", "")),
            (member_id, f"{member_id}-1", PointsAdjusted("", 500, "gift", "me")),
            (member_id, f"{member_id}-2", RedemptionRequested("r1", "coffee", 1, "")),
        ]
    lines = folder / "shared.jsonl"
    with lines.open("w") as file:
        for event in events(history):
            event.attributes["device"] = "phone"
            file.write(json.dumps(event_to_json(event)) + "\n")
    return made, lines


def test_what_a_pool_answered_is_told_with_the_redemption_that_waited(tmp_path: Path) -> None:
    programme, lines = shared_device(tmp_path)
    options = ("--log", str(lines), "--program", str(programme))

    passed, stopped = document("ann-2", *options), document("bob-2", *options)

    (answer,), (alert,) = stopped["answers"], stopped["fraud_alerts"]
    assert answer["pool"].startswith("members:shared:")
    assert (answer["event_id"], answer["outcome"]) == (alert["event_id"], "applied")
    assert (alert["signal_id"], alert["value"], alert["limit"]) == ("shared", 2, 1)
    assert {entry["kind"] for entry in stopped["entries"]} == {"hold"}
    assert (passed["fraud_alerts"], [one["pool"] for one in passed["answers"]]) == ([], [answer["pool"]])
    assert [(one["redemption_id"], one["event_id"]) for one in passed["fulfillments"]] == [
        ("r1", passed["answers"][0]["event_id"])
    ]
    text = explain("bob-2", *options).stdout
    assert "Decision: applied: waits_for_signal." in text
    assert f"Answer of {answer['pool']}, recorded 2026-03-02T15:00:00Z: applied\n" in text
    assert "  the others: ann\n" in text
    assert f"  under review: accrue reviews show {alert['review_id']}\n" in text
