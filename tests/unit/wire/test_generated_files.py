"""The committed generated files are what the generator writes, and the value classes behave as values."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from wire_samples import purchase

from pipeline.core.payloads import PAYLOAD_TYPES, RULE_FIELDS, TYPE_NAMES, CustomEvent, Line, MemberEnrolled
from pipeline.core.records import LedgerEntry
from pipeline.wire.avro import BadSchema
from pipeline.wire.codegen import files
from pipeline.wire.codegen.decoders import decoder_source
from pipeline.wire.codegen.sources import load
from pipeline.wire.codegen.values import payloads_source


def test_the_committed_files_are_what_the_generator_writes() -> None:
    assert files.stale() == [], "run `accrue schemas generate` and commit what it writes"


def test_generating_writes_only_what_is_not_current(tmp_path: Path) -> None:
    everything = files.write(files.SCHEMAS, tmp_path)
    assert len(everything) == len(files.generate())

    (tmp_path / everything[0]).write_text("edited by hand")

    assert files.stale(files.SCHEMAS, tmp_path) == [everything[0]]
    assert files.write(files.SCHEMAS, tmp_path) == [everything[0]]
    assert files.stale(files.SCHEMAS, tmp_path) == []


def test_types_have_names_and_rules_see_their_fields() -> None:
    assert TYPE_NAMES[PAYLOAD_TYPES["member_enrolled"]] == "member_enrolled"
    assert ("amount_minor", "int") in RULE_FIELDS["transaction_completed"]
    assert ("numbers", "map(string, int)") in RULE_FIELDS["custom_event"]
    assert [name for name, _type in RULE_FIELDS["transaction_completed"]].count("lines") == 0


def test_content_leaves_out_defaults_in_lines_too() -> None:
    full = purchase(lines=[Line("1", "coffee", "", 1, 500)], store_id="").payload.content()

    assert full == (
        "order_id=3:o-1;amount_minor=12550;currency=3:EUR;channel=5:store;country=2:DE;"
        "lines=(line_id=1:1;sku=6:coffee;amount_minor=500;);"
    )


def test_content_shows_maps_in_one_order() -> None:
    assert CustomEvent("n", {"b": 2, "a": -1}).content() == CustomEvent("n", {"a": -1, "b": 2}).content()
    assert CustomEvent("n", {"b": 2, "a": -1}).content() == "name=1:n;numbers=1:a=-1,1:b=2,;"


def test_values_are_equal_by_their_fields() -> None:
    one, other = MemberEnrolled("DE", "", ""), MemberEnrolled("DE", "", "")

    assert one == other
    assert hash(one) == hash(other)
    assert one != MemberEnrolled("FR", "", "")
    assert one != "MemberEnrolled"
    assert repr(one) == "MemberEnrolled(country='DE', segment='', birth_date='')"


def test_a_value_has_no_room_for_other_attributes() -> None:
    with pytest.raises(AttributeError):
        MemberEnrolled("DE", "", "").contry = "FR"  # type: ignore[attr-defined]


def test_tuples_hold_the_fields_in_schema_order() -> None:
    assert purchase().payload.to_tuple()[6] == (("1", "coffee", "food", 2, 12_550),)
    assert list(inspect.signature(LedgerEntry).parameters)[:3] == ["entry_id", "member_id", "seq"]


def source_folder(tmp_path: Path, fields: str) -> Path:
    (tmp_path / "events").mkdir()
    text = f'{{"type": "record", "name": "Gift", "namespace": "n", "doc": "A gift.", "fields": [{fields}]}}'
    (tmp_path / "events" / "gift.avsc").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("field", "fault"),
    [
        ('{"name": "a", "type": "double"}', "no value type for double"),
        ('{"name": "a", "type": ["null", "int"]}', "no value type for union"),
        ('{"name": "a", "type": {"type": "map", "values": "bytes"}}', "has no canonical form"),
    ],
)
def test_types_that_the_values_do_not_use_are_refused(tmp_path: Path, field: str, fault: str) -> None:
    with pytest.raises(BadSchema, match=fault):
        payloads_source(load(source_folder(tmp_path, field)))


@pytest.mark.parametrize("default", ['"x"', "1.5", "true", "null"])
def test_a_default_of_another_type_is_refused(tmp_path: Path, default: str) -> None:
    source = load(source_folder(tmp_path, f'{{"name": "a", "type": "long", "default": {default}}}'))[0]
    empty = load(source_folder(tmp_path / "empty", "") if (tmp_path / "empty").mkdir() is None else tmp_path)[0]

    with pytest.raises(BadSchema, match=r"field a: default .* is none for long"):
        decoder_source("decode", empty.record, source.record, "outputs")
