"""The core of a fulfilment lane: a function of the records on `fulfillment-attempts` so far, and of what was due when.

It only records. Calls that it plans are made by others, once what it has recorded is committed.
"""

from __future__ import annotations

import copy
from itertools import islice
from typing import Final, Protocol, final

from pipeline import logs
from pipeline.core.events import Event
from pipeline.core.payloads import FulfillmentOutcome
from pipeline.core.records import FulfillmentAttempt, FulfillmentCommand, PartnerOrder
from pipeline.lane.letters import Letters
from pipeline.lane.outputs import LOG_TIME_HEADER
from pipeline.lane.ports import Record
from pipeline.lane.table import Outbox, Table
from pipeline.partners import breaker, fulfilment
from pipeline.partners.breaker import Breaker
from pipeline.partners.fulfilment import IN_FLIGHT, Fulfilment, Policies, Result
from pipeline.partners.state import State
from pipeline.program.partners import BreakerPolicy, Partner
from pipeline.wire.codec import Decoder, Encoder, Undecodable

SOURCE: Final = "accrue-partners"
STRANGE: Final = "unexpected_record"
UNCLEAR_BREAKER: Final = BreakerPolicy(5, 30_000, 1)
"""For a partner that the programme does not name any more."""
GIVEN_UP_MAX: Final = 1_000
FORGOTTEN_MAX: Final = 1_000
SERVER_ERROR: Final = 500

log = logs.logger("accrue.partners")


class Programs(Protocol):
    """Policies by the programme's hash; raises UnknownProgram."""

    def policies(self, program_hash: str) -> Policies: ...


class Slots(Protocol):
    """How many calls may be made to a partner now; whoever reserves some makes them or gives them back."""

    def reserve(self, partner: Partner, wanted: int) -> int: ...
    def give_back(self, partner_id: str, number: int) -> None: ...


@final
class Call:
    """A call to make: `kind` is fulfil, ask or cancel, and `f` the fulfilment as it was committed."""

    __slots__ = ("f", "kind", "partner")

    def __init__(self, f: Fulfilment, partner: Partner, kind: str) -> None:
        self.f = f
        self.partner = partner
        self.kind = kind


@final
class Book:
    """One lane's fulfilments. `dead_letters` and `derived` are topics; `source` and `partition` name its records."""

    def __init__(
        self,
        table: Table,
        outbox: Outbox,
        programs: Programs,
        decoder: Decoder,
        encoder: Encoder,
        source: str,
        partition: int,
        derived: str,
        dead_letters: str,
    ) -> None:
        self.state = State(table)
        self._outbox = outbox
        self._programs = programs
        self._decoder = decoder
        self._encoder = encoder
        self._partition = partition
        self._derived = derived
        self._letters = Letters(outbox, encoder, source, partition, dead_letters)

    # ---- records

    def apply(self, record: Record) -> None:
        """Take a command, what came of a call, a callback or an order; what is none of these is put aside."""
        offset, at_ms, _key, value = record
        try:
            found = self._decoder.output(value or b"")
        except Undecodable as error:
            self._letters.put_aside(record, error.reason, error.detail)
            return
        if isinstance(found, FulfillmentAttempt):
            self._attempt(found, at_ms)
        elif isinstance(found, FulfillmentCommand):
            self._command(found, at_ms)
        elif isinstance(found, PartnerOrder):
            self._order(found, at_ms)
        else:
            self._letters.put_aside(
                record, STRANGE, f"a {type(found).__name__} at offset {offset} does not belong here"
            )

    def finish(self) -> None:
        """Each record is told of by itself: nothing is told of a transaction as a whole."""

    def _command(self, command: FulfillmentCommand, at_ms: int) -> None:
        f = self.state.fulfilment(command.fulfillment_id)
        if f is None:
            if command.action != "fulfil":
                return  # of one that is forgotten
            self._programs.policies(command.program_hash)  # what follows must find it
            if command.program_hash != self.state.program:
                self.state.program = command.program_hash
            f = fulfilment.begin(command, at_ms, self._policies(command.program_hash, command.provider))
            self._keep(f, None)
            return
        if command.action == "fulfil":
            return  # the command once more
        before = copy.copy(f)
        if command.action == "cancel":
            fulfilment.cancel(f, at_ms, self._policies_of(f))
        elif command.action == "overdue":
            fulfilment.hurry(f, at_ms)
        self._keep(f, before)

    def _attempt(self, attempt: FulfillmentAttempt, at_ms: int) -> None:
        f = self.state.fulfilment(attempt.fulfillment_id)
        if f is None:
            log.warning("an outcome of nothing we know", fulfillment_id=attempt.fulfillment_id, by=attempt.provider)
            return
        before = copy.copy(f)
        if f.state in IN_FLIGHT and attempt.call == f.calls and attempt.provider == f.provider:
            unwell = attempt.status == 0 or attempt.status >= SERVER_ERROR
            self._call_ended(f.provider, breaker.FAILED if unwell else breaker.ANSWERED, at_ms, self._policies_of(f))
        result = Result(
            attempt.provider, attempt.call, attempt.means, attempt.reference, attempt.quantity, attempt.reason
        )
        if not fulfilment.answered(f, result, at_ms, self._policies_of(f)):
            self.state.partner(attempt.provider).contradictions += 1
            self.state.save_partner(attempt.provider)
            log.error(
                "a partner contradicts what is settled: look into it",
                fulfillment_id=f.fulfillment_id, member_id=f.member_id, provider=attempt.provider,
                says=attempt.means, settled=f.state, settled_by=f.provider,
            )  # fmt: skip
        self._keep(f, before)

    def _order(self, order: PartnerOrder, at_ms: int) -> None:
        if order.order in ("pause", "resume"):
            partner = self.state.partner(order.provider)
            partner.paused = order.order == "pause"
            partner.paused_why = order.reason if partner.paused else ""
            self.state.save_partner(order.provider)
            return
        ids = [order.fulfillment_id]
        if not order.fulfillment_id:
            ids = [*self.state.waiting(order.provider), *self.state.reviewed(order.provider)]
            if order.order == "retry":
                self._end_pause(order.provider)
        for fulfillment_id in ids:
            f = self.state.fulfilment(fulfillment_id)
            if f is None:
                continue
            before = copy.copy(f)
            if order.order == "retry":
                fulfilment.retry(f, at_ms, self._policies_of(f))
            elif order.order == "decide" and order.outcome in (fulfilment.CONFIRMED, fulfilment.FAILED):
                fulfilment.decide(f, order.outcome, order.reason, at_ms)
            self._keep(f, before)

    # ---- time

    def plan(self, now_ms: int, slots: Slots) -> list[Call]:
        """What is due now moves on; the calls to make for it, in reserved slots, once that is committed.

        Raises UnknownProgram, with no slot kept.
        """
        calls: list[Call] = []
        try:
            for fulfillment_id in list(islice(self.state.overdue_calls(now_ms), GIVEN_UP_MAX)):
                self._give_up(fulfillment_id, now_ms)
            for provider in self.state.partners():
                self._plan_partner(provider, now_ms, slots, calls)
        except BaseException:
            for call in calls:
                slots.give_back(call.partner.partner_id, 1)
            raise
        self.state.forget(now_ms, FORGOTTEN_MAX)
        return calls

    def _plan_partner(self, provider: str, now_ms: int, slots: Slots, calls: list[Call]) -> None:
        known = self.state.partner(provider)
        first = next(self.state.due(provider, now_ms), None)
        if known.paused or first is None:
            return
        f = self.state.fulfilment(first)
        partner = None if f is None else self._policies_of(f).partners.get(provider)
        if partner is None:
            for fulfillment_id in list(islice(self.state.due(provider, now_ms), GIVEN_UP_MAX)):
                self._move_on(fulfillment_id, now_ms)  # to review: nobody is there to be called
            return
        was = known.breaker.state
        room = known.breaker.room(partner.breaker, now_ms, partner.concurrency)
        self._tell(provider, was, known.breaker)
        due = list(islice(self.state.due(provider, now_ms), room))
        granted = slots.reserve(partner, len(due)) if due else 0
        for fulfillment_id in due[:granted]:
            call = self._move_on(fulfillment_id, now_ms)
            if call is None:
                slots.give_back(provider, 1)
            else:
                known.breaker.called()
                calls.append(call)
        if due[:granted] or known.breaker.state != was:
            self.state.save_partner(provider)

    def _move_on(self, fulfillment_id: str, now_ms: int) -> Call | None:
        f = self.state.fulfilment(fulfillment_id)
        assert f is not None, f"what is due is there: {fulfillment_id}"
        before = copy.copy(f)
        policies = self._policies_of(f)
        kind = fulfilment.next_call(f, now_ms, policies)
        self._keep(f, before)
        return Call(f, policies.partners[f.provider], kind) if kind else None

    def _give_up(self, fulfillment_id: str, now_ms: int) -> None:
        f = self.state.fulfilment(fulfillment_id)
        assert f is not None, f"what is on its way is there: {fulfillment_id}"
        before = copy.copy(f)
        policies = self._policies_of(f)
        self._call_ended(f.provider, breaker.LOST, now_ms, policies)
        fulfilment.give_up_call(f, now_ms, policies)
        self._keep(f, before)

    # ---- inner

    def _keep(self, f: Fulfilment, before: Fulfilment | None) -> None:
        """Save it, and tell the member's log of its outcome once it has one."""
        if f == before:
            return
        self.state.save(f, before)
        if not f.open and (before is None or before.open):
            self._tell_outcome(f)

    def _tell_outcome(self, f: Fulfilment) -> None:
        outcome = FulfillmentOutcome(
            f.fulfillment_id, f.redemption_id, f.state, f.reference, f.reason, f.given,
            "" if f.provider == f.first else f.provider,
        )  # fmt: skip
        # It occurred when it became known: by the request's time, one that takes a season would come too late to count.
        event = Event(f"outcome:{f.fulfillment_id}", f.member_id, f.gone_ms, SOURCE, f.traceparent, {}, outcome, 0)
        key, value = f.member_id.encode(), self._encoder.event(event)
        if f.log_time_ms:
            log_time = str(f.log_time_ms).encode()
            self._outbox.send_with_header(self._derived, key, value, LOG_TIME_HEADER, log_time)
        else:
            self._outbox.send(self._derived, key, value)

    def _policies_of(self, f: Fulfilment) -> Policies:
        return self._policies(f.program_hash, f.first)

    def _policies(self, program_hash: str, provider: str) -> Policies:
        """By the newest command's programme; by the fulfilment's own where the newest does not name its partner."""
        newest = self._programs.policies(self.state.program or program_hash)
        return newest if provider in newest.partners else self._programs.policies(program_hash)

    def _call_ended(self, provider: str, how: str, at_ms: int, policies: Policies) -> None:
        partner = policies.partners.get(provider)
        known = self.state.partner(provider)
        was = known.breaker.state
        known.breaker.ended(how, UNCLEAR_BREAKER if partner is None else partner.breaker, at_ms)
        self.state.save_partner(provider)
        self._tell(provider, was, known.breaker)

    def _end_pause(self, provider: str) -> None:
        """An operator wants calls now: an open breaker lets some try."""
        self.state.partner(provider).breaker.until_ms = 0
        self.state.save_partner(provider)

    def _tell(self, provider: str, was: str, now: Breaker) -> None:
        if was != now.state:
            say = log.warning if now.state == breaker.OPEN else log.info
            say("breaker", provider=provider, partition=self._partition, was=was, state=now.state)
