"""What a run of the demo came to: the facts, as a value and as JSON, and the summary that a person reads."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_TICK: Final = Text("✔", "bold green")
_CROSS: Final = Text("✘", "bold red")


@dataclass(frozen=True)
class Check:
    """One thing that must hold. `found` says what was compared, or, where it does not hold, what was found instead."""

    name: str
    says: str
    holds: bool
    found: str


@dataclass(frozen=True)
class TierFacts:
    """A tier: how many members have it, and their points over all units."""

    tier: str
    members: int
    available: int
    pending: int
    held: int


@dataclass
class Facts:
    """Everything that the summary tells. Points and entries are counts, times are seconds."""

    purchases: str = ""
    seed: int = 0
    partitions: int = 0
    workers: int = 0
    members: int = 0
    events_imported: int = 0
    ticks_imported: int = 0
    events_live: int = 0
    import_s: float = 0.0
    drain_s: float = 0.0
    total_s: float = 0.0
    events_per_s: float = 0.0
    kills: int = 0
    restores: int = 0
    events_by_type: Mapping[str, int] = field(default_factory=dict)
    fates: Mapping[str, int] = field(default_factory=dict)
    entries_by_kind: Mapping[str, int] = field(default_factory=dict)
    points_by_kind: Mapping[str, int] = field(default_factory=dict)
    accounts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    tiers: list[TierFacts] = field(default_factory=list)
    tier_changes: Mapping[str, int] = field(default_factory=dict)
    refusals: Mapping[str, int] = field(default_factory=dict)
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    fulfilments: Mapping[str, int] = field(default_factory=dict)
    digest: str = ""
    checks: list[Check] = field(default_factory=list)

    @property
    def proved(self) -> bool:
        """Whether everything that must hold holds, and was looked at."""
        return bool(self.checks) and all(check.holds for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """The facts under their names, and whether all was proved."""
        return {"proved": self.proved, **asdict(self)}


def show(facts: Facts, console: Console) -> None:
    """Print the summary."""
    console.print()
    console.print(
        Panel(
            Text.assemble(
                (f"{facts.events_per_s:,.0f} events/s", "bold cyan"),
                f" drained: {facts.events_imported:,} imported events in {facts.drain_s:.1f} s, sinks included, over "
                f"{facts.partitions} partitions by {facts.workers} workers; then {facts.events_live:,} live ones; "
                f"{facts.members:,} members\n",
                f"killed with -9: {facts.kills}; lanes restored from their changelog: {facts.restores}; ",
                f"whole run {facts.total_s:.0f} s",
            ),
            title=f"Accrue: {facts.purchases}",
            title_align="left",
        )
    )
    tables = (
        _counts("Events in the log", facts.events_by_type),
        _counts("What became of them", facts.fates),
        _ledger(facts),
        _tiers(facts),
        _counts("Tier changes", facts.tier_changes),
        _counts("Refused, and why", facts.refusals),
        _counts("Dead letters by reason", facts.dead_letters),
        _counts("Fulfilment", facts.fulfilments),
        _accounts(facts),
    )
    console.print(Columns([Padding(table, (1, 0, 0, 0)) for table in tables], padding=(0, 3)))
    console.print(_proof(facts))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for column in columns:
        first = not table.columns
        justify: Literal["left", "right"] = "left" if first else "right"
        table.add_column(column, justify=justify, no_wrap=True, min_width=max(0, len(title) - 7) if first else None)
    return table


def _counts(title: str, counts: Mapping[str, int]) -> RenderableType:
    table = _table(title, "", "count")
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(name.replace("_", " "), f"{count:,}")
    return table


def _ledger(facts: Facts) -> RenderableType:
    table = _table("Ledger entries", "", "entries", "points")
    for kind, entries in sorted(facts.entries_by_kind.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(kind, f"{entries:,}", f"{facts.points_by_kind[kind]:,}")
    return table


def _tiers(facts: Facts) -> RenderableType:
    table = _table("Tiers", "tier", "members", "available", "pending", "held")
    for tier in facts.tiers:
        numbers = (tier.members, tier.available, tier.pending, tier.held)
        table.add_row(tier.tier or "none", *(f"{number:,}" for number in numbers))
    return table


def _accounts(facts: Facts) -> RenderableType:
    tables = []
    for unit, accounts in sorted(facts.accounts.items()):
        table = _table(f"Accounts in {unit}", "account", "points")
        for account, points in sorted(accounts.items()):
            table.add_row(account, f"{points:,}")
        total = sum(accounts.values())
        table.add_row("sum", Text(f"{total:,}", "bold green" if total == 0 else "bold red"))
        tables.append(table)
    return Group(*tables)


def _proof(facts: Facts) -> RenderableType:
    table = Table(box=None, pad_edge=False, show_header=False, expand=True)
    for check in facts.checks:
        mark = _TICK if check.holds else _CROSS
        found = Text(check.found, "dim" if check.holds else "red")
        table.add_row(mark, Text(check.name, "bold"), check.says, found)
    verdict = Text("everything holds", "bold green") if facts.proved else Text("NOT PROVED", "bold red")
    return Panel(table, title=Text.assemble("Proof: ", verdict), title_align="left", subtitle=f"digest {facts.digest}")
