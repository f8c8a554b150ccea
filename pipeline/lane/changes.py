"""What a commit carries of the state, and a changed member as its part of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from pipeline.core.member import Member
from pipeline.lane.ports import Change, Message
from pipeline.wire.state import pack_member

MEMBER_BYTES_MAX: int = 2_000_000
"""A packed member may be so large; key, quarantine and framing still fit into a record of the changelog."""


class MemberTooLarge(Exception):
    """The member does not fit into a record of the changelog, so the event that would make it so is not decided."""


@final
class Changes:
    """What a commit has to carry: `changelog` for topic and store, `local` for the store alone, `ids` for the other
    changelog, `balances` for the topic of balances: the changed members as they are now.
    """

    __slots__ = ("balances", "changelog", "ids", "local")

    def __init__(self, changelog: list[Change], local: list[Change], ids: bytes, balances: list[Message]) -> None:
        self.changelog = changelog
        self.local = local
        self.ids = ids
        self.balances = balances


@final
class Packed:
    """A changed member as the commit carries it."""

    __slots__ = ("balance", "state")

    def __init__(self, state: bytes, balance: Message) -> None:
        self.state = state
        self.balance = balance


def packed_with(member: Member, at_ms: int, balance: Callable[[Member, int], Message]) -> Packed:
    """The member as it is now, together with the record of its balance as of `at_ms`. Raises MemberTooLarge."""
    packed = pack_member(member)
    if len(packed) > MEMBER_BYTES_MAX and not member.quarantined:  # who is stopped has been let through before
        raise MemberTooLarge(
            f"member {member.member_id} would take {len(packed)} bytes and {MEMBER_BYTES_MAX} are the most: "
            "too many lots, counters or holds; let the programme give fewer, then release the member"
        )
    return Packed(packed, balance(member, at_ms))
