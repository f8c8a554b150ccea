"""Files of purchases become events: columns found, rows read exactly, bad rows named, order fixed."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline.core.events import Event
from pipeline.core.payloads import MemberEnrolled, TransactionCompleted
from pipeline.history.columns import ColumnError, find_columns
from pipeline.history.purchases import DAY_MS, BadRowError, Reading, events, read_purchases, shift_days
from pipeline.history.tables import TableError

UTC = ZoneInfo("UTC")
START_1997_MS = 852_076_800_000


def read(tmp_path: Path, text: str, *, zone: ZoneInfo = UTC, **chosen: str) -> Reading:
    path = tmp_path / "purchases"
    path.write_text(text)
    return read_purchases(path, chosen, "USD", zone)


FORMATS = {
    "whitespace": " customer_id  date number_of_cds  dollar_value\n 00001 19970101  1   11.77\n\n"
    " 00002 19970112  5   77.00\n",
    "csv": 'customer_id,date,number_of_cds,dollar_value\n00001,1997-01-01,1,11.77\n"00002",1997-01-12,5,"77.00"\n',
    "tsv": "customer_id\tdate\tnumber_of_cds\tdollar_value\n00001\t19970101\t1\t11.77\n00002\t19970112\t5\t77.00\n",
    "semicolons": "\ufeffDate;Dollar Value;Customer-ID;number_of_cds\n19970101;11.77;00001;1\n19970112;77.00;00002;5\n",
}


@pytest.mark.parametrize("text", FORMATS.values(), ids=FORMATS)
def test_every_format_and_order_of_columns_is_read(tmp_path: Path, text: str) -> None:
    reading = read(tmp_path, text)

    assert not reading.bad_rows
    assert [(p.member_id, p.amount_minor, p.currency) for p in reading.purchases] == [
        ("00001", 1177, "USD"),
        ("00002", 7700, "USD"),
    ]
    assert reading.purchases[0].attributes == (("number_of_cds", "1"),)
    assert START_1997_MS <= reading.purchases[0].occurred_at_ms < START_1997_MS + DAY_MS


def test_columns_can_be_named_by_hand_over_the_usual_names() -> None:
    columns = find_columns(["who", "value", "date", "net"], {"member_id": "who", "amount": "net"})

    assert columns.fields == {"member_id": 0, "amount": 3, "date": 2}
    assert columns.others == (("value", 1),)


@pytest.mark.parametrize(
    ("header", "chosen", "why"),
    [
        (
            ["who", "date", "amount"],
            {},
            "no column for member_id among who, date, amount: name it with --map member_id=",
        ),
        (["member_id", "date", "amount", "total"], {}, "amount could be 'amount' and 'total': settle it with --map"),
        (["member_id", "date", "amount"], {"price": "amount"}, "no such field: choose from member_id"),
        (["member_id", "date", "amount"], {"amount": "net"}, "no column 'net', only member_id, date, amount"),
        (["member_id", "Member ID", "date", "amount"], {}, "two columns 'member_id': rename one"),
    ],
)
def test_columns_that_cannot_be_told_are_refused(header: list[str], chosen: dict[str, str], why: str) -> None:
    with pytest.raises(ColumnError, match=why):
        find_columns(header, chosen)


GOOD = "m1,2024-02-29,9.99"


@pytest.mark.parametrize(
    ("row", "field", "value", "remedy"),
    [
        ("m1,2024-02-30,9.99", "date", "2024-02-30", "YYYYMMDD or ISO 8601"),
        ("m1,31/01/2024,9.99", "date", "31/01/2024", "YYYYMMDD or ISO 8601"),
        ("m1,2024-02-29,9.999", "amount", "9.999", "more decimals than the 2 of USD"),
        ("m1,2024-02-29,-1", "amount", "-1", "is negative"),
        ("m1,2024-02-29,ten", "amount", "ten", "is no number"),
        (",2024-02-29,9.99", "member_id", "", "missing_field: member_id is empty"),
        ("a|b,2024-02-29,9.99", "member_id", "a|b", "malformed: send it without '|'"),
        ("m1,2024-02-29,10000000001", "amount", "10000000001", "more than 1000000000000 minor units"),
        ("m1,2024-02-29", "row", "m1 2024-02-29", "has 2 columns where the header has 3"),
    ],
)
def test_a_bad_row_names_line_field_value_and_remedy(
    tmp_path: Path, row: str, field: str, value: str, remedy: str
) -> None:
    reading = read(tmp_path, f"member_id,date,amount\n{GOOD}\n\n{row}\n{GOOD}\n")

    assert len(reading.purchases) == 2
    (bad,) = reading.bad_rows
    assert (bad.line, bad.field, bad.value) == (4, field, value)
    assert remedy in bad.remedy
    assert str(bad).startswith(f"line 4: {field} {value!r}")


def test_a_bad_currency_or_country_is_a_bad_row(tmp_path: Path) -> None:
    rows = ["m1,2024-02-29,5,usd,SE", "m1,2024-02-29,5,USD,Sweden", "m1,2024-02-29,500,JPY,"]

    reading = read(tmp_path, "\n".join(["member_id,date,amount,currency,country", *rows]))

    assert [bad.field for bad in reading.bad_rows] == ["currency", "country"]
    assert [(p.amount_minor, p.currency) for p in reading.purchases] == [(500, "JPY")]


def test_reading_stops_where_the_callback_raises(tmp_path: Path) -> None:
    path = tmp_path / "purchases.csv"
    path.write_text("member_id,date,amount\nm1,someday,1\n")

    def stop(bad: BadRowError) -> None:
        raise bad

    with pytest.raises(BadRowError, match="line 2: date 'someday'"):
        read_purchases(path, {}, "USD", UTC, stop)


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "is empty"), (b"caf\xe9,date\n", "is not UTF-8"), (b'member_id,date,amount\n"m1,2024-01-01,1\n', "quotes")],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "purchases.csv"
    path.write_bytes(content)

    with pytest.raises(TableError, match=why):
        read_purchases(path, {}, "USD", UTC)


def test_times_count_in_the_zone_and_a_time_with_a_zone_stands(tmp_path: Path) -> None:
    text = "member_id,date,amount\nm1,2024-03-10,1\nm2,2024-03-10T12:00:00,1\nm3,2024-03-10T12:00:00+02:00,1\n"

    by_member = {
        p.member_id: p.occurred_at_ms for p in read(tmp_path, text, zone=ZoneInfo("America/New_York")).purchases
    }

    midnight_ms = 1_710_046_800_000  # 2024-03-10T05:00:00Z, a day of 23 hours there
    assert midnight_ms + 1_000 <= by_member["m1"] < midnight_ms + 23 * 3_600_000
    assert by_member["m2"] == 1_710_086_400_000  # noon after the change: 16:00Z
    assert by_member["m3"] == 1_710_064_800_000


def test_ids_and_times_depend_on_row_and_content_alone(tmp_path: Path) -> None:
    text = "member_id,date,amount\n" + "m1,2024-01-01,5.00\n" * 3

    first, again = read(tmp_path, text), read(tmp_path, text)

    assert first == again
    assert len({p.event_id for p in first.purchases}) == 3, "equal rows are purchases of their own"
    assert len({p.occurred_at_ms for p in first.purchases}) == 3


def listed(reading: Reading, days: int = 0) -> list[Event]:
    return list(events(reading.purchases, "test", days))


def test_events_are_in_order_with_each_enrolment_a_second_before_the_first_purchase(tmp_path: Path) -> None:
    rows = "".join(f"m{n % 7},2024-01-{1 + n * 5 % 28:02},{n}.00\n" for n in range(60))

    made = listed(read(tmp_path, "member_id,date,amount\n" + rows))

    assert [e.recorded_at_ms for e in made] == sorted(e.occurred_at_ms for e in made)
    assert len({e.event_id for e in made}) == len(made) == 67
    for member in range(7):
        own = [e for e in made if e.member_id == f"m{member}"]
        assert [type(e.payload) for e in own].count(MemberEnrolled) == 1
        assert isinstance(own[0].payload, MemberEnrolled)
        assert own[1].occurred_at_ms - own[0].occurred_at_ms == 1_000


def test_order_and_shop_columns_reach_the_event(tmp_path: Path) -> None:
    text = "member_id,date,amount,order_id,channel,store,country,gift\nm1,2024-01-01,5.00,o-1,web,s-9,SE,yes\n"

    enrolled, bought = listed(read(tmp_path, text))

    assert enrolled.payload == MemberEnrolled("SE", "", "")
    assert bought.payload == TransactionCompleted("o-1", 500, "USD", "web", "s-9", "SE", [])
    assert bought.attributes == {"gift": "yes"}
    assert bought.source == "test"


@pytest.mark.parametrize("beyond_ms", [0, 1, DAY_MS - 1, DAY_MS, 400 * DAY_MS + 5, -3 * DAY_MS])
def test_a_shift_is_whole_days_and_ends_just_before_the_target(tmp_path: Path, beyond_ms: int) -> None:
    reading = read(tmp_path, "member_id,date,amount\nm1,2024-01-01,5.00\nm1,2024-01-05,5.00\n")
    target_ms = reading.purchases[-1].occurred_at_ms + beyond_ms

    days = shift_days(reading.purchases, target_ms)

    shifted = listed(reading, days)
    assert target_ms - DAY_MS <= shifted[-1].occurred_at_ms < target_ms
    assert shifted[-1].occurred_at_ms - reading.purchases[-1].occurred_at_ms == days * DAY_MS
