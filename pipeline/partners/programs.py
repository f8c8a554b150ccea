"""The partners of published programmes, by the programme's hash."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, final

from pipeline.lane.ports import Reader
from pipeline.lane.programs import ProgramParts
from pipeline.partners.fulfilment import Policies
from pipeline.program import Bundle
from pipeline.program.compiler import definition_of
from pipeline.program.partners_file import can_stand_in

KEPT: Final = 64


@lru_cache(maxsize=KEPT)
def policies_of(bundle: Bundle) -> Policies:
    """What a bundle says of partners and rewards. Raises ProgramRefused or BundleRefused."""
    definition = definition_of(bundle)
    rewards = {reward.reward_id: reward.provider for reward in definition.rewards.values() if can_stand_in(reward)}
    return Policies(definition.partners, rewards)


@final
class PartnerPrograms:
    """Policies by hash, as `ProgramParts`."""

    def __init__(self, reader: Reader, topic: str) -> None:
        self._parts = ProgramParts(reader, topic, policies_of)

    def policies(self, program_hash: str) -> Policies:
        """As `ProgramParts.part`."""
        return self._parts.part(program_hash)

    def close(self) -> None:
        self._parts.close()
