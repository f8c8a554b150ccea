"""Simulation: the engine over a log held in memory, without Kafka; the oracle of the pipeline's outputs."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, final

from pipeline.core.engine import Engine
from pipeline.core.events import Event
from pipeline.core.horizons import Horizons
from pipeline.core.house import HOUSE, house_outcome
from pipeline.core.memory import Dead, Derived, MemoryOutputs, MemoryPools, MemoryState, Output, Parked
from pipeline.core.payloads import CohortBaselines, Control, Tick
from pipeline.core.pools import answer_event, decide
from pipeline.core.ports import Programs
from pipeline.core.quarantine import QuarantineKey
from pipeline.core.records import FulfillmentCommand, PoolRequest
from pipeline.core.simulation_result import MemberSummary, SimulationResult

Record = tuple[int, int, Event | Control]
"""(offset, recorded_at_ms, what the record says)."""

CHUNK: Final = 1000


@final
class Simulation:
    """Takes records and tells what the pipeline would put out.

    `relay` says where derived events, the answers of pools and the house's fulfilments come from: True puts them into
    the log right behind the record that caused them, as the running pipeline does; False takes the log as complete, as
    an exported one is.
    `partition_of` maps member to partition. Raises UnknownProgram for a program that `programs` lacks.
    """

    __slots__ = (
        "_engines",
        "_outputs",
        "_parked",
        "_partition_of",
        "_pools",
        "_programs",
        "_relay",
        "_snapshots",
        "_states",
    )

    def __init__(
        self,
        programs: Programs,
        partitions: int = 1,
        partition_of: Callable[[str], int] = lambda _: 0,
        horizons: Horizons | None = None,
        relay: bool = True,
        quarantined: frozenset[QuarantineKey] = frozenset(),
    ) -> None:
        limits = Horizons() if horizons is None else horizons
        self._partition_of = partition_of
        self._relay = relay
        self._states = [MemoryState() for _ in range(partitions)]
        self._outputs = [MemoryOutputs() for _ in range(partitions)]
        self._engines = [
            Engine(
                number, self._states[number], self._outputs[number], programs, self._parked_event, limits, quarantined
            )
            for number in range(partitions)
        ]
        self._parked: dict[bytes, Event] = {}
        self._pools = MemoryPools()
        self._programs = programs
        self._snapshots: list[tuple[int, dict[str, MemberSummary]]] = []

    def run(self, partitions: Sequence[Iterable[Record]]) -> None:
        """Take each partition's records, in order, one partition after the other."""
        for partition, records in enumerate(partitions):
            for offset, recorded_at_ms, record in records:
                self.take(partition, offset, recorded_at_ms, record)

    def take(self, partition: int, offset: int, recorded_at_ms: int, record: Event | Control) -> None:
        """Take one record of a partition."""
        engine = self._engines[partition]
        journal = self._outputs[partition].journal
        mark = len(journal)
        if isinstance(record, Event):
            value = f"{partition}/{offset}/{mark}".encode()
            self._parked[value] = record
            engine.apply_carefully(record, value, offset)
            if not any(isinstance(output, Parked) for output in journal[mark:]):
                del self._parked[value]
        elif isinstance(record, Tick):
            while not engine.tick(record.mode, recorded_at_ms, CHUNK):
                pass
        elif isinstance(record, CohortBaselines):
            engine.take_baselines(record, recorded_at_ms)
        else:
            engine.activate(record, recorded_at_ms)
        if self._relay:
            for output in journal[mark:]:
                self._carry(output)

    def take_everywhere(self, recorded_at_ms: int, record: Control) -> None:
        """Take a control record in every partition."""
        for partition in range(len(self._engines)):
            self.take(partition, 0, recorded_at_ms, record)

    def reject(self, partition: int, event_id: str, reason: str, detail: str) -> None:
        """Note a record that does not reach the engine: undecodable, or in the wrong partition."""
        self._outputs[partition].journal.append(Dead(reason, detail, event_id))

    def snapshot(self, at_ms: int) -> None:
        """Do all that is due by `at_ms`, for every member, and note all members' balances."""
        for partition, engine in enumerate(self._engines):
            journal = self._outputs[partition].journal
            mark = len(journal)
            while not engine.settle(at_ms, at_ms, CHUNK):
                pass
            if self._relay:
                for output in journal[mark:]:
                    self._carry(output)
        self._snapshots.append((at_ms, self._members()))

    def result(self) -> SimulationResult:
        """What the pipeline put out so far: the same for any number of partitions."""
        journal: list[Output] = []
        for outputs in self._outputs:
            journal += outputs.journal
        return SimulationResult(self._members(), journal, self._snapshots)

    def state(self, partition: int) -> MemoryState:
        """A partition's state, for reading."""
        return self._states[partition]

    def journal(self, partition: int) -> list[Output]:
        """All that a partition put out, in order, for reading."""
        return self._outputs[partition].journal

    @property
    def pools(self) -> MemoryPools:
        """The pools that were asked, where nobody else answers; for reading, and for loading codes."""
        return self._pools

    def _members(self) -> dict[str, MemberSummary]:
        """Every member's balances; wallets of all the latest program's units, empty ones too."""
        members: dict[str, MemberSummary] = {}
        for state in self._states:
            activations = state.activations()
            units = list(self._programs.program(activations[-1][1]).units) if activations else []
            for member in state.members.values():
                members[member.member_id] = MemberSummary(member, units)
        return {member_id: members[member_id] for member_id in sorted(members)}

    def _carry(self, output: Output) -> None:
        """What the relay and the house put into the log."""
        if isinstance(output, Derived):
            event = output.event
            self._append(event, output.log_time_ms or event.recorded_at_ms)
        elif isinstance(output, PoolRequest):
            answer = decide(self._pools, output)
            if answer is not None:
                recorded_at_ms = output.log_time_ms or output.recorded_at_ms
                self._append(answer_event(output, answer, recorded_at_ms), recorded_at_ms)
        elif isinstance(output, FulfillmentCommand) and output.provider == HOUSE and output.action == "fulfil":
            event = house_outcome(output)
            self._append(event, output.log_time_ms or event.recorded_at_ms)

    def _append(self, event: Event, recorded_at_ms: int) -> None:
        record = Event(
            event.event_id,
            event.member_id,
            event.occurred_at_ms,
            event.source,
            event.traceparent,
            event.attributes,
            event.payload,
            recorded_at_ms,
        )
        self.take(self._partition_of(event.member_id), 0, recorded_at_ms, record)

    def _parked_event(self, value: bytes, recorded_at_ms: int) -> Event:
        event = self._parked[value]
        assert event.recorded_at_ms == recorded_at_ms
        return event
