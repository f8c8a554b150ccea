"""Confluent's wire format to values and back: magic byte 0, the schema's id in four bytes, Avro.

A value written with one of our current schemas is read by its committed decoder; for any other schema that the registry
knows, a decoder is generated once, which reads the writer's fields into ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from pipeline.core.events import Event
from pipeline.core.payloads import CohortBaselines, Control, ProgramActivated, Tick
from pipeline.core.records import (
    DeadLetter,
    FeedOrder,
    FraudAlert,
    FulfillmentAttempt,
    FulfillmentCommand,
    LedgerEntry,
    MemberBalance,
    Notification,
    Output,
    PartnerMessage,
    PartnerOrder,
    PoolBalance,
    PoolRequest,
    ReviewChange,
    RewardDecision,
    TierChange,
    WebhookOrder,
)
from pipeline.wire import schemas
from pipeline.wire.avro import BadSchema, Record, parse_record, written_form
from pipeline.wire.codegen.decoders import START, decoder_source
from pipeline.wire.explain import fault_in_bytes, fault_in_value
from pipeline.wire.generated import decoders, encoders
from pipeline.wire.generated.schemas import SCHEMAS
from pipeline.wire.refusals import Undecodable, Unencodable
from pipeline.wire.schemas import RegistryUnavailable, SchemaNotFound, SchemaSource

NOT_AVRO: Final = "not_avro"
UNKNOWN_SCHEMA: Final = "unknown_schema"
UNKNOWN_TYPE: Final = "unknown_type"
UNDECODABLE: Final = "undecodable"
RETRY_UNKNOWN_AFTER_S: Final = 5.0
"""How long the registry's "there is no such schema" is believed: the schema may be registered a moment later."""
UNKNOWN_LIMIT: Final = 10_000
"""Most ids remembered as unknown: a producer that sends noise must not fill the memory."""

MALFORMED: Final = (IndexError, ValueError, OverflowError)
"""What decoders raise for bytes that are no value of their schema; the last by compiled ones, for a huge index."""

Value = TypeVar("Value")

__all__ = ["Decoder", "Encoder", "RegistryUnavailable", "Undecodable", "Unencodable"]


class Decoder:
    """Bytes of the log and of the output topics to values. May be shared by threads."""

    def __init__(self, registry: SchemaSource, clock_s: Callable[[], float] = time.monotonic) -> None:
        """`clock_s` only bounds how long an unknown id is remembered as unknown."""
        self._registry = registry
        self._clock_s = clock_s
        self._inputs: dict[bytes, Callable[[bytes, int], Event | Control]] = {}
        self._outputs: dict[bytes, Callable[[bytes], Output]] = {}
        self._writers: dict[bytes, Record] = {}
        self._refused: dict[bytes, Undecodable] = {}
        self._unknown: dict[bytes, float] = {}

    def decode(self, value: bytes, recorded_at_ms: int) -> Event | Control:
        """The event or control record in a record of the log whose timestamp is `recorded_at_ms`.

        Raises Undecodable, or RegistryUnavailable when the schema is not known yet and the registry does not answer.
        """
        function = self._inputs.get(value[:START])
        if function is None:
            self._learn(value)
            function = self._inputs.get(value[:START])
            if function is None:
                raise self._of_other_kind(value, "an event or control record")
        try:
            return function(value, recorded_at_ms)
        except MALFORMED as error:
            raise self._malformed(value, error) from error

    def output(self, value: bytes) -> Output:
        """The record in a value of an output topic. Raises as `decode` does."""
        function = self._outputs.get(value[:START])
        if function is None:
            self._learn(value)
            function = self._outputs.get(value[:START])
            if function is None:
                raise self._of_other_kind(value, "a record of an output topic")
        try:
            return function(value)
        except MALFORMED as error:
            raise self._malformed(value, error) from error

    def _learn(self, value: bytes) -> None:
        """Find or make the decoder for the value's schema id. Raises Undecodable or RegistryUnavailable."""
        prefix = value[:START]
        if len(prefix) < START or prefix[0] != 0:
            shown = f"the value begins with {prefix.hex()}" if value else "the value is empty"
            raise Undecodable(
                NOT_AVRO, f"{shown}: write magic byte 00 and a schema id of four bytes before the Avro data"
            )
        if prefix in self._writers:
            return
        if prefix in self._refused:
            refused = self._refused[prefix]
            raise Undecodable(refused.reason, refused.detail)
        schema_id = int.from_bytes(prefix[1:], "big")
        text = self._text(prefix, schema_id)
        try:
            self._prepare(prefix, text, schema_id)
        except BadSchema as error:
            self._refuse(prefix, UNDECODABLE, f"schema {schema_id}: {error}", error)

    def _text(self, prefix: bytes, schema_id: int) -> str:
        now_s = self._clock_s()
        if now_s - self._unknown.get(prefix, -RETRY_UNKNOWN_AFTER_S) >= RETRY_UNKNOWN_AFTER_S:
            self._unknown.pop(prefix, None)
            try:
                return self._registry.schema(schema_id)
            except SchemaNotFound:
                if len(self._unknown) >= UNKNOWN_LIMIT:
                    self._unknown.clear()
                self._unknown[prefix] = now_s
        raise Undecodable(
            UNKNOWN_SCHEMA, f"the registry has no schema {schema_id}: register the producer's schema there"
        )

    def _prepare(self, prefix: bytes, text: str, schema_id: int) -> None:
        """Keep the decoder for a writer's schema: the committed one where the schema is ours as it is now."""
        writer = parse_record(text)
        name = writer.name
        if name not in SCHEMAS:
            self._refuse(
                prefix, UNKNOWN_TYPE, f"schema {schema_id} is of {name}, which this version does not know", None
            )
        reader = schemas.record(name)
        same = written_form(writer) == written_form(reader)
        kind = schemas.kind(name)
        if kind == "outputs":
            self._outputs[prefix] = decoders.OUTPUTS[name] if same else _generated(writer, reader, kind, schema_id)
        else:
            self._inputs[prefix] = decoders.INPUTS[name] if same else _generated(writer, reader, kind, schema_id)
        self._writers[prefix] = writer

    def _refuse(self, prefix: bytes, reason: str, detail: str, cause: Exception | None) -> None:
        """Remember for good that a schema cannot be decoded: an id never changes its schema."""
        self._refused[prefix] = Undecodable(reason, detail)
        raise Undecodable(reason, detail) from cause

    def _of_other_kind(self, value: bytes, expected: str) -> Undecodable:
        name = self._writers[value[:START]].name
        return Undecodable(UNKNOWN_TYPE, f"{name} is not {expected}: it does not belong on this topic")

    def _malformed(self, value: bytes, error: Exception) -> Undecodable:
        writer = self._writers[value[:START]]
        return Undecodable(UNDECODABLE, fault_in_bytes(value, START, writer) or f"{writer.short_name}: {error}")


def _generated(writer: Record, reader: Record, kind: str, schema_id: int) -> Any:
    """A decoder made now for a writer's schema. Raises BadSchema where no value of it can be read as ours."""
    name = f"decode_schema_{schema_id}"
    source = "\n".join(decoder_source(name, writer, reader, kind))
    namespace: dict[str, Any] = dict(vars(decoders))
    # The source holds nothing of the writer's schema but names and numbers, which the parser has checked.
    exec(compile(source, f"<decoder of schema {schema_id}>", "exec"), namespace)  # noqa: S102
    return namespace[name]


class Encoder:
    """Values to bytes with our current schemas. May be shared by threads."""

    def __init__(self, schema_ids: Mapping[str, int]) -> None:
        """`schema_ids` are the registry's ids by full name of record. Raises Unencodable where one is missing."""
        missing = [name for name in SCHEMAS if name not in schema_ids]
        if missing:
            raise Unencodable(f"no schema id for {', '.join(missing)}: run `accrue schemas register`")
        prefixes = {name: b"\0" + schema_id.to_bytes(4, "big") for name, schema_id in schema_ids.items()}
        self._events = {kind: (prefixes[name], function) for kind, (name, function) in encoders.EVENTS.items()}
        self._prefixes = prefixes

    def event(self, event: Event) -> bytes:
        """An event with its header. Raises Unencodable, as all methods do."""
        prefix, function = self._events[type(event.payload)]
        try:
            return function(prefix, event)
        except (KeyError, ValueError) as error:
            name = encoders.EVENTS[type(event.payload)][0]
            raise _unencodable(event.payload, name, error, event) from error

    def tick(self, tick: Tick) -> bytes:
        return self._encode("accrue.control.Tick", encoders.encode_tick, tick)

    def program_activated(self, activation: ProgramActivated) -> bytes:
        return self._encode("accrue.control.ProgramActivated", encoders.encode_program_activated, activation)

    def cohort_baselines(self, baselines: CohortBaselines) -> bytes:
        return self._encode("accrue.control.CohortBaselines", encoders.encode_cohort_baselines, baselines)

    def ledger_entry(self, entry: LedgerEntry) -> bytes:
        return self._encode("accrue.ledger.LedgerEntry", encoders.encode_ledger_entry, entry)

    def tier_change(self, change: TierChange) -> bytes:
        return self._encode("accrue.tiers.TierChange", encoders.encode_tier_change, change)

    def reward_decision(self, decision: RewardDecision) -> bytes:
        return self._encode("accrue.rewards.RewardDecision", encoders.encode_reward_decision, decision)

    def notification(self, notification: Notification) -> bytes:
        return self._encode("accrue.notifications.Notification", encoders.encode_notification, notification)

    def fraud_alert(self, alert: FraudAlert) -> bytes:
        return self._encode("accrue.fraud.FraudAlert", encoders.encode_fraud_alert, alert)

    def review_change(self, change: ReviewChange) -> bytes:
        return self._encode("accrue.fraud.ReviewChange", encoders.encode_review_change, change)

    def fulfillment_command(self, command: FulfillmentCommand) -> bytes:
        return self._encode("accrue.fulfillment.FulfillmentCommand", encoders.encode_fulfillment_command, command)

    def fulfillment_attempt(self, attempt: FulfillmentAttempt) -> bytes:
        return self._encode("accrue.fulfillment.FulfillmentAttempt", encoders.encode_fulfillment_attempt, attempt)

    def partner_order(self, order: PartnerOrder) -> bytes:
        return self._encode("accrue.fulfillment.PartnerOrder", encoders.encode_partner_order, order)

    def webhook_order(self, order: WebhookOrder) -> bytes:
        return self._encode("accrue.notifications.WebhookOrder", encoders.encode_webhook_order, order)

    def partner_message(self, message: PartnerMessage) -> bytes:
        return self._encode("accrue.partners.PartnerMessage", encoders.encode_partner_message, message)

    def feed_order(self, order: FeedOrder) -> bytes:
        return self._encode("accrue.partners.FeedOrder", encoders.encode_feed_order, order)

    def member_balance(self, balance: MemberBalance) -> bytes:
        return self._encode("accrue.balances.MemberBalance", encoders.encode_member_balance, balance)

    def pool_request(self, request: PoolRequest) -> bytes:
        return self._encode("accrue.pools.PoolRequest", encoders.encode_pool_request, request)

    def pool_balance(self, balance: PoolBalance) -> bytes:
        return self._encode("accrue.pools.PoolBalance", encoders.encode_pool_balance, balance)

    def dead_letter(self, letter: DeadLetter) -> bytes:
        return self._encode("accrue.dead_letters.DeadLetter", encoders.encode_dead_letter, letter)

    def _encode(self, name: str, function: Callable[[bytes, Value], bytes], value: Value) -> bytes:
        try:
            return function(self._prefixes[name], value)
        except (KeyError, ValueError) as error:
            raise _unencodable(value, name, error, None) from error


def _unencodable(value: object, name: str, error: Exception, header: object) -> Unencodable:
    return Unencodable(fault_in_value(value, schemas.record(name), header) or f"{name}: {error!r}")
