"""The JSON Schema of examples: it takes those of the samples, and judges in one place as the checker does."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "program"))

from json_schema_judge import accepts, loaded, resolved

from pipeline.examples.json_schema import examples_schema
from pipeline.examples.read_events import TYPES

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = sorted((ROOT / "programs").glob("*/examples/*.yaml"))

EXAMPLE = """\
history:
  - {on: member_enrolled, at: 2026-03-02T09:00, data: {country: US, birth_date: 1990-05-03}}
codes: {lounge: 2}
examples:
  - name: all there is to say
    history:
      - {on: onboarding_completed, after: 1d, member: ann, id: e-1, source: crm, attributes: {shop: 7}}
    event:
      on: transaction_completed
      after: 2 days
      recorded_at: 2026-03-05T10:00Z
      data: {amount_minor: 120, lines: [{line_id: 1, sku: tea, quantity: 2, amount_minor: 120}]}
    until: 14d
    expect:
      refused: member_not_enrolled
      errors: [broken]
      awards: {base: 1}
      shadow: {}
      limited: {base: "limit:points/month", more: {wanted: 5, by: cooldown}}
      balances: {points: {available: 2, pending: 0, held: 0, debt: 0}}
      tier: none
      members: {ann: {tier: gold, balances: {points: {available: 1}}}}
"""


def schema() -> dict[str, Any]:
    document = json.loads(examples_schema())
    found = resolved(document, document)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: "/".join((path.parts[-3], path.name)))
def test_the_examples_of_the_samples_are_valid(path: Path) -> None:
    assert accepts(schema(), loaded(path.read_text("utf-8")))


def test_every_key_is_taken() -> None:
    assert accepts(schema(), loaded(EXAMPLE))


def test_every_type_of_event_has_its_own_fields() -> None:
    events = schema()["properties"]["history"]["items"]

    assert [each["if"]["properties"]["on"]["const"] for each in events["allOf"]] == list(TYPES)


WRONG = {
    "a misspelt key of the file": ("history:", "histori:"),
    "a misspelt key of an example": ("until:", "untill:"),
    "a misspelt key of an event": ("after: 2 days", "aftr: 2 days"),
    "a type that is none": ("on: transaction_completed", "on: transaction"),
    "a field of another type": ("data: {amount_minor: 120,", "data: {flow: app,"),
    "a text for a number": ("amount_minor: 120,", "amount_minor: much,"),
    "two times": ("after: 2 days", "after: 2 days\n      at: 2026-03-05T10:00"),
    "a misspelt reason": ("refused: member_not_enrolled", "refused: member_unknown"),
    "a pool without codes": ("codes: {lounge: 2}", "codes: {lounge: 0}"),
    "points below one": ("awards: {base: 1}", "awards: {base: 0}"),
    "another account": ("debt: 0", "owed: 0"),
    "no length": ("after: 1d", "after: soon"),
    "nothing that happens": ("event:", "history:"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused(name: str) -> None:
    right, wrong = WRONG[name]
    assert EXAMPLE.count(right) >= 1

    assert not accepts(schema(), loaded(EXAMPLE.replace(right, wrong, 1)))
