"""The cohort baselines that a partition keeps: in the changelog, each under a key of its own, and read once."""

from __future__ import annotations

from typing import Final, final

import msgspec

from pipeline.core.payloads import CohortBaseline, CohortBaselines
from pipeline.lane import keys
from pipeline.lane.ports import Change, LaneBroken, Store
from pipeline.lane.remedies import another_version

STOP: Final = keys.BASELINES[:-1] + bytes([keys.BASELINES[-1] + 1])

Packed = tuple[
    str, int, int, int, list[int], list[tuple[str, str, str, str, str, int]], list[int], str, str
]  # fmt: skip
"""The fields of `CohortBaselines`, cohorts as their fields."""

_encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(Packed)


def pack(baselines: CohortBaselines) -> bytes:
    """As the changelog has them."""
    return _encode(baselines.to_tuple())


def unpack(value: bytes) -> CohortBaselines:
    """Raises msgspec.DecodeError for bytes that `pack` did not make."""
    baseline_id, effective_ms, since_ms, until_ms, permille, cohorts, points, author, reason = _decoder.decode(value)
    named = [CohortBaseline(*fields) for fields in cohorts]
    return CohortBaselines(
        baseline_id, effective_ms, since_ms, until_ms, permille, named, points, author, reason
    )  # fmt: skip


@final
class KeptBaselines:
    """The baselines of one partition. `kept` ascend by the time they take effect; it is replaced, never changed."""

    def __init__(self, store: Store) -> None:
        """Raises LaneBroken where the store holds what this version cannot read."""
        try:
            self.kept = [unpack(value) for _key, value in store.scan(keys.BASELINES, STOP)]
        except msgspec.DecodeError as error:
            raise LaneBroken(f"the cohort baselines on record are not readable: {error}", another_version()) from error
        self._committed = self.kept

    def put(self, baselines: list[CohortBaselines]) -> None:
        """Keep these, and no others."""
        self.kept = baselines

    def changes(self) -> list[Change]:
        """What a commit has to write."""
        if self.kept is self._committed:
            return []
        before = {one.effective_at_ms for one in self._committed}
        after = {one.effective_at_ms for one in self.kept}
        gone: list[Change] = [(keys.baselines_key(at_ms), None) for at_ms in sorted(before - after)]
        return gone + [
            (keys.baselines_key(one.effective_at_ms), pack(one))
            for one in self.kept
            if one.effective_at_ms not in before
        ]

    def committed(self) -> None:
        """What `changes` gave is in the store."""
        self._committed = self.kept

    def forget_changes(self) -> None:
        """Back to what was committed."""
        self.kept = self._committed
