"""E-mail against a real SMTP server on the loopback: what arrives, and what each refusal means."""

from __future__ import annotations

import email
import socket
from collections.abc import Iterator
from email.message import Message
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from pipeline.notify.failure import NotSent
from pipeline.notify.mail import letter, send


class Mailbox:
    """An SMTP handler that keeps what it takes; `answer` is said instead of taking."""

    def __init__(self) -> None:
        self.letters: list[tuple[list[str], Message]] = []
        self.answer = ""

    async def handle_RCPT(  # noqa: N802 - the server's name for it
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if self.answer:
            return self.answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.letters.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content)))
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[str, Mailbox]]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield f"smtp://127.0.0.1:{port}", box
    controller.stop()


def a_letter(recipient: str = "ada@example.org", title: str = "Grüße") -> Any:
    return letter("Shop <points@shop.example>", recipient, "n-1", title, "Zwölf Punkte.", 1_772_449_200_000)


def test_a_letter_arrives_whole(mailbox: tuple[str, Mailbox]) -> None:
    url, box = mailbox
    send(url, a_letter())
    ((recipients, found),) = box.letters
    assert recipients == ["ada@example.org"]
    assert found["Message-ID"] == "<n-1@shop.example>"
    payload = found.get_payload(decode=True)
    assert isinstance(payload, bytes) and payload.decode() == "Zwölf Punkte.\r\n"


@pytest.mark.parametrize(("answer", "final"), [("550 no such mailbox", True), ("450 come back later", False)])
def test_a_refusal_is_final_or_not_as_the_server_says(mailbox: tuple[str, Mailbox], answer: str, final: bool) -> None:
    url, box = mailbox
    box.answer = answer
    with pytest.raises(NotSent, match=answer[4:]) as caught:
        send(url, a_letter())
    assert caught.value.final is final


def test_a_server_that_is_away_is_worth_another_attempt() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(NotSent) as caught:
        send(f"smtp://127.0.0.1:{port}", a_letter())
    assert not caught.value.final


@pytest.mark.parametrize("url", ["", "http://127.0.0.1", "smtp://", "smtp://host:port"])
def test_an_address_that_is_none_names_the_setting(url: str) -> None:
    with pytest.raises(NotSent, match="ACCRUE_SMTP_URL"):
        send(url, a_letter())


def test_a_line_break_in_an_address_is_refused_for_good() -> None:
    with pytest.raises(NotSent) as caught:
        a_letter("ada@example.org\nBcc: all@example.org")
    assert caught.value.final
