"""`accrue notifications preview`: how a message will read, per kind, language and channel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli.main import cli

NOTIFICATIONS = """\
languages: [en, de]
sender: Corner Shop <points@shop.example>
messages:
  - id: tier-mail
    on: tier_changed
    channel: email
    text:
      en: {title: "Welcome: {{ tier|capitalize }}", body: "You were {{ previous_tier }}."}
      de: {title: "Willkommen: {{ tier|capitalize }}", body: "Sie waren {{ previous_tier }}."}
  - id: tier-push
    on: tier_changed
    channel: push
    text:
      en: {title: "{{ tier|upper }}", body: "From {{ program }}."}
      de: {title: "{{ tier|upper }}", body: "Von {{ program }}."}
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program")
    (folder / "program.yaml").write_text(
        "program: corner\nzone: UTC\nenrolment: automatic\ncurrencies: [EUR]\nunits: {points: {expires: never}}\n"
    )
    (folder / "rules.yaml").write_text("rules:\n  - {id: base, on: transaction_completed, award: {points: 5}}\n")
    (folder / "notifications.yaml").write_text(NOTIFICATIONS)
    return folder


def preview(directory: Path, *options: str) -> Result:
    return CliRunner().invoke(cli, ["notifications", "preview", str(directory), *options])


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (("--channel", "email"), "Welcome: Gold\n\nYou were silver.\n"),
        (("--channel", "email", "--language", "de"), "Willkommen: Gold\n\nSie waren silver.\n"),
        (("--channel", "push", "--language", "de"), "GOLD\n\nVon corner.\n"),
    ],
)
def test_a_message_is_shown_per_language_and_channel(directory: Path, options: tuple[str, ...], shown: str) -> None:
    found = preview(directory, "tier_changed", *options)
    assert (found.exit_code, found.output) == (0, shown)


def test_json_names_what_is_shown(directory: Path) -> None:
    found = json.loads(preview(directory, "tier_changed", "--channel", "email", "--json").output)
    assert (found["kind"], found["channel"], found["language"]) == ("tier_changed", "email", "en")
    assert (found["title"], found["body"]) == ("Welcome: Gold", "You were silver.")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ("points_earned",),
            "no message of points_earned by in_app; it has tier_changed by email, tier_changed by push",
        ),
        (("tier_changed", "--channel", "email", "--language", "fr"), "does not speak 'fr'; it has en, de"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(directory: Path, options: tuple[str, ...], words: str) -> None:
    found = preview(directory, *options)
    assert found.exit_code == 1
    assert words in found.output
