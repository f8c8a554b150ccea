"""Who of a partition is quarantined and why: kept in the changelog, so that nobody has to search for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, final

import msgspec

from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.payloads import MemberQuarantined
from pipeline.lane import keys
from pipeline.lane.ports import Change, LaneBroken, Store
from pipeline.lane.remedies import another_version

STOP: Final = bytes([keys.QUARANTINED[0] + 1])


class Quarantined(msgspec.Struct, frozen=True, array_like=True):
    """A member who stands still: the event that failed, where it stands on the log (-1: due work, no record), the
    error, the record time in ms of the quarantine, and how many records are parked since."""

    member_id: str
    event_id: str
    source: str
    offset: int
    error: str
    since_ms: int
    parked: int

    @classmethod
    def of(cls, event: Event) -> Quarantined:
        """What a `member_quarantined` event says; nothing is parked yet."""
        news = event.payload
        assert isinstance(news, MemberQuarantined)
        return cls(
            event.member_id, news.quarantined_event_id, news.quarantined_source, news.quarantined_offset, news.error,
            event.recorded_at_ms, 0,
        )  # fmt: skip

    def pack(self) -> bytes:
        return _encode(self)

    @classmethod
    def unpack(cls, value: bytes) -> Quarantined:
        return _decoder.decode(value)


_encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(Quarantined)


@final
class Quarantine:
    """The quarantined members of one partition. `members` is replaced, never changed: any thread may look."""

    def __init__(self, store: Store) -> None:
        """Raises LaneBroken where the store holds what this version cannot read."""
        packed = store.scan(keys.QUARANTINED, STOP)
        try:
            self.members: Mapping[str, Quarantined] = {key[1:].decode(): Quarantined.unpack(v) for key, v in packed}
        except msgspec.DecodeError as error:
            raise LaneBroken(
                f"what is on record of a quarantined member is not readable: {error}", another_version()
            ) from error
        self._next: Mapping[str, Quarantined] = self.members

    def changes(self, members: Iterable[Member], news: Mapping[str, Quarantined]) -> list[Change]:
        """What a commit of these changed members has to write, given why some of them were stopped since the last."""
        changes: list[Change] = []
        after = dict(self.members)
        for member in members:
            member_id = member.member_id
            if member.quarantined:
                known = news.get(member_id) or after.get(member_id) or Quarantined(member_id, "", "", -1, "", 0, 0)
                after[member_id] = msgspec.structs.replace(known, parked=member.parked)
                changes.append((keys.quarantined_key(member_id), after[member_id].pack()))
            elif after.pop(member_id, None) is not None:
                changes.append((keys.quarantined_key(member_id), None))
        if changes:
            self._next = after
        return changes

    def committed(self) -> None:
        """What `changes` gave is in the store."""
        self.members = self._next

    def forget_changes(self) -> None:
        self._next = self.members
