"""Birthdays and anniversaries: once a year, for members nobody hears of too, whatever becomes of the birth date."""

from core_programs import HOUR_MS, Bench, Dead, Derived, FixedPrograms, moves, ms, program, rule, table

from pipeline.core.events import Event
from pipeline.core.payloads import (
    AnniversaryReached,
    BirthdayReached,
    MemberEnrolled,
    ProfileChanged,
    ProgramActivated,
    Tick,
)
from pipeline.core.program import Program
from pipeline.core.simulate import Simulation

RULES = {
    "birthday_reached": table(rule("cake", fixed=100)),
    "anniversary_reached": table((rule("years", fixed=50), lambda event, _: event.payload.years >= 2)),  # type: ignore[union-attr]
}


def club(birth_date: str, start: str = "2026-01-10T12:00:00", zone: str = "UTC") -> Bench:
    bench = Bench(program(RULES, zone=zone), start=start)
    bench.send("enrol", MemberEnrolled("", "", birth_date))
    return bench


def told(bench: Bench, kind: type = BirthdayReached) -> list[tuple[str, int]]:
    """What the log is told: (event id, when it occurred)."""
    events = [one.event for one in bench.of(Derived)]
    return [(event.event_id, event.occurred_at_ms) for event in events if isinstance(event.payload, kind)]


def tick(bench: Bench, at: str) -> None:
    """A live tick, and the relay."""
    mark = bench.out.mark()
    while not bench.engine.tick("live", bench.at(at).now_ms, 10):
        pass
    for output in bench.out.journal[mark:]:
        if isinstance(output, Derived):
            event = output.event
            bench.apply(
                Event(
                    event.event_id,
                    event.member_id,
                    event.occurred_at_ms,
                    event.source,
                    "",
                    {},
                    event.payload,
                    bench.now_ms,
                )
            )


def test_a_birthday_is_rewarded_for_a_member_nobody_hears_of() -> None:
    bench = club("1990-05-03")

    tick(bench, "2026-05-03T00:14:59")
    assert told(bench) == []
    tick(bench, "2026-05-03T00:15:00")

    assert told(bench) == [("birthday_reached:2026", ms("2026-05-03"))]
    assert moves(bench.out.journal) == [("earn", 100, "issued", "available")]


def test_it_comes_once_a_year_each_year() -> None:
    bench = club("1990-05-03")
    for year in (2026, 2027, 2028):
        for day in ("05-03", "05-04", "11-30"):
            tick(bench, f"{year}-{day}T06:00:00")

    assert [event_id for event_id, _ in told(bench)] == [f"birthday_reached:{year}" for year in (2026, 2027, 2028)]
    assert sum(entry.amount for entry in bench.entries if entry.rule_id == "cake") == 300


def test_a_changed_birth_date_never_pays_twice_in_a_year() -> None:
    bench = club("1990-05-03")
    tick(bench, "2026-05-03T06:00:00")
    bench.send("p1", ProfileChanged("", "", "1990-08-08"))
    tick(bench, "2026-08-08T06:00:00")
    assert bench.balances()[0] == 100
    bench.send("p2", ProfileChanged("", "", "1990-12-31"))

    tick(bench, "2027-12-31T06:00:00")

    assert [at for _, at in told(bench)] == [ms("2026-05-03"), ms("2027-12-31")]


def test_a_changed_birth_date_moves_the_birthday_that_is_still_to_come() -> None:
    bench = club("1990-05-03")
    bench.send("p1", ProfileChanged("", "", "1990-03-01"))

    tick(bench, "2026-06-01T06:00:00")

    assert told(bench) == [("birthday_reached:2026", ms("2026-03-01"))]


def test_a_birthday_that_has_begun_when_it_becomes_known_comes_a_year_later() -> None:
    bench = club("1990-01-10")

    tick(bench, "2026-12-31T00:00:00")
    assert told(bench) == []
    tick(bench, "2027-01-10T00:15:00")
    assert told(bench) == [("birthday_reached:2027", ms("2027-01-10"))]


def test_29_february_is_28_february_in_years_without_one() -> None:
    bench = club("1988-02-29")
    for year in (2026, 2027, 2028, 2029):
        tick(bench, f"{year}-06-01T00:00:00")

    assert [at for _, at in told(bench)] == [ms("2026-02-28"), ms("2027-02-28"), ms("2028-02-29"), ms("2029-02-28")]


def test_a_birthday_begins_in_the_programmes_zone() -> None:
    bench = club("1990-05-03", zone="Pacific/Auckland")

    tick(bench, "2026-05-02T12:15:00")

    assert told(bench) == [("birthday_reached:2026", ms("2026-05-03T00:00:00+12:00"))]


def test_without_a_birth_date_there_is_no_birthday() -> None:
    bench = club("")

    tick(bench, "2030-01-01T00:00:00")

    assert told(bench) == []


def test_anniversaries_count_the_years_since_the_enrolment() -> None:
    bench = club("")
    for year in (2026, 2027, 2028):
        tick(bench, f"{year}-12-01T00:00:00")

    derived = [one.event.payload for one in bench.of(Derived)]
    assert derived == [AnniversaryReached(2027, 1), AnniversaryReached(2028, 2)]
    assert told(bench, AnniversaryReached)[0] == ("anniversary_reached:2027", ms("2027-01-10"))
    assert bench.balances()[0] == 50


def test_what_is_due_comes_before_the_members_next_record() -> None:
    bench = club("1990-05-03")
    outputs = bench.at("2026-05-03T00:00:00").buy("e1", 100)

    assert isinstance(outputs[0], Derived)


def test_members_are_scheduled_from_their_first_record_under_a_programme_with_such_rules() -> None:
    plain, festive = program({}, program_hash="a" * 64), program(RULES, program_hash="b" * 64)
    bench = Bench(plain, festive)
    bench.activate_next(ms("2026-02-01"))
    bench.send("enrol", MemberEnrolled("", "", "1990-05-03"))
    assert (bench.member().occasions, bench.member().next_due_ms) == ({}, 0)

    bench.at("2026-02-02T00:00:00").buy("e1", 100)
    tick(bench, "2026-05-04T00:00:00")

    assert told(bench) == [("birthday_reached:2026", ms("2026-05-03"))]


def test_a_programme_without_such_rules_says_nothing_and_a_later_one_goes_on() -> None:
    festive, plain = program(RULES, program_hash="a" * 64), program({}, program_hash="b" * 64)
    bench = Bench(festive, plain)
    bench.activate_next(ms("2026-02-01"))
    bench.send("enrol", MemberEnrolled("", "", "1990-05-03"))

    tick(bench, "2026-05-04T00:00:00")
    assert told(bench) == []
    bench.engine.activate(ProgramActivated("a" * 64, ms("2026-06-01"), "ada", ""), bench.now_ms)
    bench.at("2026-06-02T00:00:00").buy("e1", 100)
    tick(bench, "2027-05-04T00:00:00")
    assert told(bench) == [("birthday_reached:2027", ms("2027-05-03"))]


def test_only_the_pipeline_says_whose_birthday_it_is() -> None:
    bench = club("1990-05-03")

    (dead,) = bench.send("b1", BirthdayReached(2026), source="shop")

    assert isinstance(dead, Dead) and dead.reason == "reserved_type"
    assert "source is 'shop'" in dead.detail


def test_told_late_it_still_counts() -> None:
    """As after a worker's long absence: what the pipeline derives has no horizon."""
    bench = club("1990-05-03")

    tick(bench, "2027-04-01T00:00:00")

    assert bench.balances()[0] == 100


def simulated(tick_every_ms: int) -> dict[str, object]:
    start_ms = ms("2026-01-10T12:00:00")
    everything: Program = program(RULES)
    simulation = Simulation(FixedPrograms(everything))
    simulation.take_everywhere(start_ms, ProgramActivated("p" * 64, 0, "test", ""))
    enrolment = Event("e", "m", start_ms, "shop", "", {}, MemberEnrolled("", "", "1990-05-03"), start_ms)
    simulation.take(0, 0, start_ms, enrolment)
    for tick_ms in range(start_ms, ms("2028-06-01"), tick_every_ms):
        simulation.take_everywhere(tick_ms, Tick("import"))
    simulation.snapshot(ms("2028-06-01"))
    return simulation.result().to_json()


def test_ticks_too_many_do_no_harm() -> None:
    daily, seldom = simulated(24 * HOUR_MS), simulated(400 * 24 * HOUR_MS)

    assert daily["members"] == seldom["members"]
    assert len(daily["entries"]) == 4  # type: ignore[arg-type]
