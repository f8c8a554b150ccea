"""How the partners stand, read from the changelog of their lanes; and what operators order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, final

import msgspec

from pipeline import clock
from pipeline.core.records import PartnerOrder
from pipeline.lane import keys
from pipeline.lane.appender import LogAppender
from pipeline.lane.context import LaneContext, connect
from pipeline.lane.kafka_reader import KafkaReader
from pipeline.lane.published import published
from pipeline.partners.breaker import CLOSED, HALF_OPEN, OPEN
from pipeline.partners.desk import ATTEMPTS, CHANGELOG, orders_for
from pipeline.partners.fulfilment import IN_FLIGHT, REVIEW, Fulfilment
from pipeline.partners.programs import policies_of
from pipeline.partners.state import DUE, PARTNER, REVIEWED, read_fulfilment, read_partner
from pipeline.partners.state import OPEN as OPEN_KEY
from pipeline.program import Bundle, BundleRefused, ProgramRefused
from pipeline.program.partners import Partner
from pipeline.settings import Settings
from pipeline.wire.topics import TOPICS_FILE, Topics

WORST: Final = (CLOSED, HALF_OPEN, OPEN)


class NotToBeOrdered(Exception):
    """The order has no object; the message says how it stands."""


@final
class Reviewed(msgspec.Struct, frozen=True):
    """A fulfilment that people have to look at."""

    fulfillment_id: str
    member_id: str
    redemption_id: str
    reason: str
    reference: str
    points: int
    unit: str


@final
class PartnerStanding(msgspec.Struct):
    """A partner over all lanes. `breaker` is the worst of them; `first_due_ms` of what waits, 0 for none."""

    provider: str
    breaker: str = CLOSED
    paused: bool = False
    paused_why: str = ""
    contradictions: int = 0
    first_due_ms: int = 0
    counts: dict[str, int] = msgspec.field(default_factory=dict)
    reviews: list[Reviewed] = msgspec.field(default_factory=list)


def standings(settings: Settings) -> list[PartnerStanding]:
    """By partner how it stands, as of what is committed now. Raises what `connect` raises, and LaneFailed."""
    context = connect(settings)
    reader = KafkaReader(settings)
    found: dict[str, PartnerStanding] = {}
    try:
        for partition in range(context.partitions):
            _add(found, _state_of(context, reader, partition))
    finally:
        reader.close()
        context.close()
    return [found[provider] for provider in sorted(found)]


def order(
    settings: Settings, wanted: str, provider: str, fulfillment_id: str, outcome: str, author: str, reason: str
) -> int:
    """Put an order on the log of attempts; the lanes follow it when they come to it. Returns how many records it took.

    Raises NotToBeOrdered where no such partner was ever published, or no such fulfilment is open or can be decided;
    and what `connect` raises.
    """
    context = connect(settings)
    appender = LogAppender(settings, context.topic(ATTEMPTS))
    reader = KafkaReader(settings)
    try:
        if fulfillment_id:
            _check_fulfilment(context, reader, fulfillment_id, wanted)
        else:
            _check_partner(settings, provider)
        record = PartnerOrder(wanted, provider, fulfillment_id, outcome, author, reason, clock.now_ms())
        records = orders_for(record, context.encoder.partner_order(record), context.partitions)
        appender.append(records)
        return len(records)
    finally:
        reader.close()
        appender.close()
        context.close()


def newest_partners(settings: Settings) -> dict[str, Partner]:
    """Every partner that was ever published, as the newest programme that names it says."""
    found: dict[str, Partner] = {}
    for program in published(settings, Topics.load(settings.topics_file or TOPICS_FILE, settings.topic_prefix)):
        try:
            found |= policies_of(Bundle.from_bytes(program.content)).partners
        except (BundleRefused, ProgramRefused):
            continue  # of another version of the pipeline
    return found


def _check_partner(settings: Settings, provider: str) -> None:
    known = newest_partners(settings)
    if provider not in known:
        raise NotToBeOrdered(
            f"no published programme has a partner {provider!r}: choose from {', '.join(sorted(known)) or 'none'}"
        )


def _check_fulfilment(context: LaneContext, reader: KafkaReader, fulfillment_id: str, wanted: str) -> None:
    wanted_key = OPEN_KEY + fulfillment_id.encode()
    for partition in range(context.partitions):
        value = _state_of(context, reader, partition).get(wanted_key)
        if value is None:
            continue
        f = read_fulfilment(value)
        if wanted == "decide" and f.state in IN_FLIGHT:
            raise NotToBeOrdered(f"a call for {fulfillment_id} is on its way: wait for its end, at most a minute")
        return
    raise NotToBeOrdered(f"no fulfilment {fulfillment_id!r} is open: see `accrue partners status`")


def _state_of(context: LaneContext, reader: KafkaReader, partition: int) -> dict[bytes, bytes]:
    """What a lane's table holds of open work and of partners."""
    topic = context.topic(CHANGELOG)
    found: dict[bytes, bytes] = {}
    for chunk in reader.read(topic, partition, *reader.bounds(topic, partition)):
        for _offset, _at_ms, key, value in chunk:
            if key is None or key[:1] not in (PARTNER, DUE, REVIEWED, OPEN_KEY):
                continue
            if value is None:
                found.pop(key, None)
            else:
                found[key] = value
    return found


def _add(found: dict[str, PartnerStanding], state: dict[bytes, bytes]) -> None:
    for key, value in state.items():
        if key[:1] == PARTNER:
            known = read_partner(value)
            standing = _of(found, key[1:].decode())
            standing.breaker = max(standing.breaker, known.breaker.state, key=WORST.index)
            standing.paused = standing.paused or known.paused
            standing.paused_why = standing.paused_why or known.paused_why
            standing.contradictions += known.contradictions
            for name, number in known.counts.items():
                standing.counts[name] = standing.counts.get(name, 0) + number
        elif key[:1] == DUE:
            provider, rest = key[1:].split(b"\0", 1)
            due_ms = keys.unpack_number(rest[:8])
            standing = _of(found, provider.decode())
            standing.first_due_ms = min(standing.first_due_ms or due_ms, due_ms)
    _add_reviews(found, (read_fulfilment(value) for key, value in state.items() if key[:1] == OPEN_KEY))


def _add_reviews(found: dict[str, PartnerStanding], fulfilments: Iterable[Fulfilment]) -> None:
    for f in fulfilments:
        if f.state == REVIEW:
            _of(found, f.provider).reviews.append(
                Reviewed(f.fulfillment_id, f.member_id, f.redemption_id, f.reason, f.reference, f.points, f.unit)
            )


def _of(found: dict[str, PartnerStanding], provider: str) -> PartnerStanding:
    return found.setdefault(provider, PartnerStanding(provider))
