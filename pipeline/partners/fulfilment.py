"""One fulfilment as a state machine, pure: what has happened so far decides what is done next, and when.

waiting --due--> calling --confirmed--> (confirmed)       waiting: as far as is known, nobody has acted
                 calling --not done--> waiting            until the last attempt, then the fallback, then (failed)
                 calling --no answer--> unknown           unknown: it may be done; held, never void
unknown --due--> asking --confirmed--> (confirmed)
                 asking --absent--> waiting, or as after the last attempt
                 asking --no answer, pending--> unknown    until the last question, then review
undo ----due---> undoing --done--> (cancelled)             a member has cancelled what the partner has confirmed
review: people decide; a callback or an answer that comes late still ends it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, final

import msgspec

from pipeline.core.house import HOUSE
from pipeline.core.records import FulfillmentCommand
from pipeline.program.partners import Partner

WAITING: Final = "waiting"
CALLING: Final = "calling"
UNKNOWN: Final = "unknown"
ASKING: Final = "asking"
UNDO: Final = "undo"
UNDOING: Final = "undoing"
REVIEW: Final = "review"
CONFIRMED: Final = "confirmed"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"

OPEN_STATES: Final = (WAITING, CALLING, UNKNOWN, ASKING, UNDO, UNDOING, REVIEW)
IN_FLIGHT: Final = {CALLING: UNKNOWN, ASKING: UNKNOWN, UNDOING: UNDO}
"""States with a call on its way, and what each becomes when nothing more is heard of the call."""
DONE: Final = (CONFIRMED, FAILED, CANCELLED)

LATE_MS: Final = 10_000
"""So long after its timeout the result of a call is waited for before the call counts as lost."""
JITTER_PERCENT: Final = 10


@final
class Fulfilment(msgspec.Struct, array_like=True):
    """What is known of one command to fulfil.

    `first` was asked first and its fallbacks count, `provider` is asked now, for `gives`. `attempts`, `asks` and
    `undos` were made there; `calls` counts all calls, to tell their results apart. `due_ms` is when the next call is
    due, or by when the result of the one on its way must be here. `maybe_ms` is when the last call ended that may have
    been acted on, 0 for none, and `before_ms` the same before the call on its way. `gone_ms` is when it was done with.
    `codes` are the voucher codes that were drawn for it, one a line.
    """

    fulfillment_id: str
    member_id: str
    redemption_id: str
    reward_id: str
    quantity: int
    unit: str
    points: int
    occurred_at_ms: int
    log_time_ms: int
    traceparent: str
    program_hash: str
    first: str
    provider: str
    gives: str
    state: str = WAITING
    due_ms: int = 0
    step: int = 0
    attempts: int = 0
    asks: int = 0
    undos: int = 0
    calls: int = 0
    maybe_ms: int = 0
    before_ms: int = 0
    cancel_wanted: bool = False
    reference: str = ""
    reason: str = ""
    given: int = 0
    gone_ms: int = 0
    codes: str = ""

    @property
    def open(self) -> bool:
        """Whether its outcome is still to come."""
        return self.state not in DONE


@final
class Result(msgspec.Struct, frozen=True):
    """What came of a call, or what a callback says: `means` is one of `pipeline.program.partners.MEANINGS`.

    `call` is the number of the call, 0 for a callback.
    """

    provider: str
    call: int
    means: str
    reference: str = ""
    quantity: int = 0
    reason: str = ""


@final
class Policies:
    """The partners, and the providers of rewards that can stand in for another, by the programme that counts now."""

    __slots__ = ("partners", "providers")

    def __init__(self, partners: Mapping[str, Partner], providers: Mapping[str, str]) -> None:
        self.partners = partners
        self.providers = providers


def begin(command: FulfillmentCommand, at_ms: int, policies: Policies) -> Fulfilment:
    """A command to fulfil: its first attempt is due at once."""
    f = Fulfilment(
        command.fulfillment_id, command.member_id, command.redemption_id, command.reward_id, command.quantity,
        command.unit, command.points, command.occurred_at_ms, command.log_time_ms, command.traceparent,
        command.program_hash, command.provider, command.provider, command.reward_id, codes=command.codes,
    )  # fmt: skip
    partner = policies.partners.get(f.provider)
    if partner is None:
        _review(f, f"the programme has no partner {f.provider}")
    else:
        f.due_ms = at_ms + _delay(f, partner.retries_ms, 0)
    return f


def cancel(f: Fulfilment, at_ms: int, policies: Policies) -> None:
    """The member wants it undone: at once where nobody can have acted, else when it is known whether one has."""
    if not f.open:
        return
    f.cancel_wanted = True
    if f.state == WAITING and not f.maybe_ms:
        _done(f, CANCELLED, at_ms)
    elif f.state == WAITING:
        _look_into(f, at_ms, policies, at_ms)


def hurry(f: Fulfilment, at_ms: int) -> None:
    """What is due later is due now."""
    if f.state in (WAITING, UNKNOWN, UNDO):
        f.due_ms = min(f.due_ms, at_ms)


def retry(f: Fulfilment, at_ms: int, policies: Policies) -> None:
    """An operator has the next call made now; what is under review is looked into once more."""
    if f.state == REVIEW:
        partner = policies.partners.get(f.provider)
        if partner is None or not (f.calls == 0 or _can_ask(partner)):
            return
        f.asks = f.undos = 0
        f.state = WAITING if f.calls == 0 else UNKNOWN
        f.due_ms = at_ms
    hurry(f, at_ms)


def decide(f: Fulfilment, outcome: str, reason: str, at_ms: int) -> None:
    """A person knows what became of it: `confirmed` or `failed`. Nothing while a call is on its way."""
    if f.open and f.state not in IN_FLIGHT:
        f.reason = reason
        _done(f, CANCELLED if outcome == FAILED and f.cancel_wanted else outcome, at_ms)


def next_call(f: Fulfilment, now_ms: int, policies: Policies) -> str:
    """What to call for now that it is due: `fulfil`, `ask`, `cancel`, or "" for nothing; then the state has moved on.

    Whoever gets a call makes it only after this state is kept for good.
    """
    partner = policies.partners.get(f.provider)
    if partner is None:
        _review(f, f"the programme has no partner {f.provider}")
        return ""
    kind = ""
    if f.state == WAITING:
        f.state, kind = CALLING, "fulfil"
        f.attempts += 1
        f.asks = 0
    elif f.state == UNKNOWN and not _can_ask(partner):
        _review(f, f.reason or "no answer, and the partner cannot be asked")
    elif f.state == UNKNOWN:
        f.state, kind = ASKING, "fulfil" if partner.ask is None else "ask"
        f.asks += 1
    elif f.state == UNDO:
        f.state, kind = UNDOING, "cancel"
        f.undos += 1
    if kind:
        f.calls += 1
        f.due_ms = now_ms + partner.timeout_ms + LATE_MS
        if kind == "fulfil":
            f.before_ms, f.maybe_ms = f.maybe_ms, now_ms + partner.timeout_ms
    return kind


def give_up_call(f: Fulfilment, now_ms: int, policies: Policies) -> None:
    """The call on its way is not heard of any more: the worker that made it is gone, or its result is late."""
    if f.state in IN_FLIGHT:
        answered(f, Result(f.provider, f.calls, "unknown", reason="nothing was heard of the call"), now_ms, policies)


def answered(f: Fulfilment, result: Result, at_ms: int, policies: Policies) -> bool:
    """Take what came of a call or what a callback says. Returns False where it contradicts what is settled."""
    if not f.open:
        return not _contradicts(f, result)
    if result.provider != f.provider:
        return result.means != CONFIRMED  # one that was given up, as it had failed, has acted after all
    current = result.call in (f.calls, 0)
    if result.means == CONFIRMED and f.state not in (UNDO, UNDOING):
        _confirmed(f, result, at_ms, policies)
    elif f.state in (UNDO, UNDOING):
        if current and f.state == UNDOING and result.call:
            _undone(f, result, at_ms, policies)
    elif not current or (result.call == 0 and result.means != FAILED):
        pass  # an earlier call's "not done" says nothing of the one on its way, a callback's nothing at all
    elif result.means == FAILED:
        f.maybe_ms = 0
        f.reason = result.reason
        _next_step(f, at_ms, policies)
    elif f.state in (CALLING, ASKING, UNKNOWN):
        _unsettled(f, result, at_ms, policies)
    return True


def _contradicts(f: Fulfilment, result: Result) -> bool:
    """Whether something else is said of one that is done: reward and points, or neither, would be with the member."""
    if result.means == CONFIRMED and f.state == CANCELLED and f.undos:
        return False  # it tells of what has been undone since
    if result.means == CONFIRMED:
        return f.state != CONFIRMED or f.provider != result.provider
    return result.means == FAILED and f.state == CONFIRMED and f.provider == result.provider


def _confirmed(f: Fulfilment, result: Result, at_ms: int, policies: Policies) -> None:
    f.reference = result.reference or f.reference
    f.given = result.quantity if 0 < result.quantity < f.quantity else 0
    f.reason = ""
    partner = policies.partners.get(f.provider)
    if f.cancel_wanted and partner is not None and partner.cancel is not None:
        f.state, f.due_ms, f.undos = UNDO, at_ms, 0
    else:
        _done(f, CONFIRMED, at_ms)


def _undone(f: Fulfilment, result: Result, at_ms: int, policies: Policies) -> None:
    partner = policies.partners[f.provider]
    if result.means == CONFIRMED:
        _done(f, CANCELLED, at_ms)
    elif result.means == FAILED:
        _done(f, CONFIRMED, at_ms)  # the partner does not take it back: the member has the reward
    elif f.undos < len(partner.retries_ms):
        f.state, f.due_ms = UNDO, at_ms + _delay(f, partner.retries_ms, f.undos)
    else:
        _review(f, result.reason or "whether it is undone is not known")


def _unsettled(f: Fulfilment, result: Result, at_ms: int, policies: Policies) -> None:
    """No outcome yet: not done and to be tried again, or nobody knows."""
    partner = policies.partners[f.provider]
    f.reason = result.reason
    f.reference = result.reference or f.reference
    asked = f.state == ASKING and partner.ask is not None
    if result.means == "absent" or (result.means == "retry" and f.state == CALLING):
        if result.means == "retry":
            f.maybe_ms = f.before_ms
        if f.maybe_ms and asked and at_ms >= f.maybe_ms + partner.acts_within_ms:
            f.maybe_ms = 0
        more = f.attempts < len(partner.retries_ms) and not f.cancel_wanted
        if more and (partner.idempotent or not f.maybe_ms):
            f.state, f.due_ms = WAITING, at_ms + _delay(f, partner.retries_ms, f.attempts)
        elif f.maybe_ms:
            f.asks -= 1 if asked else 0  # it was asked too early to be believed, which costs no question
            _look_into(f, max(at_ms, f.maybe_ms + partner.acts_within_ms), policies, at_ms)
        else:
            _next_step(f, at_ms, policies)
        return
    if result.means == "retry":
        f.maybe_ms = f.before_ms or f.maybe_ms  # the same call once more, refused: the one before counts
    _look_into(f, at_ms + _delay(f, partner.asks_ms, f.asks), policies, at_ms)


def _look_into(f: Fulfilment, ask_at_ms: int, policies: Policies, at_ms: int) -> None:
    """Nobody knows whether it is done: the partner is asked, or heard, and in the end people look."""
    partner = policies.partners[f.provider]
    if f.asks >= len(partner.asks_ms):
        _review(f, f.reason or "the partner does not say what became of it")
    elif _can_ask(partner):
        f.state, f.due_ms = UNKNOWN, ask_at_ms
    elif partner.callback is not None:
        f.state, f.due_ms = UNKNOWN, at_ms + partner.asks_ms[-1]
    else:
        _review(f, f.reason or "no answer, and the partner cannot be asked")


def _next_step(f: Fulfilment, at_ms: int, policies: Policies) -> None:
    """It is known to have failed for good: the fallbacks in turn, then the points return."""
    if f.cancel_wanted:
        _done(f, CANCELLED, at_ms)
        return
    first = policies.partners.get(f.first)
    fallbacks = () if first is None else first.fallback
    while f.step < len(fallbacks):
        fallback = fallbacks[f.step]
        f.step += 1
        provider = fallback.provider or policies.providers.get(fallback.reward, "")
        if provider != HOUSE and provider not in policies.partners:
            continue
        f.provider, f.gives = provider, fallback.reward or f.reward_id
        if provider == HOUSE:
            _done(f, CONFIRMED, at_ms)
        else:
            f.attempts = f.asks = f.maybe_ms = f.before_ms = 0
            f.state, f.due_ms = WAITING, at_ms
        return
    _done(f, FAILED, at_ms)


def _can_ask(partner: Partner) -> bool:
    return partner.ask is not None or partner.idempotent


def _review(f: Fulfilment, why: str) -> None:
    f.state, f.due_ms, f.reason = REVIEW, 0, why


def _done(f: Fulfilment, outcome: str, at_ms: int) -> None:
    f.state, f.due_ms, f.gone_ms = outcome, 0, at_ms


def _delay(f: Fulfilment, delays_ms: tuple[int, ...], number: int) -> int:
    """The wait before call `number`, from 0, with a jitter that follows from the id alone."""
    wait_ms = delays_ms[min(number, len(delays_ms) - 1)]
    spread = wait_ms * JITTER_PERCENT // 100
    if not spread:
        return wait_ms
    seed = hashlib.sha256(f"{f.fulfillment_id}|{f.provider}|{f.calls}".encode()).digest()
    return wait_ms - spread + int.from_bytes(seed[:8], "big") % (2 * spread + 1)
