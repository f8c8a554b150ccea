"""`accrue schemas` and `accrue topics docs` say what is wrong and change only what they are asked to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli.main import cli
from pipeline.wire.codegen.files import SCHEMAS


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, env={"ACCRUE_REGISTRY_URL": ""})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SCHEMAS, tmp_path / "schemas"))


def add_field(folder: Path, **more: object) -> None:
    path = folder / "control" / "tick.avsc"
    schema = json.loads(path.read_text())
    schema["fields"].append({"name": "added", "type": "string", "doc": "Added.", **more})
    path.write_text(json.dumps(schema))


def test_the_committed_schemas_and_documents_are_sound() -> None:
    assert run("schemas", "check").stdout == "The schemas are sound, and compatible with every earlier version.\n"
    assert json.loads(run("schemas", "check", "--json").stdout) == {"accepted": [], "faults": []}
    assert run("schemas", "generate").stdout == ""
    assert run("topics", "docs", "--check").exit_code == 0


def test_a_change_is_refused_until_it_is_accepted(folder: Path) -> None:
    add_field(folder, default="")

    refused = run("schemas", "check", "--folder", str(folder))
    accepted = run("schemas", "check", "--folder", str(folder), "--accept")

    assert refused.exit_code == 1
    assert "schemas/control/tick.avsc: the history does not have this version" in refused.stderr
    assert accepted.stdout.splitlines()[0] == "accepted accrue.control.Tick"
    assert run("schemas", "check", "--folder", str(folder)).exit_code == 0


def test_an_incompatible_change_is_refused_for_machines_too(folder: Path) -> None:
    add_field(folder)

    result = run("schemas", "check", "--folder", str(folder), "--accept", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["accepted"] == []
    assert "Tick.added: the writer lacks it and it has no default" in json.loads(result.stdout)["faults"][0]


def test_a_document_that_is_not_current_is_told_and_written(tmp_path: Path) -> None:
    path = tmp_path / "topics.md"
    path.write_text("old")

    assert run("topics", "docs", "--check", "--file", str(path)).exit_code == 1
    assert path.read_text() == "old"
    assert run("topics", "docs", "--file", str(path)).stdout == f"{path}\n"
    assert run("topics", "docs", "--check", "--file", str(path)).exit_code == 0


def test_registering_without_a_registry_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    result = run("schemas", "register")

    assert result.exit_code == 1
    assert "ACCRUE_REGISTRY_URL is not set: start the local stack with `accrue up`" in result.stderr
