"""Prints what evaluating rules costs: 20 rules of one event type by generated Python, and by the CEL library."""

import statistics
import time
from collections.abc import Callable

from pipeline.core.events import Event
from pipeline.core.member import Member
from pipeline.core.payloads import TransactionCompleted
from pipeline.program.cel_check import check_expression, environment
from pipeline.program.cel_python import Condition, generate, load
from pipeline.program.vocabulary import terms

KIND = "transaction_completed"
ROUNDS = 9
CONDITIONS = (
    "event.amount_minor >= 10000",
    "event.amount_minor >= 25000 && event.currency == 'USD'",
    "member.tier in ['gold', 'platinum']",
    "member.tier == 'silver' && event.amount_minor > 5000",
    "event.channel == 'app'",
    "event.channel in ['web', 'app'] && event.country == 'US'",
    "member.transactions == 4",
    "member.transactions >= 10 && event.amount_minor >= 2000",
    "member.available < 100",
    "event.store_id.startsWith('north-')",
    "event.country != 'US'",
    "event.country in ['DE', 'FR', 'IT', 'ES']",
    "event.amount_minor > 100000 || member.tier == 'platinum'",
    "event.currency == 'EUR' && event.amount_minor >= 5000",
    "'campaign' in event.attributes",
    "event.source == 'marketplace'",
    "member.segment == 'students'",
    "member.country == event.country",
    "event.amount_minor < 500",
    "event.amount_minor / 100 >= 75",
)


def median_us(work: Callable[[], object], times: int) -> float:
    """CPU microseconds of one call: the median of several rounds of `times` calls."""
    rounds = []
    for _ in range(ROUNDS):
        start_ns = time.process_time_ns()
        for _ in range(times):
            work()
        rounds.append((time.process_time_ns() - start_ns) / 1000 / times)
    return statistics.median(rounds)


def main() -> None:
    """Print the table."""
    payload = TransactionCompleted("o-1", 12_900, "USD", "web", "south-3", "US", [])
    event = Event("e-1", "m-1", 10**12, "shop", "", {}, payload, 10**12)
    member = Member("m-1")
    member.tier = "silver"
    member.country = "US"
    member.event_counts = {KIND: 7}
    checked = [check_expression(text, KIND, "bool", {})[0] for text in CONDITIONS]
    of, _ = check_expression("event.amount_minor", KIND, "int", {})
    source = generate([Condition(index, tree, of) for index, tree in enumerate(checked)], terms(KIND))
    match = load(source, KIND, "points", "bronze")
    errors: list[tuple[int, str]] = []

    library = environment(KIND)
    expressions = [library.compile(text) for text in CONDITIONS]
    values = dict.fromkeys(terms(KIND)) | {
        "event.amount_minor": payload.amount_minor,
        "event.currency": payload.currency,
        "event.channel": payload.channel,
        "event.store_id": payload.store_id,
        "event.country": payload.country,
        "event.source": event.source,
        "event.attributes": {},
        "member.tier": member.tier,
        "member.country": member.country,
        "member.segment": member.segment,
        "member.transactions": 7,
        "member.available": 0,
    }

    def by_library() -> list[int]:
        activation = library.Activation({name: value for name, value in values.items() if value is not None})
        return [index for index, each in enumerate(expressions) if each.eval(activation).value()]

    found = [index for index, _ in match(event, payload, member, errors)]
    assert found == by_library() and not errors, (found, by_library(), errors)
    generated_us = median_us(lambda: match(event, payload, member, errors), 20_000)
    library_us = median_us(by_library, 300)
    print(f"{len(CONDITIONS)} rules on one event, {len(found)} of which hold")
    print(f"generated Python   {generated_us:8.2f} µs an event   {generated_us / len(CONDITIONS):.3f} µs a rule")
    print(f"CEL library        {library_us:8.2f} µs an event   {library_us / generated_us:.0f} times as long")


if __name__ == "__main__":
    main()
