"""The `accrue` command as a whole: quick help, every command there, errors as one line."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from pipeline.cli.errors import known_error
from pipeline.cli.main import COMMANDS, cli
from pipeline.sinks.target import SinkError


def test_the_help_imports_no_subject_and_no_client_library() -> None:
    code = (
        "import sys\n"
        "from pipeline.cli.main import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    heavy = {'confluent_kafka', 'psycopg', 'redis', 'faust', 'rich', 'httpx', 'yaml', 'structlog'}\n"
        "    print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )

    ended = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)

    assert ended.stderr == "[]\n"
    assert all(f"  {name} " in ended.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_loads_under_its_name(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)

    assert command is not None
    assert command.name == name
    assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0


def test_an_unknown_command_is_misuse() -> None:
    result = CliRunner().invoke(cli, ["nonsense"])

    assert result.exit_code == 2
    assert "No such command 'nonsense'" in result.stderr


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """A command `fail` that raises what is put into the list."""
    errors: list[BaseException] = []

    @click.command()
    def fail() -> None:
        raise errors[0]

    monkeypatch.setitem(COMMANDS, "fail", (f"{__name__}:fail", ""))
    monkeypatch.setattr(sys.modules[__name__], "fail", fail, raising=False)
    return errors


def test_a_known_error_is_one_line_and_exit_code_1(failing: list[BaseException]) -> None:
    failing.append(SinkError("first\nsecond"))

    result = CliRunner().invoke(cli, ["fail"])

    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: first second\n")


def test_a_defect_keeps_its_traceback(failing: list[BaseException]) -> None:
    failing.append(KeyError("x"))

    result = CliRunner().invoke(cli, ["fail"])

    assert result.exit_code == 1
    assert isinstance(result.exception, KeyError)
    assert result.stderr == ""


def test_errors_of_the_servers_clients_name_the_server() -> None:
    import httpx
    import psycopg
    import redis
    from confluent_kafka import KafkaError, KafkaException

    assert known_error(psycopg.OperationalError("down")) == "PostgreSQL refused or cannot be reached: down"
    assert known_error(redis.ConnectionError("down")) == "Redis refused or cannot be reached: down"
    assert known_error(httpx.ConnectError("down")) == "the schema registry refused or cannot be reached: down"
    told = known_error(KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN, "down")))
    assert told is not None
    assert told.startswith("Kafka refused or cannot be reached: ")
    assert known_error(ValueError("x")) is None
