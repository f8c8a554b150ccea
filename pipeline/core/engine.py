"""The engine: takes one partition's records in order and turns them into state and outputs.

What happens to a member's record, in this order:
  1. Its id was seen: the same content is a duplicate, other content goes to dead-letters (`conflict`).
  2. It is invalid, or no program was in force when it occurred: dead-letters; its id does not enter.
  3. The member is quarantined: the record is parked and its id enters. `quarantine_released` instead decides the parked
     records in order and then itself; the first that fails again quarantines the member again, the rest still parked.
  4. The member's clock moves on, and what fell due by then is done.
  5. It is decided under the program of its `occurred_at`: applied or refused; what is then due is done; its id enters.

Only decided records move the member's clock.
"""

from collections.abc import Callable
from typing import Final, final

from pipeline.core import expiry_warnings, notices, reasons, waiting
from pipeline.core.activations import Activations
from pipeline.core.cohorts import Cohorts
from pipeline.core.decide import Decision, decide, decision_record
from pipeline.core.due import apply_due
from pipeline.core.events import Event
from pipeline.core.horizons import TICK_GRACE_MS, Horizons
from pipeline.core.ledger import SOURCE, Posting
from pipeline.core.lots import next_due
from pipeline.core.member import Member
from pipeline.core.payloads import CohortBaselines, MemberQuarantined, ProgramActivated, QuarantineReleased
from pipeline.core.ports import Outputs, Programs, State, UnknownProgram
from pipeline.core.program import Program
from pipeline.core.quarantine import QuarantineKey, quarantined_event
from pipeline.core.validate import header_fault, no_program_fault, payload_fault

NO_OFFSET: Final = -1
"""Where a quarantine says due work failed, which no record of the member brought."""


@final
class Engine:
    """Decides one partition. `log_time_ms` is 0 while live, else the time of the last import tick; the lane keeps it
    with its position.

    `decode(value, recorded_at_ms)` reads a parked record. `quarantined` names what is parked on replay without trying
    to decide it. Every method raises UnknownProgram when a bundle is not there yet, and whatever a defect raises; the
    state's changes since the last commit are then to be forgotten. `apply_carefully` and due work turn defects into a
    quarantine of the member instead.
    """

    __slots__ = (
        "_activations",
        "_cohorts",
        "_decode",
        "_horizons",
        "_out",
        "_quarantined",
        "_state",
        "log_time_ms",
        "partition",
    )

    def __init__(
        self,
        partition: int,
        state: State,
        out: Outputs,
        programs: Programs,
        decode: Callable[[bytes, int], Event],
        horizons: Horizons,
        quarantined: frozenset[QuarantineKey] = frozenset(),
    ) -> None:
        self.partition = partition
        self._state = state
        self._out = out
        self._activations = Activations(state, programs)
        self._cohorts = Cohorts(state)
        self._decode = decode
        self._horizons = horizons
        self._quarantined = quarantined
        self.log_time_ms = 0

    def apply(self, event: Event, value: bytes, offset: int) -> None:
        """Take one member's record; `value` is what it is parked as, `offset` its place in the partition."""
        state = self._state
        member = state.member(event.member_id)
        identity = event.identity()
        digest = event.content_digest()
        recorded_at_ms = event.recorded_at_ms
        clock_ms = recorded_at_ms if member is None or member.clock_ms < recorded_at_ms else member.clock_ms
        known = state.seen(identity, clock_ms - self._horizons.duplicates_ms)
        if known is not None:
            self._repeated(event, known == digest)
            return
        if self._quarantined and (event.member_id, event.source, event.event_id, "") in self._quarantined:
            self._quarantine(member, event, value, offset, None)
            return
        program = self._admit(event)
        if program is None:
            return
        if member is not None and member.quarantined:
            self._while_quarantined(member, event, program, value, offset)
        else:
            self._decide(member, event, program)
        state.put_seen(identity, digest, recorded_at_ms)

    def apply_carefully(self, event: Event, value: bytes, offset: int) -> None:
        """As `apply`, but what fails leaves the member as it was, quarantined, with the record parked."""
        member = self._state.member(event.member_id)
        if member is not None and member.quarantined and isinstance(event.payload, QuarantineReleased):
            self.apply(event, value, offset)  # a release is careful by itself, one parked record at a time
            return
        mark = self._out.mark()
        before = None if member is None else member.to_tuple()
        try:
            self.apply(event, value, offset)
        except UnknownProgram:
            raise
        except Exception as error:  # noqa: BLE001 - a defect of any kind must stop its member and nothing else
            self._out.rollback(mark)
            self._quarantine(None if before is None else Member.from_tuple(before), event, value, offset, error)

    def activate(self, activation: ProgramActivated, recorded_at_ms: int) -> None:
        """Take a program's activation: it governs what occurs from its `effective_at` on."""
        self._activations.activate(activation, recorded_at_ms, self._horizons, self._out)

    def take_baselines(self, baselines: CohortBaselines, recorded_at_ms: int) -> None:
        """Take cohort baselines: they judge records of a timestamp from their `effective_at` on."""
        self._cohorts.take(baselines, recorded_at_ms, self._horizons, self._out)

    def tick(self, mode: str, time_ms: int, limit: int) -> bool:
        """Do what was due the grace before `time_ms`, for at most `limit` members. True when nothing is left.

        `mode` is live or import.
        """
        self.log_time_ms = time_ms if mode == "import" else 0
        return self.settle(time_ms - TICK_GRACE_MS, time_ms, limit)

    def settle(self, until_ms: int, recorded_at_ms: int, limit: int) -> bool:
        """Do what was due up to `until_ms`, for at most `limit` members. True when nothing is left."""
        member_ids = self._state.due(until_ms, limit)
        for member_id in member_ids:
            self._settle_member(member_id, until_ms, recorded_at_ms)
        return len(member_ids) < limit

    def _repeated(self, event: Event, same: bool) -> None:
        if same:
            self._out.duplicate(event)
            return
        self._out.dead_letter(
            reasons.CONFLICT,
            f"event_id is {event.event_id!r}, which source {event.source!r} used before for other content; "
            f"send another event under an id of its own",
            event,
        )

    def _admit(self, event: Event) -> Program | None:
        """The program that decides a valid event; an invalid one goes to dead-letters."""
        program: Program | None = None
        fault = header_fault(event, self._horizons)
        if fault is None:
            program = self._activations.at(event.occurred_at_ms)
            fault = no_program_fault(event) if program is None else payload_fault(event, program)
            if fault is None:
                return program
        self._out.dead_letter(fault[0], fault[1], event)
        return None

    def _decide(self, known: Member | None, event: Event, program: Program) -> None:
        """Steps 4 and 5, for a member that is not quarantined (any more); the state is written last."""
        state, out, activations = self._state, self._out, self._activations
        member = Member(event.member_id) if known is None else known
        recorded_at_ms = event.recorded_at_ms
        log_time_ms = self._derived_time(recorded_at_ms)
        member.clock_ms = max(member.clock_ms, recorded_at_ms)
        if 0 < member.next_due_ms <= member.clock_ms:
            apply_due(member, member.clock_ms, recorded_at_ms, activations, out, state, log_time_ms)
        posting = Posting(
            member, out, program.program_hash, event.event_id, event.source, event.occurred_at_ms, recorded_at_ms
        )
        before: notices.Before | None = None
        if program.notifies and not log_time_ms:
            before = notices.Before(member, event)
        decision = decide(posting, event, program, state, self._cohorts, log_time_ms)
        if decision.waiting and decision.order is not None:
            settled = waiting.settle(member, decision.order, decision.waiting, recorded_at_ms, activations, out)
            decision.order = settled.order
            decision.note = "" if settled.all_fitted else reasons.REFUND_NOT_APPLIED
        if program.warns_ms:
            expiry_warnings.schedule(member, program, member.clock_ms)
        member.next_due_ms = next_due(member)
        if 0 < member.next_due_ms <= member.clock_ms:
            apply_due(member, member.clock_ms, recorded_at_ms, activations, out, state, log_time_ms)
        out.decision(decision_record(event, program, decision))
        if before is not None and not decision.reason:
            notices.of_event(posting, event, decision.rewards, program, before)
        if known is not None or not (decision.reason or decision.waits):
            member.version += 1
            state.put_member(member)
        if decision.order is not None:
            state.put_order(event.member_id, decision.order_id, decision.order)

    def _derived_time(self, recorded_at_ms: int) -> int:
        """Log time of what is derived from a record: 0 while live; in an import not before the record itself."""
        return max(self.log_time_ms, recorded_at_ms) if self.log_time_ms else 0

    def _while_quarantined(self, member: Member, event: Event, program: Program, value: bytes, offset: int) -> None:
        """Step 3. The pipeline's own news of the quarantine changes nothing and is not parked."""
        payload = event.payload
        if isinstance(payload, QuarantineReleased):
            self._cohorts.release_ms = event.recorded_at_ms
            try:
                self._release(member, event, program, offset)
            finally:
                self._cohorts.release_ms = 0
        elif isinstance(payload, MemberQuarantined):
            self._out.decision(decision_record(event, program, Decision()))
        else:
            self._park(member, event, value)
            member.version += 1
            self._state.put_member(member)

    def _release(self, member: Member, release: Event, program: Program, offset: int) -> None:
        """Decide the parked records in order, each as at its own time, and then the release itself."""
        state = self._state
        while member.parked:
            number = member.parked_from
            recorded_at_ms, value = state.parked(member.member_id, number)
            member = self._decide_released(member, self._decode(value, recorded_at_ms), release, offset)
            if member.quarantined:
                break
            state.unpark(member.member_id, number)
            member.parked_from += 1
            member.parked -= 1
        else:
            member.parked_from = 0
            member = self._decide_released(member, release, release, offset)
        if member.quarantined:
            self._out.decision(decision_record(release, program, Decision()))

    def _decide_released(self, member: Member, event: Event, release: Event, offset: int) -> Member:
        """Decide a parked event, or the release. Returns the member: as before and quarantined again if that failed."""
        out = self._out
        key = (member.member_id, event.source, event.event_id, release.event_id)
        before = member.to_tuple()
        failure: Exception | None = None
        if key not in self._quarantined:
            mark = out.mark()
            member.quarantined = event is release  # the release's own decision ends it
            member.next_due_ms = next_due(member)
            try:
                program = self._admit(event)
                if program is not None:
                    self._decide(member, event, program)
                return member
            except UnknownProgram:
                raise
            except Exception as error:  # noqa: BLE001 - a defect of any kind must stop its member and nothing else
                out.rollback(mark)
                failure = error
        member = Member.from_tuple(before)
        self._stop(member, key, release.occurred_at_ms, release.recorded_at_ms, release.traceparent, offset, failure)
        return member

    def _settle_member(self, member_id: str, until_ms: int, recorded_at_ms: int) -> None:
        """Due work of one member that no record of its own brings; what fails quarantines the member."""
        state, out = self._state, self._out
        member = state.member(member_id)
        assert member is not None, f"member {member_id} is in the due index and has no state"
        key = (member_id, SOURCE, f"tick:{recorded_at_ms}", "")
        before = member.to_tuple()
        failure: Exception | None = None
        if key not in self._quarantined:
            mark = out.mark()
            try:
                log_time_ms = self._derived_time(recorded_at_ms)
                apply_due(member, until_ms, recorded_at_ms, self._activations, out, state, log_time_ms)
                member.version += 1
                state.put_member(member)
                return
            except UnknownProgram:
                raise
            except Exception as error:  # noqa: BLE001 - a defect of any kind must stop its member and nothing else
                out.rollback(mark)
                failure = error
        self._stop(Member.from_tuple(before), key, recorded_at_ms, recorded_at_ms, "", NO_OFFSET, failure)

    def _quarantine(
        self, known: Member | None, event: Event, value: bytes, offset: int, failure: Exception | None
    ) -> None:
        """The event cannot be decided: park it and all that follow."""
        member = Member(event.member_id) if known is None else known
        self._park(member, event, value)
        self._state.put_seen(event.identity(), event.content_digest(), event.recorded_at_ms)
        key = (event.member_id, event.source, event.event_id, "")
        self._stop(member, key, event.occurred_at_ms, event.recorded_at_ms, event.traceparent, offset, failure)

    def _park(self, member: Member, event: Event, value: bytes) -> None:
        self._state.park(member.member_id, member.parked_from + member.parked, event.recorded_at_ms, value)
        member.parked += 1
        self._out.parked(event)

    def _stop(
        self,
        member: Member,
        key: QuarantineKey,
        occurred_at_ms: int,
        recorded_at_ms: int,
        traceparent: str,
        offset: int,
        failure: Exception | None,
    ) -> None:
        """Quarantine the member as it is, and tell the log."""
        member.quarantined = True
        member.next_due_ms = 0
        member.version += 1
        self._state.put_member(member)
        self._out.derived(
            quarantined_event(key, occurred_at_ms, recorded_at_ms, traceparent, offset, failure),
            self._derived_time(recorded_at_ms),
        )
