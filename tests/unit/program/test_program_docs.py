"""docs/programs.md tells of every key and name there is, and its examples are sound."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from program_texts import problems

from pipeline.core.fraud_model import FEATURES
from pipeline.core.notices import KINDS
from pipeline.program import (
    campaigns_file,
    currency_keys,
    events_file,
    expiry_keys,
    feeds_file,
    fraud_across_keys,
    fraud_file,
    fraud_trait_keys,
    household_keys,
    limits,
    milestone_keys,
    model_file,
    notifications_file,
    partner_calls,
    partners_file,
    referral_keys,
    rewards_file,
    rules_file,
    schedule_keys,
    settings_file,
    stacking_keys,
    tiers_file,
    transfer_keys,
    webhooks_file,
)
from pipeline.program.cel_errors import FUNCTION_NAMES
from pipeline.program.feeds import FEED_TYPES, TIMES
from pipeline.program.notifications import CHANNELS
from pipeline.program.partner_calls import PLACEHOLDERS
from pipeline.program.partners import MEANINGS
from pipeline.program.templates import FILTERS, samples
from pipeline.program.vocabulary import REWARDABLE, terms

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "programs.md").read_text("utf-8")
EXAMPLES = re.findall(r"```yaml\n# ((?!examples)\S+)\n(.*?)```", TEXT, re.DOTALL)
CODE = set(re.findall(r"`([^`\n]+)`", TEXT))


def test_there_are_examples_of_every_file() -> None:
    assert {name for name, _ in EXAMPLES} == {
        "program.yaml",
        "rules.yaml",
        "tiers.yaml",
        "rewards.yaml",
        "events.yaml",
        "campaigns.yaml",
        "partners.yaml",
        "fraud.yaml",
        "model.yaml",
        "notifications.yaml",
        "webhooks.yaml",
    }


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[f"{name}-{n}" for n, (name, _) in enumerate(EXAMPLES)])
def test_examples_are_sound(name: str, text: str) -> None:
    top = "{id: gold, threshold: 5, earn_percent: 120}, {id: platinum, threshold: 9}"
    tiers = f"tiers: [{{id: bronze, threshold: 0}}, {top}]"
    rule = "rules:\n  - {id: base, on: transaction_completed, award: {points: 1}, qualifies: true}\n"

    settings = next(example for file, example in EXAMPLES if file == "program.yaml")
    campaigns = next(example for file, example in EXAMPLES if file == "campaigns.yaml")
    files = {"program.yaml": settings, "campaigns.yaml": campaigns, "tiers.yaml": tiers, "rules/base.yaml": rule}
    if name == "model.yaml":
        files["fraud.yaml"] = "signals: [{id: scored, learned: {at_least: 900}, action: allow}]\n"
    assert problems({**files, name: text}) == []


def test_every_key_is_told_of() -> None:
    keys = {*rules_file.KEYS, *(f"award.{key}" for key in rules_file.AWARD_KEYS)}
    keys |= {f"award.points.{key}" for key in rules_file.POINTS_KEYS}
    keys |= {*settings_file.KEYS} - {"refunds"} | {"units.*.expires", "units.*.rounding"}
    keys |= {f"refunds.{key}" for key in settings_file.REFUNDS_KEYS} | {*settings_file.POINTS_PAID}
    keys |= {f"rewards.*.{key}" for key in rewards_file.KEYS}
    keys |= {
        *tuple(tiers_file.FILE_KEYS)[2:],
        *(f"qualification.{key}" for key in tiers_file.QUALIFICATION_KEYS),
        *tiers_file.BY,
        *tiers_file.DOWNGRADES,
        *tiers_file.ON_REFUNDS,
        *tiers_file.UPGRADES,
        *tiers_file.PERIODS,
        *rewards_file.CONFIRMS,
    }
    keys |= {f"campaigns.*.{key}" for key in campaigns_file.KEYS} | {f"during.{key}" for key in schedule_keys.KEYS}
    keys |= {f"stacking.{key}" for key in stacking_keys.KEYS} | {*stacking_keys.CHOICES, *expiry_keys.SLIDES_BY}
    keys |= {*limits.EVERY, *settings_file.ROUNDINGS, *settings_file.CLAWBACKS, *settings_file.ENROLMENTS}
    keys |= {f"streak.{key}" for key in milestone_keys.STREAK_KEYS}
    keys |= {f"achievement.{key}" for key in milestone_keys.ACHIEVEMENT_KEYS} | {*milestone_keys.AWARD_AT}
    keys |= {f"events.*.{key}" for key in events_file.KEYS} | {*events_file.TYPES}
    keys |= {f"conversion.{key}" for key in currency_keys.CONVERSION_KEYS}
    keys |= {f"referrals.{key}" for key in referral_keys.REFERRAL_KEYS}
    keys |= {f"transfers.{key}" for key in transfer_keys.TRANSFER_KEYS} | {*transfer_keys.EXPIRIES}
    keys |= {f"households.{key}" for key in household_keys.HOUSEHOLD_KEYS}
    keys |= {f"gives.{key}" for key in rewards_file.GIVES_KEYS}
    keys |= {f"partners.*.{key}" for key in partners_file.KEYS} | {f"fulfil.{key}" for key in partner_calls.CALL_KEYS}
    keys |= {f"credentials.{key}" for key in partners_file.CREDENTIALS_KEYS} | {*MEANINGS}
    keys |= {f"breaker.{key}" for key in partners_file.BREAKER_KEYS} | {*(f"{{{name}}}" for name in PLACEHOLDERS)}
    keys |= {f"answers.*.{key}" for key in partner_calls.ANSWER_KEYS}
    keys |= {f"callback.{key}" for key in partners_file.CALLBACK_KEYS}
    keys |= {f"fallback.*.{key}" for key in partners_file.FALLBACK_KEYS}
    keys |= {f"settlement.{key}" for key in partners_file.SETTLEMENT_KEYS}
    keys |= {f"feeds.*.{key}" for key in feeds_file.KEYS} | {*FEED_TYPES, feeds_file.LEFT_OUT, *TIMES}
    keys |= {f"feeds.*.events.*.{key}" for key in feeds_file.EVENT_KEYS}
    keys |= {f"limits.{key}" for key in feeds_file.LIMITS_KEYS}
    keys |= {f"signals.*.{key}" for key in fraud_file.KEYS} | {
        *fraud_file.ACTIONS,
        *fraud_file.MEASURES,
        *fraud_file.BY,
    }
    keys |= {f"review.{key}" for key in fraud_file.REVIEW_KEYS} | {*fraud_file.VERDICTS}
    keys |= {f"{kind}.{key}" for kind in fraud_trait_keys.TRAITS for key in fraud_trait_keys.keys_of(kind)}
    keys |= {f"{kind}.{key}" for kind in fraud_across_keys.ACROSS for key in fraud_across_keys.keys_of(kind)}
    keys |= {*fraud_across_keys.SHARED}
    keys |= {*model_file.FILE_KEYS} | {*FEATURES}
    keys |= {f"velocity.{key}" for key in fraud_file.VELOCITY_KEYS}
    keys |= {f"spending.{key}" for key in fraud_file.SPENDING_KEYS}
    keys |= {f"attributes.{key}" for key in fraud_file.ATTRIBUTES_KEYS}
    keys |= {*notifications_file.FILE_KEYS} - {"messages"} | {*KINDS, *CHANNELS, *FILTERS}
    keys |= {f"messages.*.{key}" for key in notifications_file.MESSAGE_KEYS}
    keys |= {f"text.{key}" for key in notifications_file.TEXT_KEYS}
    keys |= {f"webhooks.*.{key}" for key in webhooks_file.KEYS}
    keys |= {name for kind in KINDS for name in samples(kind, datetime(2026, 3, 1, tzinfo=UTC))}
    keys -= {"award", "conversion", "stacking", "streak", "achievement"}

    assert keys - CODE == set()


def test_every_name_and_function_is_told_of() -> None:
    for kind in REWARDABLE:
        (line,) = re.findall(rf"^\| `{kind}` \|.*$", TEXT, re.MULTILINE)
        for name, term in terms(kind).items():
            assert f"`{name}`" in TEXT
            own = name.startswith("event.") and name not in ("event.event_id", "event.source", "event.attributes")
            assert not own or f"`{name}`" in line
            assert not own or (f"`{name}` (int)" in line) == (term.type == "int"), name
    assert all(f"{name}(" in TEXT for name in FUNCTION_NAMES)
