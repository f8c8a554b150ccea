"""Runs events of a JSON-lines file through a programme, purely: what the pipeline would do with them."""

from collections.abc import Iterable
from typing import Final, final

import msgspec

from pipeline.core.payloads import ProgramActivated
from pipeline.core.ports import UnknownProgram
from pipeline.core.program import Program
from pipeline.core.simulate import Simulation
from pipeline.wire.json_events import InvalidEventJson, control_from_json, event_from_json, is_control
from pipeline.wire.times import InvalidTime, time_ms

SNAPSHOT: Final = "snapshot"
_FROM_THE_BEGINNING_MS: Final = 0

_decode = msgspec.json.Decoder().decode


class BadEventLine(Exception):
    """A line of no event, snapshot, tick or cohort baselines; the message names line, field, value and remedy."""


@final
class OneProgram:
    """The only programme there is."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def program(self, program_hash: str) -> Program:
        """Raises UnknownProgram for another hash."""
        if program_hash != self._program.program_hash:
            raise UnknownProgram(f"only program {self._program.program_hash} is here, not {program_hash}")
        return self._program


def what_if(program: Program, lines: Iterable[bytes], until_ms: int | None = None) -> Simulation:
    """The lines' events taken in their order, under a programme in force from the beginning.

    An event is recorded at its `recorded_at`, or when it occurred. What rules derive (such as a referral's other side)
    and what the house fulfils follows at once. `{"type": "snapshot", "recorded_at"}` does what is due by then and notes
    all balances, as `until_ms` does at the end. Raises BadEventLine.
    """
    simulation = Simulation(OneProgram(program))
    simulation.take_everywhere(
        _FROM_THE_BEGINNING_MS, ProgramActivated(program.program_hash, _FROM_THE_BEGINNING_MS, "simulate", "")
    )
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                _take(simulation, number, _decode(line))
            except msgspec.DecodeError as error:
                raise BadEventLine(f"line {number}: is not JSON: {error}") from None
            except (InvalidEventJson, InvalidTime) as error:
                raise BadEventLine(f"line {number}: {error}") from None
    if until_ms is not None:
        simulation.snapshot(until_ms)
    return simulation


def _take(simulation: Simulation, number: int, content: object) -> None:
    if isinstance(content, dict) and content.get("type") == SNAPSHOT:
        unknown = [name for name in content if name not in ("type", "recorded_at")]
        if unknown:
            raise InvalidEventJson(f"{unknown[0]} is not known: a snapshot has type and recorded_at")
        simulation.snapshot(time_ms(content.get("recorded_at")))
    elif is_control(content):
        control, recorded_at_ms = control_from_json(content)
        if isinstance(control, ProgramActivated):
            raise InvalidEventJson("type: program_activated has no place here: the programme is the one of --program")
        simulation.take_everywhere(recorded_at_ms, control)
    else:
        event = event_from_json(content)
        simulation.take(0, number, event.recorded_at_ms, event)
