"""`accrue worker` with a defect: deciding a purchase in the channel `poison` raises."""

from __future__ import annotations

import sys

from pipeline.cli.main import main
from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.payloads import Payload, TransactionCompleted
from pipeline.core.program import Match, Program, RuleTable
from pipeline.lane import programs
from pipeline.program import Bundle, compile_bundle

POISON = "poison"


def poisoned(program: Program) -> Program:
    """The same program, but for the defect."""
    table = program.rules["transaction_completed"]
    program.rules["transaction_completed"] = RuleTable(table.rules, _raising(table.match))
    return program


def _raising(match: Match) -> Match:
    def raising(event: Event, payload: Payload, member: Member, errors: list[tuple[int, str]]) -> list[tuple[int, int]]:
        assert isinstance(payload, TransactionCompleted)
        if payload.channel == POISON:
            raise ZeroDivisionError("a defect that this channel lays open")
        return match(event, payload, member, errors)

    return raising


def compile_poisoned(bundle: Bundle) -> Program:
    return poisoned(compile_bundle(bundle))


if __name__ == "__main__":
    programs.compile_bundle = compile_poisoned  # type: ignore[assignment]  # lru_cache's own type
    sys.exit(main())
