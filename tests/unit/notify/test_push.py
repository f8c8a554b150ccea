"""Push over real HTTP by Apprise: what a service is asked, and what becomes of its refusal."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pipeline.notify.failure import NotSent
from pipeline.notify.feed import Contact
from pipeline.notify.push import send, services_of
from pipeline.program.notifications import CHANNELS
from pipeline.settings import InvalidSettings


@contextmanager
def service(status: int = 200) -> Iterator[tuple[dict[str, str], list[tuple[str, dict[str, Any]]]]]:
    """(services as they are set, what was posted: path and body) of one at 127.0.0.1 that answers so."""
    posted: list[tuple[str, dict[str, Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append((self.path, json.loads(body)))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield services_of(f"app=json://127.0.0.1:{server.server_address[1]}/{{address}}"), posted
        finally:
            server.shutdown()
            thread.join()


def test_a_message_goes_to_the_members_address_at_the_service() -> None:
    with service() as (services, posted):
        send(services, "app:token/with?odd", "+125", "You have 4,885.")
    ((path, body),) = posted
    assert path.rstrip("/") == "/token%2Fwith%3Fodd"  # an address cannot say more than where
    assert (body["title"], body["message"]) == ("+125", "You have 4,885.")


@pytest.mark.parametrize("status", [400, 503])
def test_what_a_service_refuses_is_tried_again(status: int) -> None:
    with service(status) as (services, posted), pytest.raises(NotSent, match="app did not take it") as failed:
        send(services, "app:ada", "+125", "body")
    assert not failed.value.final
    assert len(posted) == 1


def test_a_service_that_is_away_or_unknown_is_worth_another_attempt() -> None:
    with service() as (services, _posted):
        pass
    with pytest.raises(NotSent) as away:
        send(services, "app:ada", "+125", "body")
    with pytest.raises(NotSent, match="no service 'ntfy': it has app") as unknown:
        send(services, "ntfy:ada", "+125", "body")
    assert not away.value.final
    assert not unknown.value.final


def test_services_are_named_and_their_urls_known_and_never_shown() -> None:
    assert services_of("") == {}
    assert list(services_of("a=ntfy://push.example/{address} b=tgram://123456789:ABCdefghijkl/{address}")) == ["a", "b"]
    for wrong in (
        "ntfy://secret.example/{address}",
        "a=ntfy://secret.example/topic",
        "a=fax://secret.example/{address}",
    ):
        with pytest.raises(InvalidSettings, match="ACCRUE_PUSH_SERVICES") as refused:
            services_of(wrong)
        assert "secret" not in str(refused.value)


def test_a_member_gets_what_there_is_an_address_for_and_what_is_wanted() -> None:
    assert [channel for channel in CHANNELS if Contact().wants(channel, "")] == ["in_app"]
    ada = Contact("ada@example.org", off=frozenset({"email"}), push="app:ada", consents=frozenset({"news"}))
    assert [channel for channel in CHANNELS if ada.wants(channel, "")] == ["in_app", "push"]
    assert [channel for channel in CHANNELS if ada.wants(channel, "news")] == ["in_app", "push"]
    assert not any(ada.wants(channel, "surveys") for channel in CHANNELS)
