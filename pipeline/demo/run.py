"""The demo, act by act: history imported while workers die, a live day by script, and the proof at the end."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from pipeline.core.events import Event
from pipeline.core.payloads import TransactionCompleted
from pipeline.core.reasons import NO_PROGRAM
from pipeline.demo import gather
from pipeline.demo.acts import whole_day
from pipeline.demo.cinema import Cinema
from pipeline.demo.gift_cards import MEMBERS, PARTNER, GiftCards, ask_for_gift_cards, done, states
from pipeline.demo.kills import Killer, planned_kills
from pipeline.demo.positions import LOG
from pipeline.demo.report import Facts
from pipeline.demo.script import DEAD, Script
from pipeline.demo.shoppers import shoppers, write_purchases
from pipeline.demo.stage import SINKS, Stage
from pipeline.demo.stores import rows_carried
from pipeline.demo.watch import Watcher
from pipeline.history.append import Appender
from pipeline.history.importer import Imported, Importer
from pipeline.history.purchases import DAY_MS, Purchase, read_purchases, shift_days
from pipeline.history.purchases import events as events_of
from pipeline.program import compile_bundle

PROGRAM: Final = Path(__file__).resolve().parents[2] / "programs" / "shop"
IMPORT_SOURCE: Final = "import"
CURRENCY: Final = "USD"
STANDSTILL_S: Final = 180.0
"""A run in which nothing moves for so long has failed: a killed worker's partitions move after six seconds."""
REFUNDED_PURCHASES: Final = 12
_POLL_S: Final = 0.1


class NothingToRun(Exception):
    """The file of purchases is of no use; the message says how to find out why."""


class Standstill(Exception):
    """The pipeline did not come to an end; the message says where it stands."""


@dataclass(frozen=True)
class Plan:
    """What is to be run. `purchases` None means generated ones, of `customers` customers; else `columns` maps fields to
    the columns that do not have their usual names.
    """

    purchases: Path | None
    columns: Mapping[str, str]
    customers: int
    seed: int
    kills: int


def run(stage: Stage, plan: Plan, watcher: Watcher) -> Facts:
    """Run everything on a stage that is set. Raises Standstill, CrewError, and what its parts raise."""
    began_s = time.monotonic()
    facts = Facts(seed=plan.seed, partitions=stage.partitions, workers=len(stage.workers))
    watcher.act("shopping")
    purchases, facts.purchases = _purchases(stage, plan)
    with GiftCards(stage.directory, PROGRAM) as cards:
        return _run(stage, plan, watcher, cards, purchases, facts, began_s)


def _run(
    stage: Stage,
    plan: Plan,
    watcher: Watcher,
    cards: GiftCards,
    purchases: list[Purchase],
    facts: Facts,
    began_s: float,
) -> Facts:
    days = shift_days(purchases, _now_ms())
    history = list(events_of(purchases, IMPORT_SOURCE, days))
    bundle = cards.bundle()
    # One purchase lies before the programme: it belongs to nobody's account, and is a dead letter.
    stage.publish(bundle, history[0].occurred_at_ms)
    early = _too_early(history[0])
    stage.start_workers()
    stage.start_sinks()
    load(stage, plan, [early, *history], facts, watcher)

    watcher.act("a live day")
    script = Script(stage.encoder, stage.partitions, _now_ms())
    whole_day(script, _refundable(purchases, compile_bundle(bundle).currencies), bundle.hash)
    ask_for_gift_cards(script)
    live(stage, script, cards, watcher)
    facts.events_live = len(script.steps)

    watcher.act("stopping the workers")
    stop_workers(stage)
    facts.restores = gather.restores(stage)
    stores_filled = fill_stores(stage)
    evidence = gather.collect(stage, stores_filled, watcher)
    gather.prove_and_count(evidence, [script.step(early, DEAD + NO_PROGRAM), *script.steps], facts, watcher)
    facts.checks.append(cards.check(gather.confirmed_at(evidence, PARTNER)))
    facts.total_s = time.monotonic() - began_s
    return facts


def _purchases(stage: Stage, plan: Plan) -> tuple[list[Purchase], str]:
    path = plan.purchases
    if path is None:
        path = stage.directory / "purchases.txt"
        write_purchases(path, shoppers(plan.customers, plan.seed))
        title = f"generated shoppers, seed {plan.seed}"
    else:
        title = path.name
    reading = read_purchases(path, plan.columns, CURRENCY, ZoneInfo("UTC"))
    if not reading.purchases:
        raise NothingToRun(f"{path} holds no purchase that can be imported: try `accrue events import` to see why")
    if reading.bad_rows:
        title += f", {len(reading.bad_rows):,} bad rows left out"
    return reading.purchases, f"{len(reading.purchases):,} purchases ({title})"


def _too_early(first: Event) -> Event:
    at_ms = first.occurred_at_ms - DAY_MS
    payload = TransactionCompleted("too-early", 5_000, "USD", "", "", "", [])
    return Event("too-early", "too-early", at_ms, IMPORT_SOURCE, "", {}, payload, at_ms)


def _refundable(purchases: Sequence[Purchase], currencies: Collection[str]) -> list[Purchase]:
    """The latest purchases that cost something, in money that the programme knows."""
    known = [purchase for purchase in purchases if purchase.amount_minor and purchase.currency in currencies]
    return known[-REFUNDED_PURCHASES:]


def load(stage: Stage, plan: Plan, history: list[Event], facts: Facts, watcher: Watcher) -> None:
    """Import while the workers work it off, killing some of them meanwhile."""
    watcher.act(
        f"importing {len(history):,} events, {plan.kills} kills" if plan.kills else f"importing {len(history):,} events"
    )
    importer = Importer(stage.settings, stage.connection.log, stage.encoder, stage.connection.decoder)
    importer.check(history[0].recorded_at_ms, history[-1].recorded_at_ms)
    days = len({event.recorded_at_ms // DAY_MS for event in history})
    expected = len(history) + (days + 1) * stage.partitions
    killer = Killer(stage.crew, planned_kills(plan.kills, stage.workers, plan.seed))
    began_s = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        importing = pool.submit(importer.run, history, lambda _written: None)

        def drained() -> bool:
            done = sum(stage.positions.lanes())
            watcher.progress(min(done, expected), expected)
            killer.advance(min(1.0, done / expected))
            return importing.done() and not killer.left and stage.positions.drained(stage.positions.ends(LOG))

        _wait(stage, drained)
        imported: Imported = importing.result()
    facts.drain_s = time.monotonic() - began_s
    facts.events_per_s = imported.events / facts.drain_s
    facts.events_imported, facts.ticks_imported, facts.import_s = imported
    facts.kills = killer.done


def live(stage: Stage, script: Script, cards: GiftCards, watcher: Watcher) -> None:
    """Send the script, with the cinema answering, and wait until nothing is left to do.

    The gift cards' partner is down meanwhile: its queue is held, all else is done, and then it comes back.
    """
    appender = Appender(stage.settings, stage.connection.log.full_name, stage.partitions)
    cinema = Cinema(stage.connection, Appender(stage.settings, stage.connection.log.full_name, stage.partitions))
    cinema.start()
    try:
        script.send(appender, _now_ms())
        cinema.open()

        def settled() -> bool:
            cinema.check()
            # Quiet twice: the cinema may have had the last word only after the first look.
            quiet = stage.positions.quiet
            return quiet() and cinema.reached(stage.positions.ends("reward-fulfillments")) and quiet()

        _wait(stage, settled)
        found = states(stage.settings)
        waiting = found.total() - done(found)
        watcher.act(f"all is done but {waiting} gift cards: their partner is down")
        _wait(stage, lambda: states(stage.settings).total() >= MEMBERS)
        cards.come_back()
        watcher.act("the partner is back")

        def given() -> bool:
            ended = done(states(stage.settings))
            watcher.progress(ended, MEMBERS)
            return ended >= MEMBERS

        _wait(stage, given, lambda: states(stage.settings))
        _wait(stage, settled)
    finally:
        cinema.stop()


def stop_workers(stage: Stage) -> None:
    """Stop the workers with nothing left undone."""
    while True:
        for name in stage.workers:
            stage.crew.stop(name)
        if stage.positions.quiet():
            break
        # A tick was appended just before the end, and nobody has worked it off.
        stage.start_workers()
        _wait(stage, stage.positions.quiet)


def fill_stores(stage: Stage) -> Callable[[], None]:
    """Let the sinks carry everything that there is, and end; what is returned waits until they have."""
    names = [f"sink-{name}" for name in SINKS]
    for name in names:
        stage.crew.stop(name)
    stage.start_sinks("--until-end")
    url = stage.settings.need("postgres_url")
    return lambda: _wait(stage, lambda: _all_ended(stage, names), lambda: rows_carried(url), check=False)


def _all_ended(stage: Stage, names: list[str]) -> bool:
    names[:] = [name for name in names if not stage.crew.ended(name)]
    return not names


def _wait(
    stage: Stage, condition: Callable[[], bool], progress: Callable[[], object] | None = None, *, check: bool = True
) -> None:
    """Until it holds. Raises CrewError if a process ends meanwhile, Standstill if `progress` (by default the lanes'
    positions) stays the same for too long.
    """
    look = progress or stage.positions.lanes
    moved_s, before = time.monotonic(), look()
    while not condition():
        if check:
            stage.crew.check()
        now = look()
        if now != before:
            moved_s, before = time.monotonic(), now
        if time.monotonic() - moved_s > STANDSTILL_S:
            raise Standstill(
                f"nothing has moved for {STANDSTILL_S:.0f} s: the log ends at {stage.positions.ends(LOG)}, the lanes "
                f"stand at {stage.positions.lanes()}; the processes' logs are in {stage.directory}"
            )
        time.sleep(_POLL_S)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
