"""The JSON Schemas for editors are those committed, take the sample programmes, and judge as the checker does."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from json_schema_judge import accepts, loaded
from program_texts import SOUND, problems

from pipeline.cli.main import cli
from pipeline.examples.json_schema import NAME, examples_schema
from pipeline.program.grammar import GRAMMAR
from pipeline.program.json_schema import schema_files, schema_of
from pipeline.program.shapes import (
    Choice,
    Fields,
    Flag,
    Items,
    Length,
    Name,
    Named,
    OneOrMany,
    Shape,
    ShortOrFields,
    Whole,
)

ROOT = Path(__file__).resolve().parents[3]
COMMITTED = ROOT / "schemas" / "programs"
SAMPLES = [path for path in sorted((ROOT / "programs").rglob("*.yaml")) if "examples" not in path.parts]

FULL: dict[str, str] = {
    "program.yaml": """\
program: corner-shop
zone: Europe/Berlin
enrolment: required
currencies:
  USD: {2026-01-01: 0.92}
  EUR: {}
conversion: {base: EUR, rounding: half_even}
units:
  points: {expires: {after: 12mo, end_of: month}, rounding: floor}
  miles: {expires: {sliding: 12mo, by: earning}}
refunds: {clawback: unlimited, points_paid: kept}
referrals: {minimum_minor: 1000, within: 90d}
transfers: {units: [points], minimum: 5, expiry: renewed, limit: {per_member: {points: 100, every: week}}}
stacking:
  groups: {best-deal: {choose: best}}
  maximum_per_event: {points: 500}
""",
    "tiers.yaml": """\
qualification: {by: spend, unit: points, currency: EUR, period: rolling_months, months: 12}
upgrade: next_period
keep: 6
downgrade: one_down
grace: 30d
on_refund: recompute
"""
    + SOUND["tiers.yaml"],
    "rewards.yaml": """\
rewards:
  - {id: spare, price: 5, gives: {unit: miles, points: 3}}
  - {id: tea, price: 5, unit: miles, provider: acme, tiers: [silver], limit: {per_member: {count: 1, every: day}},
     confirm: required, timeout: 2d, stock: 500}
  - {id: film, price: 9, codes: cinema}
""",
    "partners.yaml": """\
partners:
  - id: acme
    address: https://api.acme.example/v1
    credentials: {env: ACME_TOKEN, header: X-Api-Key, prefix: Token}
    signing: {file: /run/secrets/acme}
    timeout: 10s
    retries: [0s, 5min]
    asks: [5s, 1h]
    acts_within: 2min
    idempotent: true
    breaker: {failures: 3, pause: 1min, probes: 2}
    concurrency: 4
    rate: 20
    fulfil:
      method: PUT
      path: "/orders/{fulfillment_id}"
      headers: {Idempotency-Key: "{fulfillment_id}"}
      body: {/sku: "{item}"}
      answers: [{means: confirmed, status: [200], where: {/state: done}}]
      reference: /id
      quantity: /given
    ask: {path: "/orders/{fulfillment_id}"}
    cancel: {path: "/orders/{fulfillment_id}", method: DELETE}
    callback:
      signing: {env: ACME_CALLBACKS}
      fulfillment_id: /order/key
      answers: [{means: failed, where: {/state: gone}}]
      reference: /order/id
      quantity: /given
    fallback: [{provider: other}, {reward: spare}]
    items: {tea: SKU-1}
    settlement: {currency: EUR, redeemed_minor: 700, issued_minor: 900}
  - {id: other, address: "http://127.0.0.1:8000", idempotent: true, fulfil: {path: /give}}
""",
    "notifications.yaml": """\
{languages: [en], sender: "Shop <points@shop.example>", quiet: "22:00-08:00", messages: [
  {id: earned, on: points_earned, channel: email, text: {en: {title: "{{ points }}", body: "{{ balance|number }}"}}}]}
""",
    "campaigns.yaml": """\
campaigns:
  - id: summer
    during: {from: 2026-06-01, until: 2026-08-31, weekdays: [mon, tue], hours: ["17:00-19:00"]}
    limit: {per_member: {count: 3, every: {rolling: 30d}}}
    budget: {points: 100000, every: month}
  - id: winter
    budget: {count: 20}
""",
    "events.yaml": """\
events:
  - name: quiz
    attributes: {score: int, topic: text}
    optional: [topic]
""",
    "fraud.yaml": """\
signals:
  - id: devices
    velocity: {of: events, on: [transaction_completed], at_most: 5, within: 1h, by: device}
    action: deny
    mode: shadow
  - id: earned
    velocity: {of: earned, at_most: 500, every: month, unit: miles}
    action: clip
  - id: capped
    spending: {points: 2, per: 100, every: month, unit: points}
    action: clip
  - id: spree
    history: {of: earned, times: 50, deviations: 10, at_least: 500, after: 5, unit: points}
    action: review
  - {id: travel, travel: {faster_than_km_h: 900}, action: review}
  - {id: countries, countries: {deny: [KP]}, action: deny}
  - {id: by-device, members: {by: device, at_most: 4, within: 30d}, action: review}
  - {id: loop, ring: {up_to: 6}, action: deny}
  - {id: fan-in, senders: {at_most: 5, within: 7d}, action: freeze}
  - {id: odd, unusual: {of: place, after: 9}, action: allow}
  - {id: taken, takeover: {within: 1d}, action: freeze}
attributes:
  {device: device_id, address: home, partner: partner_id, place: shop, country: land, latitude: lat, longitude: lon}
review: {timeout: 7d, default: approve, four_eyes_points: 5000}
""",
    "rules.yaml": """\
rules:
  - id: purchase
    on: transaction_completed
    when: event.amount_minor > 5
    first_only: false
    unless_rewarded_within: {window: 3d, by: any}
    limit: [{per_member: {points: 5, every: day}}]
    award:
      points: {per: 100, of: event.amount_minor, rate: 0.5}
      unit: points
      pending: 14d
      expires: {after: 30d, end_of: month}
    tier_multiplies: true
    qualifies: true
    mode: live
    priority: 5
    group: best-deal
    during: {hours: "22:00-02:00"}
    campaign: summer
  - id: weekly
    on: transaction_completed
    award: {points: {of: event.amount_minor, rate: {bronze: 1, silver: 1.5, platinum: 2}}, expires: never}
    group: best-deal
    streak: {every: week, length: 4, grace: 1, award_at: each}
  - id: tenth
    on: transaction_completed
    award: {points: 10}
    achievement: {count: 10}
    funded_by: acme
""",
}
"""A sound programme in which every key stands at least once."""

Path_ = tuple[str | int, ...]


def schemas() -> dict[str, dict[str, Any]]:
    return {name: schema_of(fields) for name, fields in GRAMMAR.items()}


def written(value: Any) -> str:
    """A value in YAML's flow style, texts without quotes where they can stand so."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {written(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(written(each) for each in value) + "]"
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z0-9_./ -]+", value):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def places(shape: Shape, value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Shape, Any]]:
    """(path, shape, value) of everything in a value of a shape, itself first."""
    if isinstance(shape, OneOrMany):
        shape = Items(shape.item, shape.most) if isinstance(value, list) else shape.item
    elif isinstance(shape, ShortOrFields):
        shape = shape.fields if isinstance(value, dict) else shape.short
    yield path, shape, value
    if isinstance(shape, Fields):
        for name, each in value.items():
            yield from places(shape.keys[name].shape, each, (*path, name))
    elif isinstance(shape, Named):
        for name, each in value.items():
            yield from places(shape.item, each, (*path, name))
    elif isinstance(shape, Items):
        for index, each in enumerate(value):
            yield from places(shape.item, each, (*path, index))


def wrong(shape: Shape, value: Any) -> Iterator[Any]:
    """Values that do not belong where this one does."""
    match shape:
        case Fields(keys=keys, one_of=one_of):
            yield {**value, "nonsense": 1}
            yield "nonsense"
            yield from ({k: v for k, v in value.items() if k != name} for name, key in keys.items() if key.required)
            if one_of:
                yield {name: each for name, each in value.items() if name not in one_of}
        case Whole(minimum=minimum, maximum=maximum):
            yield from (minimum - 1, maximum + 1, "many", 2.5)
        case Choice() | Flag():
            yield from ("nonsense", 5)
        case Length():
            yield from ("soon", "5 parsecs", 30)
        case Name():
            yield from ("No Name", [])
        case Items(most=most):
            yield from ([], "nonsense")
            if most < 100:
                yield value * (most + 1)
        case Named(names=names):
            if names is None or not re.fullmatch(names.pattern, "No Name"):
                yield {"No Name": next(iter(value.values()), 1)}


def right(shape: Shape) -> Iterator[Any]:
    """Values that belong there as well."""
    if isinstance(shape, Whole):
        yield from (shape.minimum, shape.maximum)
    elif isinstance(shape, Choice):
        yield from shape.options
    elif isinstance(shape, Length):
        yield from ("36h", "2 weeks", *(("1y",) if shape.months else ()), *(("never",) if shape.never else ()))


def variants(kind: str) -> list[Any]:
    """(file, content) of every variant of the full programme's files with wrong or right values in one place."""
    found = []
    for file, text in FULL.items():
        document = loaded(text)
        for path, shape, value in places(GRAMMAR[file], document, ("",)):
            for number, other in enumerate(wrong(shape, value) if kind == "wrong" else right(shape)):
                changed = {"": copy.deepcopy(document)}
                target: Any = changed
                for step in path[:-1]:
                    target = target[step]
                target[path[-1]] = other
                name = f"{file}:{'.'.join(map(str, path))}-{number}"
                found.append(pytest.param(file, changed[""], id=name))
    return found


def every_schema() -> dict[str, str]:
    return {**schema_files(), NAME: examples_schema()}


def test_the_committed_schemas_are_current() -> None:
    committed = {path.name: path.read_text("utf-8") for path in COMMITTED.iterdir()}

    assert committed == every_schema(), "run `accrue program schema --out schemas/programs`"


def test_the_command_writes_them(tmp_path: Path) -> None:
    written_out = CliRunner().invoke(cli, ["program", "schema", "--out", str(tmp_path / "new")])
    printed = CliRunner().invoke(cli, ["program", "schema"])

    assert written_out.exit_code == printed.exit_code == 0
    assert {path.name: path.read_text("utf-8") for path in (tmp_path / "new").iterdir()} == every_schema()
    assert json.loads(printed.stdout) == {name: json.loads(text) for name, text in every_schema().items()}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: "/".join(path.parts[-2:]))
def test_the_sample_programmes_are_valid(path: Path) -> None:
    name = "rules.yaml" if path.parent.name == "rules" else path.name

    assert accepts(schemas()[name], loaded(path.read_text("utf-8")))


def test_the_full_programme_has_every_key_and_is_sound() -> None:
    def keys(shape: Shape) -> Iterator[int]:
        match shape:
            case Fields(keys=held):
                for key in held.values():
                    yield id(key)
                    yield from keys(key.shape)
            case Items(item=item) | Named(item=item) | OneOrMany(item=item):
                yield from keys(item)
            case ShortOrFields(fields=fields):
                yield from keys(fields)

    described = {key for fields in GRAMMAR.values() for key in keys(fields)}
    used = {
        id(shape.keys[name])
        for file, text in FULL.items()
        for _path, shape, value in places(GRAMMAR[file], loaded(text))
        if isinstance(shape, Fields)
        for name in value
    }

    assert [problem for problem in problems(FULL) if ": error: " in problem] == []
    assert used == described


@pytest.mark.parametrize(("file", "content"), variants("wrong"))
def test_what_is_wrong_in_one_place_is_refused_by_schema_and_checker(file: str, content: Any) -> None:
    assert not accepts(schemas()[file], content)
    assert any(": error: " in problem for problem in problems({**FULL, file: written(content) + "\n"}))


@pytest.mark.parametrize(("file", "content"), variants("right"))
def test_what_is_right_in_its_place_is_taken_by_schema_and_checker(file: str, content: Any) -> None:
    """As far as the place itself goes: a tier's threshold may be right and yet below that of the tier before."""
    assert accepts(schemas()[file], content)
    found = problems({**FULL, file: written(content) + "\n"})
    assert not any(re.search(r"must be|cannot be|is not a|could be", problem.split("\n")[0]) for problem in found
                   if "must have threshold 0" not in problem), found  # fmt: skip


def test_a_line_for_the_editor_is_only_a_comment() -> None:
    line = "# yaml-language-server: $schema=../../schemas/programs/tiers.schema.json\n"

    assert problems({"tiers.yaml": line + SOUND["tiers.yaml"]}) == []
    assert all((path.read_text().startswith("# yaml-language-server: $schema=")) for path in SAMPLES)
    for path in SAMPLES:
        named = path.read_text().split("\n", 1)[0].split("$schema=")[1]
        assert (path.parent / named).resolve().is_file(), f"{path} names {named}"
