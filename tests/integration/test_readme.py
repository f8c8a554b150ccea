"""Runs what the README tells a newcomer to type, as it stands there."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECTION = re.compile(r"^## (?P<title>.+?)$(?P<body>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)
WALK_SECONDS = 240

FIRST_READS = ("accrue member show ann", "accrue explain sale-1")
"""Commands that a person would repeat until the worker and the sinks have come to the event."""

CONSUME = r"""
of_stack() { python -c "import json; print(json.load(open('.accrue/stack.json'))['$1'])"; }
export ACCRUE_REGISTRY_URL=$(of_stack registry_url) ACCRUE_BOOTSTRAP_SERVERS=$(of_stack bootstrap_servers)
python consumer.py > consumed.out 2> consumer.log &
until grep 'ann earn' consumed.out; do sleep 0.2; done
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A newcomer's working directory; what still runs there in the end is ended."""
    with tempfile.TemporaryDirectory(prefix="accrue-readme-", ignore_cleanup_errors=True) as name:
        yield Path(name)
        subprocess.run([sys.executable, "-m", "pipeline.cli.main", "down"], cwd=name, env=environment(), check=True)


def environment() -> dict[str, str]:
    """No settings but the cache, so that the commands find the stack that the walk starts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ACCRUE_") or "CACHE" in name}
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"}


def blocks(title: str) -> list[str]:
    """Code of the README's blocks under a heading."""
    sections = {m["title"]: m["body"] for m in SECTION.finditer((ROOT / "README.md").read_text("utf-8"))}
    return [m["code"] for m in BLOCK.finditer(sections[title])]


def walk() -> str:
    """The walk's commands up to the one that ends it, first reads repeated until they succeed; then the consumer."""
    typed = ["set -euo pipefail"]
    for line in "\n".join(blocks("Five minutes by hand")).splitlines():
        command = line.split("#", maxsplit=1)[0].strip()
        if command.startswith("kill %1"):
            return "\n".join([*typed, CONSUME])
        repeated = f"until {command} > read.out 2>&1; do sleep 0.2; done; cat read.out"
        typed.append(repeated if command in FIRST_READS else line)
    raise AssertionError("the walk no longer ends with `kill %1 ...`")


@pytest.mark.kafka
def test_the_walk_of_five_minutes_works_as_it_is_written(folder: Path) -> None:
    shutil.copytree(ROOT / "programs", folder / "programs")
    (consumer,) = blocks("A downstream consumer in fifteen lines")
    (folder / "consumer.py").write_text(consumer, "utf-8")
    output = folder / "walk.out"

    with output.open("w") as told, suppress(subprocess.TimeoutExpired):
        walking = subprocess.Popen(
            ["bash", "-c", walk()],
            cwd=folder, env=environment(), stdout=told, stderr=told, start_new_session=True,
        )  # fmt: skip
        try:
            walking.wait(WALK_SECONDS)
        finally:
            with suppress(ProcessLookupError):  # the workers, sinks and consumer that it left in the background
                os.killpg(walking.pid, signal.SIGKILL)
            walking.wait()

    text = output.read_text("utf-8")
    assert walking.returncode == 0, text
    assert "2 events sent" in text, text
    assert "first-purchase: met, gave 50 points" in text, text
    assert "Every chain and every balance holds" in text, text
    assert len(re.findall(r"^digest [0-9a-f]{64}$", text, re.MULTILINE)) == 3, text
    assert "ann earn 20 program:issued -> member:ann:available" in text, text
