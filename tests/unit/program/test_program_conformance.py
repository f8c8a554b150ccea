"""CEL's own conformance rows through the generated Python, where they are at hand."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from cel_expr_python import cel

from pipeline.core.program import Match
from pipeline.program.cel_python import Condition, generate, load
from pipeline.program.cel_tree import read_tree
from pipeline.program.vocabulary import Term

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "vectors" / "cel_conformance.json"
TYPES = {"int": cel.Type.INT, "bool": cel.Type.BOOL, "string": cel.Type.STRING}


def rows() -> list[dict]:
    if not VECTORS.is_file():
        return []
    return [row for row in json.loads(VECTORS.read_text("utf-8"))["rows"] if row["core"]]


def match_of(row: dict) -> Match:
    """A rule without condition whose value is the row's expression, over the row's bindings."""
    bindings = row.get("bindings", {})
    environment = cel.NewEnv(variables={name: TYPES[bound["type"]] for name, bound in bindings.items()})
    tree = read_tree(environment.compile(row["expr"]).serialize(), frozenset(bindings))
    known = {name: Term(name, bound["type"], f"payload.{name}", "") for name, bound in bindings.items()}
    return load(generate([Condition(0, None, tree)], known), "vectors", "points", "")


@pytest.mark.skipif(not VECTORS.is_file(), reason="the CEL conformance rows are not beside this checkout")
@pytest.mark.parametrize("row", rows(), ids=lambda row: row["id"])
def test_generated_python_conforms(row: dict) -> None:
    values = {name: bound["value"] for name, bound in row.get("bindings", {}).items()}
    errors: list[tuple[int, str]] = []

    found = match_of(row)(None, SimpleNamespace(**values), None, errors)  # type: ignore[arg-type]

    if "expect_error" in row:
        assert found == [] and len(errors) == 1
    else:
        expected = row["expect"]["value"]
        assert found == [(0, expected)] and errors == []
        assert type(found[0][1]) is type(expected)
