"""Runs a world's log through the pure core, with a programme's signals and without, and says what became of whom."""

import gc
from collections.abc import Iterable
from typing import Final, final

from pipeline.core.fraud_alerts import LIVE
from pipeline.core.fraud_program import ALLOW, DENY
from pipeline.core.memory import Output
from pipeline.core.payloads import ProgramActivated, RedemptionRequested
from pipeline.core.program import Program
from pipeline.core.records import FraudAlert, FulfillmentCommand, LedgerEntry, ReviewChange
from pipeline.core.simulate import Simulation
from pipeline.fraud.person import Person
from pipeline.fraud.world import KINDS, log_of
from pipeline.history.what_if import OneProgram

ACTIVATED_BEFORE_MS: Final = 86_400_000
FULFIL: Final = "fulfil"
REVIEW: Final = ":review"
"""What points are held in, until a pool or a person gives them."""


@final
class Fate:
    """What became of one person. `taken` are points: of an attacker those that the attack earned or redeemed, of an
    honest member all that were earned. `stopped_by` are the signals that denied, froze or held something."""

    def __init__(self) -> None:
        self.taken = 0
        self.stopped_by: set[str] = set()

    @property
    def stopped(self) -> bool:
        """Whether anything was denied, frozen or held."""
        return bool(self.stopped_by)


def fates(everybody: list[Person], program: Program) -> dict[str, Fate]:
    """By person, under this programme. What is done to an attacker counts from the attack's first event on."""
    judge = _Judge(everybody)
    judge.hear(lived(everybody, program).journal(0))
    return judge.fates


def lived(everybody: list[Person], program: Program) -> Simulation:
    """All that they do, taken by the core under this programme."""
    simulation = Simulation(OneProgram(program))
    log = log_of(everybody)
    activated_ms = log[0].recorded_at_ms - ACTIVATED_BEFORE_MS
    simulation.take_everywhere(activated_ms, ProgramActivated(program.program_hash, activated_ms, "trial", ""))
    collecting = gc.isenabled()
    gc.disable()  # millions of objects and no cycle among them: looking for one takes a third of the time
    try:
        for offset, event in enumerate(log):
            simulation.take(0, offset, event.recorded_at_ms, event)
    finally:
        if collecting:
            gc.enable()
    return simulation


def robberies(person: Person) -> list[str]:
    """The redemptions that an attack consists of."""
    return [
        event.payload.redemption_id
        for event in person.events
        if event.event_id in person.attack_ids and isinstance(event.payload, RedemptionRequested)
    ]


@final
class _Judge:
    def __init__(self, everybody: list[Person]) -> None:
        self.fates = {person.person_id: Fate() for person in everybody}
        self._held: set[tuple[str, str, int]] = set()
        self._owner = {account: person for person in everybody for account in person.accounts}
        self._robberies = {redemption_id for person in everybody for redemption_id in robberies(person)}

    def hear(self, outputs: Iterable[Output]) -> None:
        """Take what the pipeline put out."""
        for output in outputs:
            if isinstance(output, LedgerEntry):
                self._entry(output)
            elif isinstance(output, FulfillmentCommand):
                self._command(output)
            elif isinstance(output, FraudAlert):
                self._alert(output)
            elif isinstance(output, ReviewChange) and output.status == "opened":
                self._stopped(output.member_id, output.recorded_at_ms, output.signal_id)

    def _alert(self, alert: FraudAlert) -> None:
        """Denials, of transfers by a review or a freeze too; what else is held or frozen is told as a review."""
        takes = alert.points > 0 or alert.event_type == "redemption_requested"
        denied = alert.action == DENY or (alert.action != ALLOW and alert.event_type == "transfer_requested")
        if alert.mode == LIVE and denied and takes:
            self._stopped(alert.member_id, alert.recorded_at_ms, alert.signal_id)

    def _stopped(self, member_id: str, recorded_at_ms: int, signal_id: str) -> None:
        person = self._owner.get(member_id)
        if person is not None and recorded_at_ms >= person.attack_ms:
            self.fates[person.person_id].stopped_by.add(signal_id)

    def _entry(self, entry: LedgerEntry) -> None:
        person = self._owner.get(entry.member_id)
        if person is None or not (person.honest or KINDS[person.kind].earns):
            return
        if self._earned(entry, person):
            self.fates[person.person_id].taken += entry.amount

    def _command(self, command: FulfillmentCommand) -> None:
        person = self._owner.get(command.member_id)
        if person is None or person.honest or KINDS[person.kind].earns:
            return
        if command.action == FULFIL and command.redemption_id in self._robberies:
            self.fates[person.person_id].taken += command.points

    def _earned(self, entry: LedgerEntry, person: Person) -> bool:
        """Whether points came to be the person's, at once or out of what had waited; of an attacker, by the attack."""
        lot = entry.member_id, entry.unit, entry.lot
        if entry.kind != "earn":
            return lot in self._held and entry.debit.endswith(REVIEW) and entry.credit.startswith("member:")
        counts = person.honest or entry.event_id in person.attack_ids
        if counts and entry.credit.endswith(REVIEW):
            self._held.add(lot)
            return False
        return counts
