"""Notifications over real Kafka, Valkey and SMTP: one message per cause and channel, whoever is away or killed."""

from __future__ import annotations

import email
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from click.testing import CliRunner
from hook_endpoint import Endpoint, taken
from lane_world import LaneWorld, now_ms, wait_until

from pipeline.cli.main import cli
from pipeline.core.events import Event
from pipeline.core.payloads import MemberEnrolled, RedemptionRequested, TransactionCompleted
from pipeline.devstack import Settings
from pipeline.notify.feed import FEED_MAX, Contact, Feeds

pytestmark = pytest.mark.kafka

AHEAD_MS = 600_000
"""So far the workers' clock goes on while they are away: whatever waits is due, whichever attempt failed before."""

NOTIFICATIONS = """\
languages: [en, de]
sender: Corner Shop <points@shop.example>
messages:
  - id: feed-earned
    on: points_earned
    channel: in_app
    text:
      en: {title: "+{{ points }}", body: "You have {{ balance }}."}
      de: {title: "+{{ points }}", body: "Sie haben {{ balance }}."}
  - id: feed-given
    on: reward_fulfilled
    channel: in_app
    text:
      en: {title: "{{ reward }} is yours", body: "For {{ points }} points."}
      de: {title: "{{ reward }} ist da", body: "Für {{ points }} Punkte."}
  - id: push-earned
    on: points_earned
    channel: push
    text:
      en: {title: "+{{ points }}", body: "You have {{ balance }}."}
      de: {title: "+{{ points }}", body: "Sie haben {{ balance }}."}
  - id: mail-earned
    on: points_earned
    channel: email
    consent: news
    text:
      en: {title: "+{{ points }}", body: "You have {{ balance }}."}
      de: {title: "Neue Punkte: {{ points }}", body: "Sie haben {{ balance }}."}
"""


def program_in(folder: Path) -> Path:
    folder.mkdir()
    (folder / "program.yaml").write_text(
        "program: corner\nzone: UTC\nenrolment: automatic\ncurrencies: [EUR]\nunits: {points: {expires: never}}\n"
    )
    (folder / "rules.yaml").write_text(
        "rules:\n  - id: base\n    on: transaction_completed\n    award: {points: {per: 100, of: event.amount_minor}}\n"
    )
    (folder / "rewards.yaml").write_text("rewards:\n  - {id: coffee, price: 50}\n")
    (folder / "notifications.yaml").write_text(NOTIFICATIONS)
    return folder


class Mailbox:
    """An SMTP server of the standard's kind on a fixed port; it keeps (recipient, subject, Message-ID)."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.letters: list[tuple[str, str, str]] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the server's name
        found = email.message_from_bytes(envelope.content)
        self.letters.append((envelope.rcpt_tos[0], str(found["Subject"]), str(found["Message-ID"])))
        return "250 OK"


@pytest.fixture
def phones() -> Iterator[Endpoint]:
    """A push service."""
    with Endpoint() as endpoint:
        yield endpoint


def buy(world: LaneWorld, member: str, number: int, amount_minor: int) -> None:
    at_ms = now_ms()
    purchase = TransactionCompleted(f"o-{number}", amount_minor, "EUR", "", "", "", [])
    world.send(Event(f"buy-{number}", member, at_ms, "shop", "", {}, purchase, at_ms))


def test_each_cause_is_told_once_by_each_channel_while_mail_is_down_and_workers_are_killed(
    settings: Settings, prefix: str, tmp_path: Path, phones: Endpoint
) -> None:
    box = Mailbox()
    ahead = tmp_path / "ahead"
    environment = {
        "ACCRUE_REDIS_URL": settings.redis_url,
        "ACCRUE_SMTP_URL": f"smtp://127.0.0.1:{box.port}",
        "ACCRUE_PUSH_SERVICES": f"app={phones.url('/{address}').replace('http:', 'json:')}",
        "ACCRUE_CLOCK_FILE": str(ahead),
    }
    feeds = Feeds(settings.redis_url, prefix, f"{prefix}-")
    feeds.set_contact("m-1", Contact("ada@example.org", "de", push="app:ada-phone", consents=frozenset({"news"})))
    feeds.set_contact("m-2", Contact("bob@example.org", "", frozenset({"email"})))
    feeds.set_contact("m-3", Contact("cyd@example.org"))
    mail = Controller(box, hostname="127.0.0.1", port=box.port)
    with LaneWorld(settings, prefix, tmp_path, 2, program_in(tmp_path / "program")) as world:
        world.worker("one", environment=environment)
        at_ms = now_ms()
        world.send(Event("join", "m-1", at_ms, "crm", "", {}, MemberEnrolled("DE", "", ""), at_ms))
        for number, member in enumerate(("m-1", "m-1", "m-2", "m-3")):
            buy(world, member, number, 10_000)
        world.flush()

        def fed() -> bool:
            world.crew.check()
            return [len(feeds.feed(member)) for member in ("m-1", "m-2", "m-3")] == [2, 1, 1]

        wait_until(fed, "feeds while mail is down")
        assert box.letters == []
        world.crew.kill("one")
        mail.start()
        phones.answers(204)
        ahead.write_text(str(AHEAD_MS))
        try:
            world.crew.restart("one")
            wait_until(lambda: len(box.letters) >= 2 and len(taken(phones)) >= 2, "the messages that waited")
            ahead.unlink()
            at_ms = now_ms()
            world.send(Event("rd", "m-1", at_ms, "app", "", {}, RedemptionRequested("r-1", "coffee", 1, ""), at_ms))
            world.flush()
            wait_until(lambda: len(feeds.feed("m-1")) == 3, "news of the reward")
            world.wait_until_quiet()
            assert world.ends_in_order("one")
        finally:
            mail.stop()
    assert {(recipient, title) for recipient, title, _ in box.letters} == {("ada@example.org", "Neue Punkte: 100")}
    assert len({message_id for _, _, message_id in box.letters}) == len(box.letters) == 2
    assert all(one["path"].rstrip("/") == "/ada-phone" for one in phones.got())
    assert sorted(json.loads(one["body"])["message"] for one in taken(phones)) == ["Sie haben 100.", "Sie haben 200."]
    newest = feeds.feed("m-1")[0]
    assert (newest["title"], newest["body"], newest["read"]) == ("coffee ist da", "Für 50 Punkte.", False)
    feeds.close()


def test_the_feed_is_bounded_and_knows_what_was_read(settings: Settings, prefix: str) -> None:
    feeds = Feeds(settings.redis_url, prefix, "")
    for number in range(FEED_MAX + 5):
        feeds.put("m", f"n-{number:03}", 1_000 + number, f"title {number}", "body", "points_earned")
    feeds.put("m", f"n-{FEED_MAX:03}", 1_000 + FEED_MAX, "once more", "body", "points_earned")
    feeds.put("m", "n-000", 1_000, "long gone", "body", "points_earned")
    found = feeds.feed("m")
    assert [one["id"] for one in found] == [f"n-{number:03}" for number in range(FEED_MAX + 4, 4, -1)]
    assert {one["title"] for one in found}.isdisjoint({"once more", "long gone"})

    assert feeds.mark_read("m", ["n-010", "n-011", "n-000"]) == 2
    assert feeds.mark_read("m", ["n-010"]) == 0
    assert {one["id"] for one in feeds.feed("m") if one["read"]} == {"n-010", "n-011"}
    feeds.close()


def test_the_commands_show_feed_and_contact(settings: Settings, prefix: str) -> None:
    feeds = Feeds(settings.redis_url, prefix, "")
    feeds.put("m", "n-1", 1_772_449_200_000, "+125", "You have 4,885.", "points_earned")
    feeds.close()
    options = ["--redis-url", settings.redis_url, "--app-id", prefix, "--topic-prefix", ""]
    shown = CliRunner().invoke(cli, ["notifications", "feed", "m", "--mark-read", *options])
    assert shown.exit_code == 0
    assert shown.output == "* 2026-03-02T11:00:00Z  +125\n    You have 4,885.\n"
    again = CliRunner().invoke(cli, ["notifications", "feed", "m", "--json", *options])
    assert '"read": true' in again.output
    changed = CliRunner().invoke(
        cli,
        [
            "notifications",
            "contact",
            "m",
            "--language",
            "de",
            "--off",
            "email",
            "--zone",
            "Europe/Berlin",
            "--consent",
            "news",
            *options,
        ],
    )
    assert (
        changed.output
        == "member_id: m\nemail: -\npush: -\nlanguage: de\nzone: Europe/Berlin\noff: ['email']\nconsents: ['news']\n"
    )
