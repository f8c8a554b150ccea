"""The JSON Schemas for editors are those committed, take the sample programmes, and judge as the checker does."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from full_programme import FULL
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
