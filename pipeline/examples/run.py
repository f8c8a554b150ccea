"""Runs an example through the core, purely, and tells what came out otherwise than expected."""

from collections.abc import Iterable
from typing import Final, final

from pipeline.core.events import Event
from pipeline.core.memory import Dead, Duplicate, Output, Parked
from pipeline.core.payloads import FulfillmentOutcome, ProgramActivated
from pipeline.core.pool_ids import CODES, LOAD
from pipeline.core.pools import decide
from pipeline.core.program import Program
from pipeline.core.reasons import APPLIED_REASONS
from pipeline.core.records import PoolRequest, Reward, RewardDecision
from pipeline.core.reservations import WAITS_FOR
from pipeline.core.simulate import Simulation
from pipeline.examples.example import ACCOUNTS, Difference, Example, Expectation, MemberState, Outcome
from pipeline.examples.read import DUPLICATE, NO_TIER
from pipeline.history.what_if import OneProgram

NOTHING: Final = "-"
QUARANTINED: Final = "quarantined"
LIVE: Final = "live"


def run_example(program: Program, example: Example) -> Outcome:
    """The example's events decided after its history, under a programme in force from the beginning.

    What rules derive (such as a referral's other side), what pools answer and what the house fulfils follows at once,
    and counts too.
    """
    run = _Run(program, example.codes)
    history = run.take(example.history)
    given = run.take(example.events)
    if example.until_ms is not None:
        run.simulation.snapshot(example.until_ms)
    differences = [
        Difference(f"history, event {event.event_id}", "applied", f"refused: {reason}")
        for event, reason in history.refused
    ]
    differences += _compare(example.expected, given)
    for member_id, state in example.expected.members.items():
        differences += _compare_state(member_id, state, run)
    shown = {reward.rule_id for reward in given.rewards if reward.value}
    return Outcome(example, tuple(differences), frozenset(shown))


def rules_shown(outcomes: Iterable[Outcome]) -> set[str]:
    """Rules that gave something, or would have, in one of the examples that hold."""
    return {rule for outcome in outcomes if not outcome.differences for rule in outcome.rules}


@final
class _Given:
    """What some events brought about: refused ones with the reason, rewards of all rules, rules that failed."""

    def __init__(self) -> None:
        self.refused: list[tuple[Event, str]] = []
        self.rewards: list[Reward] = []
        self.errors: list[str] = []


@final
class _Run:
    """One simulation."""

    def __init__(self, program: Program, codes: dict[str, int]) -> None:
        self.simulation = Simulation(OneProgram(program))
        self.simulation.take_everywhere(0, ProgramActivated(program.program_hash, 0, "example", ""))
        for pool, count in codes.items():
            names = [f"{pool}-{number}" for number in range(1, count + 1)]
            decide(
                self.simulation.pools,
                PoolRequest("codes", f"{CODES}{pool}", LOAD, count, 0, names, "", "codes", "", 0, 0),
            )

    def take(self, events: Iterable[Event]) -> _Given:
        given = _Given()
        journal = self.simulation.journal(0)
        for event in events:
            mark = len(journal)
            self._name_fulfillment(event)
            self.simulation.take(0, 0, event.recorded_at_ms, event)
            for output in journal[mark:]:
                self._note(given, event, output)
        return given

    def _name_fulfillment(self, event: Event) -> None:
        """An outcome that names no fulfilment is that of the open redemption; its id is derived and hard to write."""
        payload = event.payload
        if isinstance(payload, FulfillmentOutcome) and not payload.fulfillment_id:
            member = self.simulation.state(0).member(event.member_id)
            hold = None if member is None else member.holds.get(payload.redemption_id)
            if hold is not None:
                event.payload = FulfillmentOutcome(
                    hold.fulfillment_id, payload.redemption_id, payload.outcome, payload.provider_reference,
                    payload.reason, payload.quantity,
                )  # fmt: skip

    def _note(self, given: _Given, event: Event, output: Output) -> None:
        if isinstance(output, RewardDecision):
            if output.event_id == event.event_id and output.reason and output.reason not in APPLIED_REASONS:
                given.refused.append((event, output.reason))
            given.rewards += output.rewards
            given.errors += [error.rule_id for error in output.rule_errors]
        elif isinstance(output, Dead):
            given.refused.append((event, output.reason))
        elif isinstance(output, Duplicate):
            given.refused.append((event, DUPLICATE))
        elif isinstance(output, Parked):
            given.refused.append((event, QUARANTINED))


def _compare(expected: Expectation, given: _Given) -> list[Difference]:
    differences = []
    refused = [reason for _event, reason in given.refused]
    if list(expected.refused) != refused:
        differences.append(Difference("refused", _listed(expected.refused), _listed(refused)))
    if sorted(expected.errors) != sorted(given.errors):
        differences.append(Difference("errors", _listed(sorted(expected.errors)), _listed(sorted(given.errors))))
    for key, wanted, live in (("awards", expected.awards, True), ("shadow", expected.shadow, False)):
        if wanted is not None:
            points: dict[str, int] = {}
            for reward in given.rewards:
                if reward.value and (reward.mode == LIVE) is live:
                    points[reward.rule_id] = points.get(reward.rule_id, 0) + reward.value
            differences += _compare_points(key, wanted, points)
    if expected.limited is not None:
        limited = {
            reward.rule_id: reward
            for reward in given.rewards
            if reward.limited_by and not reward.limited_by.startswith(WAITS_FOR)
        }
        for rule_id in [*expected.limited, *(each for each in limited if each not in expected.limited)]:
            wish, reward_given = expected.limited.get(rule_id), limited.get(rule_id)
            judged = wish is not None and wish.wanted is not None
            want = NOTHING if wish is None else _clipped(wish.by, wish.wanted)
            got = (
                NOTHING
                if reward_given is None
                else _clipped(reward_given.limited_by, reward_given.desired if judged or wish is None else None)
            )
            if want != got:
                differences.append(Difference(f"limited.{rule_id}", want, got))
    return differences


def _compare_points(prefix: str, expected: dict[str, int], given: dict[str, int]) -> list[Difference]:
    return [
        Difference(f"{prefix}.{name}", str(expected.get(name, NOTHING)), str(given.get(name, NOTHING)))
        for name in [*expected, *(each for each in given if each not in expected)]
        if expected.get(name) != given.get(name)
    ]


def _compare_state(member_id: str, expected: MemberState, run: _Run) -> list[Difference]:
    member = run.simulation.state(0).member(member_id)
    differences = []
    for unit, accounts in (expected.balances or {}).items():
        wallet = None if member is None else member.wallets.get(unit)
        given = {account: 0 if wallet is None else int(getattr(wallet, account)) for account in ACCOUNTS}
        wanted = {account: points for account, points in accounts.items() if points != given[account]}
        differences += _compare_points(f"{member_id}.{unit}", wanted, {name: given[name] for name in wanted})
    tier = "" if member is None else member.tier
    if expected.tier is not None and expected.tier != tier:
        differences.append(Difference(f"{member_id}.tier", expected.tier or NO_TIER, tier or NO_TIER))
    return differences


def _clipped(by: str, wanted: int | None) -> str:
    return by if wanted is None else f"{by}, wanted {wanted}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or NOTHING
