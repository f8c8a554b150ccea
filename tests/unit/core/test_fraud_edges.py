"""What fraud signals count at the very edge: of windows to the millisecond, of limits to the point, of distances."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from core_programs import DAY_MS, HOUR_MS, ms
from fraud_across_bench import Together

from pipeline.core import fraud_counts, fraud_habits, fraud_senders, pool_partners, pool_signals
from pipeline.core.calendar import Calendar
from pipeline.core.events import Event
from pipeline.core.fraud_counts import Counts
from pipeline.core.fraud_distance import metres
from pipeline.core.fraud_habits import Notes
from pipeline.core.fraud_program import Counter, Signal
from pipeline.core.memory import MemoryPools
from pipeline.core.payloads import RedemptionRequested, TransactionCompleted, TransferReceived
from pipeline.core.records import PoolRequest

NOW_MS = ms("2026-01-10T12:00:00")
UTC = Calendar(ZoneInfo("UTC"))
HERE = (52_520_000, 13_400_000)
SENDERS = Signal("it", "senders", "deny", True, "", "", 5, DAY_MS, Counter("", "member", "", 0, 0), "senders")


def days_of(*amounts: int) -> tuple[int, ...]:
    """The habit of a member who earned so much a day, as it is on the day after."""
    notes: Notes = {}
    for day, amount in enumerate(amounts):
        fraud_habits.note_amount(notes, "h", day * DAY_MS, amount)
    return fraud_habits.as_of(notes["h"], len(amounts) * DAY_MS)


def test_the_average_begins_with_the_first_day_and_moves_by_a_fourth_of_the_distance() -> None:
    assert fraud_habits.normal(days_of(1_000, 0, 0)) == 562, "1000, 750, 562"


def test_fifty_kilometres_are_near_and_a_metre_more_is_not() -> None:
    lat, west = HERE
    lon = next(lon for lon in range(west + 738_000, west + 740_000) if metres(*HERE, lat, lon) == 50_000)
    farther = next(one for one in range(lon, lon + 30) if metres(*HERE, lat, one) == 50_001)

    assert fraud_habits.speed_km_h((NOW_MS, *HERE), NOW_MS + 1, lat, lon, 900) == (0, 0)
    assert fraud_habits.speed_km_h((NOW_MS, *HERE), NOW_MS + 1, lat, farther, 900)[1] == 50_001


def test_exactly_the_speed_that_is_allowed_is_not_too_fast() -> None:
    there = (HERE[0] + 1_000_000, HERE[1])
    needed_ms = metres(*HERE, *there) * 4  # at 900 km/h a metre takes 4 ms

    assert fraud_habits.speed_km_h((NOW_MS, *HERE), NOW_MS + needed_ms, *there, 900) == (0, 0)
    assert fraud_habits.speed_km_h((NOW_MS, *HERE), NOW_MS + needed_ms - 1, *there, 900)[0] == 900


def counted(counter: Counter, *moments: tuple[int, int], value: str = "", counts: Counts | None = None) -> Counts:
    """What was counted at such times, of one value."""
    found = Counts() if counts is None else counts
    for at_ms, amount in moments:
        fraud_counts.count(found, counter, fraud_counts.key_of(counter, value), UTC, at_ms, amount)
    return found


def test_moments_of_one_time_stand_in_the_order_of_their_records() -> None:
    counter = Counter("c", "member", "", DAY_MS, 10)

    assert counted(counter, (NOW_MS, 1), (NOW_MS, 2), (NOW_MS, 3)).journals["c"] == [
        (NOW_MS, 1), (NOW_MS, 2), (NOW_MS, 3),
    ]  # fmt: skip


def test_a_moment_is_kept_for_less_than_twice_the_window() -> None:
    counter = Counter("c", "member", "", DAY_MS, 10)

    kept = counted(counter, (NOW_MS, 1), (NOW_MS + 2 * DAY_MS - 1, 2)).journals["c"]
    dropped = counted(counter, (NOW_MS, 1), (NOW_MS + 2 * DAY_MS, 2)).journals["c"]

    assert (len(kept), len(dropped)) == (2, 1)


@pytest.mark.parametrize("every", ["", "day"])
def test_so_many_values_of_one_counter_are_kept_apart_and_no_more(every: str) -> None:
    counter = Counter("c", "device", every, 0 if every else DAY_MS, 10)
    counts = Counts()
    for number in range(fraud_counts.VALUES_MAX):
        counted(counter, (NOW_MS + number * DAY_MS, 1), value=f"d{number}", counts=counts)
    kept = counts.periods if every else counts.journals
    assert len(kept) == fraud_counts.VALUES_MAX

    counted(counter, (NOW_MS + 9 * DAY_MS, 1), value="new", counts=counts)

    assert len(kept) == fraud_counts.VALUES_MAX
    assert fraud_counts.key_of(counter, "d0") not in kept, "it was quiet for longest"


def transfer(sender: str, at_ms: int) -> Event:
    payload = TransferReceived(f"t-{sender}", sender, "transit:t", "points", [])
    return Event(f"t-{sender}-{at_ms}", "m", at_ms, "accrue", "", {}, payload, at_ms)


def senders_at(at_ms: int, *transfers: Event) -> int:
    """How many senders a redemption counts."""
    notes: Notes = {}
    for event in transfers:
        fraud_senders.note_sender(SENDERS, event, notes)
    asked = Event("r", "m", at_ms, "shop", "", {}, RedemptionRequested("r", "voucher"), at_ms)
    return fraud_senders.senders(SENDERS, asked, notes)


def test_senders_count_for_less_than_the_time_before_and_after() -> None:
    for sign in (1, -1):
        assert senders_at(NOW_MS + sign * (DAY_MS - 1), transfer("a", NOW_MS)) == 1
        assert senders_at(NOW_MS + sign * DAY_MS, transfer("a", NOW_MS)) == 0


def test_a_sender_counts_from_the_latest_of_its_own_transfers() -> None:
    again = (transfer("a", NOW_MS + HOUR_MS), transfer("a", NOW_MS), transfer("b", NOW_MS))

    assert senders_at(NOW_MS + DAY_MS - 1, *again) == 2
    assert senders_at(NOW_MS + DAY_MS, *again) == 1, "b's only transfer is a day old"
    assert senders_at(NOW_MS + DAY_MS + HOUR_MS, *again) == 0


def members_told(*moments: tuple[str, int]) -> list[int]:
    """How many members a device's pool counts with each request, of a signal that allows none in a day."""
    pools = MemoryPools()
    found = []
    for member_id, at_ms in moments:
        request = PoolRequest(
            "r", "members:it:0", "take", 1, 0, [], member_id, "e", "p", at_ms, at_ms, terms=[DAY_MS]
        )  # fmt: skip
        answer = pool_signals.judge(pools, request)
        assert answer is not None
        found.append(answer.value)
    return found


@pytest.mark.parametrize("sign", [1, -1])
def test_members_count_together_within_less_than_the_time_whichever_comes_first(sign: int) -> None:
    assert members_told(("a", NOW_MS), ("b", NOW_MS + sign * (DAY_MS - 1))) == [1, 2]
    assert members_told(("a", NOW_MS), ("b", NOW_MS + sign * DAY_MS)) == [1, 1]


def earned(known: Notes, amount: int, limit: int, at_ms: int = 0, after: int = 0) -> tuple[int, int]:
    """(points of the day, points allowed) with so much more; more than five times the usual, or the limit, ends in a
    quarantine of a day."""
    day_ms = at_ms // DAY_MS * DAY_MS
    terms = [day_ms, 5 if after else 0, 0, after, DAY_MS]
    request = PoolRequest(
        "r", "partner:it:air", "take", amount, limit, [], "m", "e", "p", at_ms, at_ms, terms=terms
    )  # fmt: skip
    return pool_partners.count(known, request)


def test_a_partners_day_may_come_to_its_limit_exactly() -> None:
    known: Notes = {}
    assert earned(known, 100, 100) == (100, 100)
    assert pool_partners.quarantined_until(known) == 0

    assert earned(known, 1, 100) == (101, 100), "what passed at the limit has counted"
    assert pool_partners.quarantined_until(known) == DAY_MS


def test_a_partner_is_judged_from_the_first_day_on_which_enough_are_known() -> None:
    known: Notes = {}
    for day in range(3):
        earned(known, 20, 0, day * DAY_MS, after=3)

    assert earned(known, 101, 0, 3 * DAY_MS, after=3) == (101, 100)


def test_a_partner_is_under_quarantine_until_it_ends() -> None:
    known: Notes = {}
    pool_partners.quarantine(known, DAY_MS)

    assert earned(known, 1, 100, DAY_MS - 1) == (1, 0)
    assert earned(known, 1, 100, DAY_MS) == (1, 100)


def test_of_two_positions_of_one_time_the_later_record_counts() -> None:
    travel = Signal("it", "travel", "allow", True, "", "", 900, 0, Counter("", "member", "", 0, 0), "so")
    bench = Together(travel)
    for event_id, lat in (("e1", "52.52"), ("e2", "48.85")):
        bench.tell(event_id, "m", TransactionCompleted(event_id, 100, "EUR"), lat=lat, lon="13.40")
    bench.later(HOUR_MS // 6)
    bench.tell("e3", "m", TransactionCompleted("e3", 100, "EUR"), lat="48.86", lon="13.40")

    assert [alert.event_id for alert in bench.alerts()] == ["e2"]
