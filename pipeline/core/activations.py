"""Which program is in force when: activations by effective time, and the programs they name."""

from bisect import bisect_right
from typing import final

from pipeline.core import reasons
from pipeline.core.calendar import iso_utc
from pipeline.core.horizons import Horizons
from pipeline.core.payloads import ProgramActivated
from pipeline.core.ports import Outputs, Programs, State
from pipeline.core.program import Program


@final
class Activations:
    """The activations of one partition's state, and the compiled programs that were asked for so far."""

    __slots__ = ("_loaded", "_programs", "_state")

    def __init__(self, state: State, programs: Programs) -> None:
        self._state = state
        self._programs = programs
        self._loaded: dict[str, Program] = {}

    def at(self, at_ms: int) -> Program | None:
        """The program in force at a time, or None before the first. Raises UnknownProgram if its bundle is not there
        yet."""
        activations = self._state.activations()
        if not activations or at_ms < activations[0][0]:
            return None
        if at_ms >= activations[-1][0]:
            program_hash = activations[-1][1]
        else:
            program_hash = activations[bisect_right(activations, at_ms, key=effective_at) - 1][1]
        return self._load(program_hash)

    def activate(self, activation: ProgramActivated, recorded_at_ms: int, horizons: Horizons, out: Outputs) -> None:
        """Note an activation; a repeated one changes nothing. Only the first may take effect earlier than the lead time
        from now.

        Raises UnknownProgram if the bundle is not there yet.
        """
        activations = self._state.activations()
        program_hash, effective_at_ms = activation.program_hash, activation.effective_at_ms
        if (effective_at_ms, program_hash) in activations:
            return
        earliest_ms = recorded_at_ms + horizons.activation_lead_ms
        if activations and effective_at_ms < earliest_ms:
            out.dead_letter(
                reasons.ACTIVATION_TOO_LATE,
                f"effective_at is {iso_utc(effective_at_ms)}; events of that time may have been decided: "
                f"activate it again with effective_at {iso_utc(earliest_ms)} or later",
                None,
            )
            return
        self._load(program_hash)
        place = bisect_right(activations, effective_at_ms, key=effective_at)
        self._state.put_activations([*activations[:place], (effective_at_ms, program_hash), *activations[place:]])

    def _load(self, program_hash: str) -> Program:
        program = self._loaded.get(program_hash)
        if program is None:
            program = self._programs.program(program_hash)
            self._loaded[program_hash] = program
        return program


def effective_at(activation: tuple[int, str]) -> int:
    """Activations ascend by this."""
    return activation[0]
