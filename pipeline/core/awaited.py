"""What a member has asked of a pool and waits for, and what holds have of pools."""

from typing import final

from pipeline.core.wallet import Hold

AwaitedTuple = tuple[str, str, int, str, str, str, int, int, str, str, str, bool]
"""The request's id and the values of `Awaited` in the order of its constructor."""

HoldPooled = tuple[str, str, str, tuple[str, ...], bool]
"""(redemption id, pool id, request id, codes, confirmed)."""

HoldDrawn = tuple[str, str, int]
"""(redemption id, household pool, first of its lots)."""

AwaitedReview = tuple[str, str]
"""(request id, signal that has its award reviewed)."""


@final
class Awaited:
    """A request of `amount` to a pool that is not answered yet.

    An award waits with `rule_id` and `event_type`, the `points` of `unit` that it gives if all is granted, what the
    rule `desired`, what had `limited_by` it before, and the order that earned it, or "". A redemption waits with
    `redemption_id`; one that draws on a household has the reward in `rule_id` and the pieces in `desired`. What is
    `void` is given back when it comes, what `signal_id` names is held for review then.
    """

    __slots__ = (
        "amount",
        "desired",
        "event_type",
        "limited_by",
        "order_id",
        "points",
        "pool_id",
        "redemption_id",
        "rule_id",
        "signal_id",
        "unit",
        "void",
    )

    def __init__(
        self,
        pool_id: str,
        amount: int,
        rule_id: str,
        event_type: str,
        unit: str,
        points: int,
        desired: int,
        limited_by: str,
        order_id: str,
        redemption_id: str,
        void: bool = False,
    ) -> None:
        self.pool_id = pool_id
        self.amount = amount
        self.rule_id = rule_id
        self.event_type = event_type
        self.unit = unit
        self.points = points
        self.desired = desired
        self.limited_by = limited_by
        self.order_id = order_id
        self.redemption_id = redemption_id
        self.void = void
        self.signal_id = ""


def awaited_tuple(request_id: str, one: Awaited) -> AwaitedTuple:
    """The request as nested tuples keep it."""
    return (
        request_id,
        one.pool_id,
        one.amount,
        one.rule_id,
        one.event_type,
        one.unit,
        one.points,
        one.desired,
        one.limited_by,
        one.order_id,
        one.redemption_id,
        one.void,
    )


def awaited_of(values: AwaitedTuple) -> Awaited:
    """The request that `awaited_tuple` gave these values of."""
    return Awaited(
        values[1],
        values[2],
        values[3],
        values[4],
        values[5],
        values[6],
        values[7],
        values[8],
        values[9],
        values[10],
        values[11],
    )


def awaited_reviews(awaited: dict[str, Awaited]) -> tuple[AwaitedReview, ...]:
    """What some requests have beyond `awaited_tuple`: the signal that reviews their award."""
    return tuple([(request_id, one.signal_id) for request_id, one in awaited.items() if one.signal_id])


def holds_pooled(holds: dict[str, Hold]) -> tuple[HoldPooled, ...]:
    """What holds of rewards with a pool have beyond the others."""
    return tuple(
        [
            (redemption_id, hold.pool_id, hold.request_id, tuple(hold.codes), hold.confirmed)
            for redemption_id, hold in holds.items()
            if hold.pool_id
        ]
    )


def put_pooled(holds: dict[str, Hold], pooled: tuple[HoldPooled, ...]) -> None:
    """Give the holds what `holds_pooled` told of them."""
    for redemption_id, pool_id, request_id, codes, confirmed in pooled:
        hold = holds[redemption_id]
        hold.pool_id = pool_id
        hold.request_id = request_id
        hold.codes = list(codes)
        hold.confirmed = confirmed


def holds_drawn(holds: dict[str, Hold]) -> tuple[HoldDrawn, ...]:
    """What holds that draw on a household have beyond the others."""
    return tuple(
        [(redemption_id, hold.household, hold.drawn_from) for redemption_id, hold in holds.items() if hold.household]
    )


def put_drawn(holds: dict[str, Hold], drawn: tuple[HoldDrawn, ...]) -> None:
    """Give the holds what `holds_drawn` told of them."""
    for redemption_id, pool_id, first in drawn:
        holds[redemption_id].household = pool_id
        holds[redemption_id].drawn_from = first
