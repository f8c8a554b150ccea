"""Refunds that arrived before their purchase: applied when it arrives, each as its own event under the program of its
time."""

from typing import final

from pipeline.core import refunds
from pipeline.core.activations import Activations
from pipeline.core.ledger import Posting
from pipeline.core.member import Member
from pipeline.core.order import Order, Waiting
from pipeline.core.ports import Outputs


@final
class Settled:
    """The order after the refunds that waited for it, and whether all of them fitted it."""

    __slots__ = ("all_fitted", "order")

    def __init__(self, order: Order, all_fitted: bool) -> None:
        self.order = order
        self.all_fitted = all_fitted


def settle(
    member: Member,
    order: Order,
    waiting: tuple[Waiting, ...],
    recorded_at_ms: int,
    activations: Activations,
    out: Outputs,
) -> Settled:
    """Apply the refunds in the order in which they arrived; one of more than is left of the order takes what is left.

    `recorded_at_ms` is that of the purchase, which brings them. Raises UnknownProgram.
    """
    all_fitted = True
    for event_id, source, occurred_at_ms, wanted_minor, currency, pieces in waiting:
        amount_minor = min(wanted_minor, order.amount_minor - order.refunded_minor)
        if refunds.refusal(order, amount_minor, currency, pieces):
            all_fitted = False
            continue
        if not amount_minor and not pieces:
            continue
        program = activations.at(occurred_at_ms)
        assert program is not None, f"refund {event_id} of member {member.member_id} was decided without a program"
        posting = Posting(member, out, program.program_hash, event_id, source, occurred_at_ms, recorded_at_ms)
        order = refunds.refund(posting, program, order, amount_minor, pieces)
        member.event_counts["transaction_refunded"] = member.event_counts.get("transaction_refunded", 0) + 1
    return Settled(order, all_fitted)
