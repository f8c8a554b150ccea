"""`schemas check`: the committed schemas pass, and each rule refuses what breaks it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.wire.codegen.files import SCHEMAS
from pipeline.wire.schema_checks import accept, check, history
from pipeline.wire.topics import Topics

TOPICS = Topics.load()
PURCHASE = "accrue.events.TransactionCompleted"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the schemas and their history."""
    return Path(shutil.copytree(SCHEMAS, tmp_path / "schemas"))


def edit(
    folder: Path, change: Callable[[dict[str, Any]], object], path: str = "events/transaction_completed.avsc"
) -> None:
    schema = json.loads((folder / path).read_text())
    change(schema)
    (folder / path).write_text(json.dumps(schema))


def field(schema: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in schema["fields"] if entry["name"] == name)
    return found


def test_the_committed_schemas_pass() -> None:
    assert check(SCHEMAS, TOPICS) == []


ADDED = {"name": "added", "type": "string", "default": "", "doc": "Added."}

BROKEN: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a header field less": (lambda s: s["fields"].pop(4), "an event begins with the header"),
    "a header field retyped": (lambda s: field(s, "source").update(type="bytes"), "an event begins with the header"),
    "a header in another order": (
        lambda s: s["fields"].insert(0, s["fields"].pop(1)),
        "an event begins with the header",
    ),
    "a header field with another default": (
        lambda s: field(s, "traceparent").update(default="-"),
        "begins with the header",
    ),
    "no documentation": (lambda s: field(s, "order_id").pop("doc"), "TransactionCompleted.order_id: doc is missing"),
    "no documentation of the record": (lambda s: s.pop("doc"), "TransactionCompleted: doc is missing"),
    "no documentation in a line": (
        lambda s: field(s, "lines")["type"]["items"]["fields"][0].pop("doc"),
        r"TransactionCompleted.lines\[\].line_id: doc is missing",
    ),
    "a union": (
        lambda s: field(s, "country").update(type=["null", "string"]),
        "TransactionCompleted.country: union of",
    ),
    "a double": (
        lambda s: field(s, "amount_minor").update(type="double"),
        "TransactionCompleted.amount_minor: double is not",
    ),
    "a default of another type": (lambda s: field(s, "country").update(default=7), "field country: default 7 is none"),
    "an alias": (lambda s: field(s, "country").update(aliases=["land"]), "aliases are not resolved"),
    "another name": (lambda s: s.update(name="PurchaseCompleted"), "call the file purchase_completed.avsc"),
    "a namespace without a topic": (
        lambda s: s.update(namespace="elsewhere"),
        "no topic in topics.yaml carries elsewhere",
    ),
    "recursion": (
        lambda s: s["fields"].append({"name": "parent", "type": "TransactionCompleted", "doc": "d"}),
        "contains itself",
    ),
    "items without bytes": (
        lambda s: field(s, "lines")["type"].update(items="null"),
        "its items take no bytes",
    ),
    "a required field more": (
        lambda s: s["fields"].append({"name": "added", "type": "string", "doc": "Added."}),
        "version 1 of the history: it cannot read what the earlier version wrote: TransactionCompleted.added",
    ),
    "a required field less": (
        lambda s: s["fields"].remove(field(s, "order_id")),
        "version 1 of the history: the earlier version cannot read what it writes: TransactionCompleted.order_id",
    ),
    "an optional field more": (lambda s: s["fields"].append(ADDED), "the history does not have this version: run"),
}


@pytest.mark.parametrize(("change", "fault"), BROKEN.values(), ids=BROKEN)
def test_what_breaks_a_rule_is_refused_with_file_and_place(
    folder: Path, change: Callable[[dict[str, Any]], object], fault: str
) -> None:
    edit(folder, change)

    found = check(folder, TOPICS)

    with pytest.raises(AssertionError, match=rf"schemas/events/transaction_completed\.avsc: .*{fault}"):
        raise AssertionError("\n".join(found))


def test_an_enum_without_a_default_symbol_is_refused(folder: Path) -> None:
    edit(folder, lambda s: field(s, "kind")["type"].pop("default"), "outputs/ledger_entry.avsc")

    assert any("LedgerEntry.kind" in fault and "has no default symbol" in fault for fault in check(folder, TOPICS))


def test_all_faults_are_told_at_once(folder: Path) -> None:
    edit(folder, lambda s: field(s, "country").update(doc=""))
    edit(folder, lambda s: s.pop("doc"), "control/tick.avsc")

    assert len(check(folder, TOPICS)) == 2


def test_a_file_that_is_no_schema_is_named(folder: Path) -> None:
    (folder / "events" / "transaction_completed.avsc").write_text("{")

    assert check(folder, TOPICS)[0].startswith(
        "schemas/events/transaction_completed.avsc: the schema is not valid JSON"
    )


def test_a_folder_without_schemas_is_told(tmp_path: Path) -> None:
    assert "there are no schemas" in check(tmp_path, TOPICS)[0]


def test_a_schema_may_not_vanish(folder: Path) -> None:
    (folder / "events" / "transaction_completed.avsc").unlink()

    assert any(
        fault.startswith(f"{PURCHASE} is in the history and has no schema any more") for fault in check(folder, TOPICS)
    )


def test_a_topic_may_not_name_a_record_that_is_not_there(folder: Path) -> None:
    (folder / "outputs" / "tier_change.avsc").unlink()

    assert "topics.yaml: topics.tier-changes.records: there is no schema accrue.tiers.TierChange" in check(
        folder, TOPICS
    )


def test_a_compatible_change_is_accepted_once(folder: Path) -> None:
    edit(folder, lambda s: s["fields"].append(ADDED))
    before = history(folder, PURCHASE)

    assert accept(folder) == [PURCHASE]

    assert history(folder, PURCHASE)[:-1] == before
    assert check(folder, TOPICS) == []
    assert accept(folder) == []


def test_an_incompatible_change_is_never_accepted(folder: Path) -> None:
    before = history(folder, PURCHASE)
    edit(folder, lambda s: s["fields"].append({"name": "added", "type": "string", "doc": "Added."}))

    assert accept(folder) == []
    assert history(folder, PURCHASE) == before


def test_a_change_is_held_against_every_earlier_version(folder: Path) -> None:
    """Compatible with the version before, but not with the one before that."""
    edit(folder, lambda s: s["fields"].append(ADDED))
    accept(folder)
    edit(folder, lambda s: s["fields"].pop())
    accept(folder)

    edit(folder, lambda s: s["fields"].append({**ADDED, "type": "long", "default": 0}))

    assert any(
        "version 3 of the history" in fault and "TransactionCompleted.added" in fault for fault in check(folder, TOPICS)
    )


def test_documentation_may_change_freely(folder: Path) -> None:
    edit(folder, lambda s: s.update(doc="Said better."))

    assert check(folder, TOPICS) == []
