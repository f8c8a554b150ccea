"""A naive model of signals across members: whole histories, counted anew each time. It takes no code from the core."""

from __future__ import annotations

from dataclasses import dataclass, field

Alert = tuple[str, str, int]
"""(signal, member, value)."""


@dataclass
class ModelDevices:
    """At most `at_most` members on a device within `within` ms. `told` is all that the pools were told, in order."""

    at_most: int
    within: int
    told: list[tuple[str, str, int]] = field(default_factory=list)
    known: list[tuple[str, str, int]] = field(default_factory=list)

    def buy(self, member: str, device: str, at: int) -> int:
        """How many members are on the device, if its pool is told of the purchase; else 0."""
        before = [when for who, which, when in self.known if (who, which) == (member, device)]
        if not device or (before and at - max(before) < self.within // 8):
            return 0
        self.known.append((member, device, at))
        return self.count(member, device, at)

    def redeem(self, member: str, device: str, at: int) -> int:
        """How many members are on the device that the redemption is judged by; 0 where there is none."""
        if device:
            self.known.append((member, device, at))
        mine = [which for who, which, _ in self.known if who == member]
        return self.count(member, mine[-1], at) if mine else 0

    def count(self, member: str, device: str, at: int) -> int:
        self.told.append((member, device, at))
        latest = {
            who: max(when for one, which, when in self.told if (one, which) == (who, device))
            for who, which, _ in self.told
            if which == device
        }
        return len({who for who, when in latest.items() if abs(when - at) < self.within} | {member})


@dataclass
class ModelRings:
    """Rings of at most `up_to` members, among the first referrals of each and the one that closes a ring."""

    up_to: int
    first: dict[str, str] = field(default_factory=dict)
    rings: dict[str, set[str]] = field(default_factory=dict)
    took_part: set[str] = field(default_factory=set)

    def refer(self, referrer: str, referred: str) -> int:
        """How many are in the ring of who was referred; 1 where there is none."""
        self.first.setdefault(referred, referrer)
        chain = [referred, referrer]
        while len(chain) <= self.up_to and chain[-1] in self.first and chain[-1] not in chain[:-1]:
            chain.append(self.first[chain[-1]])
        if chain[-1] == referred and len(chain) - 1 <= self.up_to:
            for one in chain:
                self.rings[one] = set(chain)
        return len(self.rings.get(referred, {referred}))

    def redeem(self, member: str) -> int:
        return len(self.rings.get(member, {member})) if member in self.took_part else 0


@dataclass
class ModelPartner:
    """At most `at_most` points a day of all members together; then nothing for `pause` ms."""

    at_most: int
    pause: int
    passed: list[tuple[int, int]] = field(default_factory=list)
    over: list[int] = field(default_factory=list)

    def earn(self, points: int, at: int, day: int) -> bool:
        """Whether the points pass; what comes late counts on the newest day."""
        newest = max([day, *(one for one, _ in self.passed)])
        total = sum(one for when, one in self.passed if when == newest) + points
        if any(at < when + self.pause for when in self.over):
            return False
        if total > self.at_most:
            self.over.append(at)
            return False
        self.passed.append((newest, points))
        return True
