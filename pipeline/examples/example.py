"""What an example is: a history, events, and what they are expected to bring about; and how it came out."""

from dataclasses import dataclass, field
from typing import Final, final

from pipeline.core.events import Event

ACCOUNTS: Final = ("available", "pending", "held", "debt")

Balances = dict[str, dict[str, int]]
"""Points by unit and account; accounts that are left out are not judged."""


@final
@dataclass(frozen=True, slots=True)
class Clipped:
    """A rule that gave less than it wanted: `wanted` points (None: not judged), and the limit that kept it."""

    wanted: int | None
    by: str


@final
@dataclass(frozen=True, slots=True)
class MemberState:
    """How a member stands at the end; None: not judged. A `tier` that is empty is no tier."""

    balances: Balances | None = None
    tier: str | None = None


@final
@dataclass(frozen=True, slots=True)
class Expectation:
    """What an example expects of its events. None: not judged.

    `refused` are the reasons of refusals in order, `errors` the rules that fail while evaluated: none of either
    unless said. `awards` and `shadow` are points by rule, those that gave none left out, `limited` all that gave less
    than they wanted. `members` says how members stand at the end, by id.
    """

    refused: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    awards: dict[str, int] | None = None
    shadow: dict[str, int] | None = None
    limited: dict[str, Clipped] | None = None
    members: dict[str, MemberState] = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True)
class Example:
    """One example, at a line of a file. `until_ms` is when the end is looked at, after what is due; None: at once.
    `codes` says how many voucher codes each pool has.
    """

    file: str
    line: int
    name: str
    history: tuple[Event, ...]
    events: tuple[Event, ...]
    until_ms: int | None
    expected: Expectation
    codes: dict[str, int] = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that came out otherwise, such as `awards.purchase`: both sides as text, `-` for nothing."""

    what: str
    expected: str
    given: str


@final
@dataclass(frozen=True, slots=True)
class Outcome:
    """How an example came out; it holds where there is no difference. `rules` gave or would have given something."""

    example: Example
    differences: tuple[Difference, ...]
    rules: frozenset[str]
