"""The live part of the demo as a script: every record that is sent, and what must become of it."""

from collections.abc import Sequence
from typing import Final, NamedTuple, final

from pipeline.core.events import Event
from pipeline.core.payloads import Payload
from pipeline.core.records import DeadLetter, RewardDecision
from pipeline.history.append import Appender
from pipeline.wire.codec import Encoder
from pipeline.wire.partitioner import partition_of

SOURCE: Final = "demo"
APPLIED: Final = "applied"
DUPLICATE: Final = "duplicate"
REFUSED: Final = "refused: "
DEAD: Final = "dead letter: "


class Step(NamedTuple):
    """One record. `expects` is applied, duplicate, or a prefix above with a reason; `event` is None for raw bytes."""

    partition: int
    key: bytes | None
    value: bytes
    expects: str
    event: Event | None


@final
class Script:
    """Steps in the order they are sent; per member that is the order in which they are decided."""

    def __init__(self, encoder: Encoder, partitions: int, now_ms: int) -> None:
        """now_ms: when the live part begins; everything occurs then unless a step says otherwise."""
        self.steps: list[Step] = []
        self.now_ms = now_ms
        self.partitions = partitions
        self.encoder = encoder

    def event(
        self,
        member_id: str,
        payload: Payload,
        expects: str = APPLIED,
        *,
        event_id: str = "",
        occurred_at_ms: int = 0,
        source: str = SOURCE,
    ) -> Event:
        """Add an event under its member's key. Ids and times are made up where they are not given."""
        occurred_at_ms = occurred_at_ms or self.now_ms
        event = Event(
            event_id or f"demo-{len(self.steps):05}", member_id, occurred_at_ms, source, "", {}, payload, self.now_ms
        )
        self.steps.append(self.step(event, expects))
        return event

    def again(self, event: Event) -> None:
        """Add the very same event once more: a producer that was not sure has repeated it."""
        self.steps.append(self.step(event, DUPLICATE))

    def step(self, event: Event, expects: str) -> Step:
        """What is expected of an event that is sent elsewhere."""
        key = event.member_id.encode()
        return Step(partition_of(key, self.partitions), key, self.encoder.event(event), expects, event)

    def raw(self, partition: int, key: bytes | None, value: bytes, expects: str) -> None:
        """Add a record as it stands, wherever it may belong."""
        self.steps.append(Step(partition, key, value, expects, None))

    def send(self, appender: Appender, timestamp_ms: int) -> None:
        """Send every step, stamped `timestamp_ms`, and return when all are on the log. Raises NotDelivered."""
        for step in self.steps:
            appender.append_to(step.partition, step.key, step.value, timestamp_ms)
        appender.flush()


def departures(steps: Sequence[Step], decisions: list[RewardDecision], letters: list[DeadLetter]) -> list[str]:
    """Where the run went otherwise than the steps say, in words; takes its decisions and dead letters."""
    decided: dict[tuple[str, str, str], list[str]] = {}
    for decision in decisions:
        fate = REFUSED + decision.reason if decision.outcome == "refused" else decision.outcome
        decided.setdefault((decision.member_id, decision.source, decision.event_id), []).append(fate)
    dead: dict[tuple[int, bytes], list[str]] = {}
    for letter in letters:
        dead.setdefault((letter.partition, letter.value), []).append(DEAD + letter.reason)
    found: list[str] = []
    for number, step in enumerate(steps):
        if step.expects.startswith(DEAD):
            fates = dead.get((step.partition, step.value), [])
        else:
            assert step.event is not None
            fates = decided.get((step.event.member_id, step.event.source, step.event.event_id), [])
        # A repeated event leaves no trace: the one decision of it stands alone.
        as_expected = len(fates) == 1 if step.expects == DUPLICATE else fates == [step.expects]
        if not as_expected:
            what = step.event.type_name if step.event is not None else "raw bytes"
            found.append(f"step {number}, {what}: expected {step.expects}, found {', '.join(fates) or 'nothing'}")
    return found
