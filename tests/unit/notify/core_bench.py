"""The core of a notification lane over a table in memory, for tests of what it takes on and of its time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from fake_store import FakeStore

from pipeline.core.ports import UnknownProgram
from pipeline.core.records import Notification
from pipeline.lane.table import Outbox, Table
from pipeline.notify.correspondence import Correspondence
from pipeline.notify.policy import Policy
from pipeline.notify.waiting import QUEUE
from pipeline.program.notifications import NO_DIGEST, Message, MessageText, NotificationTerms
from pipeline.wire.codec import Decoder, Encoder
from pipeline.wire.schemas import CommittedSchemas

SCHEMAS = CommittedSchemas()
ENCODER = Encoder(SCHEMAS.schema_ids)
DECODER = Decoder(SCHEMAS)
NOON_MS = int(datetime(2026, 3, 2, 11, tzinfo=UTC).timestamp()) * 1_000  # 12:00 in Berlin
HOUR_MS = 3_600_000
TEXTS = (("en", MessageText("+{{ points }}", "You have\n{{ balance|number }}.")), ("de", MessageText("Neu", "Da.")))
MESSAGES = tuple(Message(f"by-{channel}", "points_earned", channel, TEXTS) for channel in ("in_app", "email"))


def policy(
    quiet: tuple[int, int] = (0, 0), most_per_day: tuple[tuple[str, int], ...] = (), digest: int = NO_DIGEST
) -> Policy:
    """`digest` is of e-mail."""
    in_app, email = MESSAGES
    messages = (in_app, replace(email, digest=digest))
    terms = NotificationTerms(("en", "de"), "Shop <a@shop.example>", quiet, messages, most_per_day)
    return Policy("shop", ZoneInfo("Europe/Berlin"), terms, {})


def notification(kind: str = "points_earned", notification_id: str = "n-1") -> Notification:
    return Notification(
        notification_id, "m-1", kind, "points", 125, 4_885, "gold", "", "", "", "", "e-1", "hash", NOON_MS, NOON_MS
    )


class CoreBench:
    """A lane's core over a table in memory."""

    def __init__(self, own: Policy) -> None:
        self.policies = {"hash": own}
        self.disk: dict[bytes, bytes] = {}
        self.now_ms = NOON_MS
        self.offset = 0
        self.restart()

    def policy(self, program_hash: str) -> Policy:
        if program_hash not in self.policies:
            raise UnknownProgram(program_hash)
        return self.policies[program_hash]

    def restart(self) -> None:
        self.store = FakeStore(self.disk)
        self.table, self.outbox = Table(self.store), Outbox()
        self.core = Correspondence(
            self.table, self.outbox, self.policy, DECODER, ENCODER, "notifications", 0, 2, "letters"
        )

    def commit(self) -> None:
        self.store.write(self.table.collect().changelog)
        self.table.clear()

    def take(self, given: Notification) -> None:
        self.offset += 1
        self.core.apply((self.offset, self.now_ms, b"m-1", ENCODER.notification(given)))
        self.commit()

    def waiting(self) -> list[bytes]:
        return [key for key in self.disk if key.startswith(QUEUE)]
