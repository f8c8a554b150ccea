"""`accrue simulate`: events of a file through a programme, or an exported log, without any server."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli.main import cli

SHOP = Path(__file__).resolve().parents[3] / "programs" / "shop"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ("simulate", *arguments), catch_exceptions=False)


def event(event_id: str, kind: str, at: str, member_id: str = "ann", **data: object) -> dict[str, object]:
    return {
        "event_id": event_id,
        "type": kind,
        "member_id": member_id,
        "occurred_at": at,
        "source": "till",
        "data": data,
    }


def simulated(path: Path, lines: list[dict[str, object]], *options: str) -> dict[str, Any]:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ended = run("--program", str(SHOP), "--events", str(path), "--json", *options)
    assert ended.exit_code == 0, ended.output
    content: dict[str, Any] = json.loads(ended.stdout)
    return content


BOUGHT = event("2", "transaction_completed", "2026-01-11T12:00:00Z", order_id="o-1", amount_minor=4_000, currency="EUR")
DAY = [event("1", "member_enrolled", "2026-01-10T12:00:00Z"), BOUGHT]


def test_the_result_has_the_documented_form(tmp_path: Path) -> None:
    content = simulated(tmp_path / "events.jsonl", DAY)

    assert set(content) == {
        "members", "entries", "tier_changes", "fulfillments", "rejections", "waiting", "notes",
        "alerts", "reviews", "snapshots", "digest",
        "shadow",
    }  # fmt: skip
    assert content["members"] == {
        "ann": {"wallets": {"points": {"available": 20, "pending": 90, "held": 0}}, "tier": "bronze", "seq": 3}
    }
    assert [entry["rule_id"] for entry in content["entries"]] == ["welcome", "first-purchase", "purchase"]
    assert (content["fulfillments"], content["rejections"], content["alerts"], content["snapshots"]) == ([], [], [], [])
    assert len(content["digest"]) == 64


def test_a_snapshot_line_does_what_is_due_by_then(tmp_path: Path) -> None:
    lines = [*DAY, {"type": "snapshot", "recorded_at": "2026-01-26T00:00:00Z"}]

    content = simulated(tmp_path / "events.jsonl", lines, "--until", "2027-02-01T00:00:00Z")

    (released, later) = content["snapshots"]
    assert released["at"].startswith("2026-01-26T00:00:00")
    assert released["members"]["ann"]["wallets"]["points"] == {"available": 110, "pending": 0, "held": 0}
    assert later["members"]["ann"]["wallets"]["points"]["available"] == 0, "all points have expired by then"


def test_recorded_at_counts_where_it_is_given(tmp_path: Path) -> None:
    late = {**BOUGHT, "recorded_at": "2026-06-01T00:00:00Z"}

    content = simulated(tmp_path / "events.jsonl", [DAY[0], late])

    assert content["rejections"] == [{"event_id": "2", "reason": "occurred_too_long_ago"}]


def test_what_the_house_and_rules_bring_about_follows_at_once(tmp_path: Path) -> None:
    lines = [
        *DAY,
        event("3", "member_enrolled", "2026-01-12T12:00:00Z", "bob"),
        event("4", "referral_accepted", "2026-01-12T12:00:00Z", referral_id="r", referred_member_id="bob"),
        event("5", "points_adjusted", "2026-01-12T13:00:00Z", points=100, reason="gift", author="me"),
        event("6", "redemption_requested", "2026-01-12T14:00:00Z", redemption_id="c", reward_id="coffee"),
    ]

    content = simulated(tmp_path / "events.jsonl", lines)

    assert content["members"]["bob"]["wallets"]["points"]["available"] == 20 + 30
    assert [command["reward_id"] for command in content["fulfillments"]] == ["coffee"]
    moved = {kind: sum(e["amount"] for e in content["entries"] if e["kind"] == kind) for kind in ("hold", "redeem")}
    assert moved == {"hold": 25, "redeem": 25}


def test_duplicates_and_ticks_are_taken_as_the_pipeline_takes_them(tmp_path: Path) -> None:
    tick = {"type": "tick", "recorded_at": "2026-02-01T00:00:00Z"}

    content = simulated(tmp_path / "events.jsonl", [*DAY, BOUGHT, {**BOUGHT, "source": "web"}, tick])

    assert content["rejections"] == [{"event_id": "2", "reason": "order_exists"}]
    assert content["members"]["ann"]["wallets"]["points"]["pending"] == 0


def test_people_get_a_summary(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in DAY))

    ended = run("--program", str(SHOP), "--events", str(tmp_path / "events.jsonl"))

    assert ended.exit_code == 0
    assert "1 members, 2 decisions, 3 entries" in ended.stdout
    assert "ann\tbronze\tpoints\t20\t90\t0\t0" in ended.stdout
    assert "digest " in ended.stdout


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "line 2: is not JSON"),
        ('{"type": "snapshot"}', "line 2: expected a time"),
        ('{"type": "snapshot", "recorded_at": "2026-01-26T00:00:00Z", "at": 1}', "line 2: at is not known"),
        ('{"type": "party"}', "line 2: event_id is missing"),
        (
            '{"type": "program_activated", "recorded_at": "2026-01-26T00:00:00Z", "data": {"program_hash": "x", '
            '"effective_at": "2026-01-26T00:00:00Z", "author": "me"}}',
            "line 2: type: program_activated has no place here",
        ),
    ],
)
def test_a_bad_line_is_refused_with_its_number(tmp_path: Path, line: str, why: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(f"{json.dumps(DAY[0])}\n{line}\n")

    ended = run("--program", str(SHOP), "--events", str(path))

    assert ended.exit_code == 1
    assert why in ended.stderr


@pytest.mark.parametrize("options", [(), ("--program", str(SHOP)), ("--program", str(SHOP), "--log", str(__file__))])
def test_misuse_says_what_to_give(options: tuple[str, ...]) -> None:
    ended = run(*options)

    assert ended.exit_code == 2
    assert "give either --program DIR and --events FILE, or --log FILE" in ended.stderr


def test_a_bad_time_is_misuse(tmp_path: Path) -> None:
    ended = run("--log", str(__file__), "--until", "soon")

    assert ended.exit_code == 2
    assert "'soon' is no ISO 8601 time" in ended.stderr


def test_what_is_no_exported_log_is_refused() -> None:
    ended = run("--log", str(__file__))

    assert ended.exit_code == 1
    assert "line 1: is not JSON" in ended.stderr
