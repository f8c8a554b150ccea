"""An order: what a purchase earned and was paid with, so that a refund or a cancellation can undo it."""

from typing import Final, final

OrderLot = tuple[str, int, int, int, int]
"""(unit, lot seq, points earned, points claimed back by refunds, period they qualify in or 0)."""

OrderLine = tuple[str, int, int, int]
"""(line id, pieces, amount in minor units, pieces that came back)."""

Part = tuple[int, int, int]
"""(lot seq, points, expires_at_ms)."""

Use = tuple[str, int]
"""(rule id, points it gave): what limits and pauses count of the order."""

Waiting = tuple[str, str, int, int, str, tuple[tuple[str, int], ...]]
"""(event id, source, occurred_at_ms, amount_minor, currency, (line id, pieces) of each line) of a refund that arrived
before its purchase."""

Pooled = tuple[str, int]
"""(pool id, what it granted for the order and would get back)."""

RestTuple = tuple[
    int,
    bool,
    tuple[OrderLine, ...],
    str,
    int,
    tuple[Part, ...],
    tuple[Use, ...],
    tuple[int, int],
    tuple[Waiting, ...],
    tuple[Pooled, ...],
]
OrderTuple = tuple[int, str, int, int, tuple[OrderLot, ...], RestTuple | None]

NOT_SPENT: Final = (0, 0)


@final
class Rest:
    """What most orders do not have. Never changed.

    `revision` is the newest seen, `cancelled` whether it was undone. `points_paid` were paid with it, of `points_unit`;
    `parts` are those not given back. `spent` is (period, minor units that count there for tiers). `waiting` refunds
    stand where no purchase has arrived. `grants` are what pools gave for it.
    """

    __slots__ = (
        "cancelled",
        "grants",
        "lines",
        "parts",
        "points_paid",
        "points_unit",
        "revision",
        "spent",
        "uses",
        "waiting",
    )

    def __init__(
        self,
        revision: int = 0,
        cancelled: bool = False,
        lines: tuple[OrderLine, ...] = (),
        points_unit: str = "",
        points_paid: int = 0,
        parts: tuple[Part, ...] = (),
        uses: tuple[Use, ...] = (),
        spent: tuple[int, int] = NOT_SPENT,
        waiting: tuple[Waiting, ...] = (),
        grants: tuple[Pooled, ...] = (),
    ) -> None:
        self.revision = revision
        self.cancelled = cancelled
        self.lines = lines
        self.points_unit = points_unit
        self.points_paid = points_paid
        self.parts = parts
        self.uses = uses
        self.spent = spent
        self.waiting = waiting
        self.grants = grants

    def to_tuple(self) -> RestTuple:
        """Field values in the order of the constructor."""
        return (
            self.revision,
            self.cancelled,
            self.lines,
            self.points_unit,
            self.points_paid,
            self.parts,
            self.uses,
            self.spent,
            self.waiting,
            self.grants,
        )

    def with_lines(self, lines: tuple[OrderLine, ...]) -> "Rest":
        """The same, with these lines."""
        return self._with(lines, self.parts, self.uses, self.grants)

    def with_parts(self, parts: tuple[Part, ...]) -> "Rest":
        """The same, with these parts left."""
        return self._with(self.lines, parts, self.uses, self.grants)

    def with_grant(self, grant: Pooled, use: Use | None) -> "Rest":
        """The same, with what a pool gave, and what limits and pauses count of it."""
        uses = self.uses if use is None else (*self.uses, use)
        return self._with(self.lines, self.parts, uses, (*self.grants, grant))

    def _with(
        self, lines: tuple[OrderLine, ...], parts: tuple[Part, ...], uses: tuple[Use, ...], grants: tuple[Pooled, ...]
    ) -> "Rest":
        """Of an order that has arrived, so that no refund waits for it."""
        return Rest(
            self.revision,
            self.cancelled,
            lines,
            self.points_unit,
            self.points_paid,
            parts,
            uses,
            self.spent,
            grants=grants,
        )


NO_REST: Final = Rest()


@final
class Order:
    """A purchase by its order id. Never changed: a refund makes a new one.

    `lots` are what it earned. One whose purchase has not arrived has `occurred_at_ms` 0. `rest` None is `NO_REST`.
    """

    __slots__ = ("amount_minor", "currency", "lots", "occurred_at_ms", "refunded_minor", "rest")

    def __init__(
        self,
        amount_minor: int,
        currency: str,
        occurred_at_ms: int,
        refunded_minor: int,
        lots: list[OrderLot],
        rest: Rest | None = None,
    ) -> None:
        self.amount_minor = amount_minor
        self.currency = currency
        self.occurred_at_ms = occurred_at_ms
        self.refunded_minor = refunded_minor
        self.lots = lots
        self.rest = rest

    def more(self) -> Rest:
        """What most orders do not have, empty where this one does not."""
        return NO_REST if self.rest is None else self.rest

    def to_tuple(self) -> OrderTuple:
        """Field values in the order of the constructor."""
        return (
            self.amount_minor,
            self.currency,
            self.occurred_at_ms,
            self.refunded_minor,
            tuple(self.lots),
            None if self.rest is None else self.rest.to_tuple(),
        )

    @staticmethod
    def from_tuple(values: OrderTuple) -> "Order":
        """The order that `to_tuple` gave these values of."""
        amount_minor, currency, occurred_at_ms, refunded_minor, lots, rest = values
        return Order(
            amount_minor, currency, occurred_at_ms, refunded_minor, list(lots), None if rest is None else Rest(*rest)
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Order) and self.to_tuple() == other.to_tuple()

    def __hash__(self) -> int:
        return hash(self.to_tuple())

    def __repr__(self) -> str:
        return f"Order{self.to_tuple()!r}"


def waiting_order(waiting: tuple[Waiting, ...]) -> Order:
    """Stands for an order whose refunds arrived before its purchase."""
    return Order(0, "", 0, 0, [], Rest(waiting=waiting))


def cancelled_order(revision: int) -> Order:
    """Stands for an order whose cancellation arrived before its purchase."""
    return Order(0, "", 0, 0, [], Rest(revision, True))
