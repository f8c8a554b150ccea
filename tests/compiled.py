"""Whether the compiled modules are those of the sources, and the tests once more without them.

python -m tests.compiled [PYTEST ARGUMENTS]     those of core, codec and lane in a copy of the tree, interpreted
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
SHARED_LIBRARY: Final = "pipeline/compiled__mypyc*.so"
TESTS: Final = (
    "tests/unit/core",
    "tests/unit/wire",
    "tests/unit/program",
    "tests/unit/lane",
    "tests/property",
    "tests/simulation",
)
PROOF: Final = "import pipeline.core.engine as engine; print(engine.__file__)"


def stale() -> list[str]:
    """Sources that were changed after they were compiled: what runs is not what they say."""
    libraries = list(ROOT.glob(SHARED_LIBRARY))
    if not libraries:
        return []
    built = libraries[0].stat().st_mtime
    shims = [path for path in (ROOT / "pipeline").rglob("*.so") if path not in libraries]
    sources = [shim.with_name(shim.name.split(".")[0] + ".py") for shim in shims]
    return sorted(str(path.relative_to(ROOT)) for path in sources if not path.is_file() or path.stat().st_mtime > built)


def copy_sources(to: Path) -> None:
    """The tree as it stands, tracked files and new ones, without what was built from them."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    subprocess.run(["git", "init", "--quiet"], cwd=to, check=True)  # some tests ask git which files there are


def environment(tree: Path) -> dict[str, str]:
    """Variables under which Python imports the packages of `tree`, wherever else they are installed."""
    return {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}


def main() -> int:
    """Returns pytest's exit code."""
    with tempfile.TemporaryDirectory(prefix="accrue-interpreted-") as folder:
        tree = Path(folder)
        copy_sources(tree)
        variables = environment(tree)
        found = subprocess.run(
            [sys.executable, "-c", PROOF], cwd=tree, env=variables, capture_output=True, text=True, check=True
        )
        if Path(found.stdout.strip()) != tree / "pipeline/core/engine.py":
            sys.stderr.write(f"the interpreted core is not what is imported: {found.stdout}")
            return 1
        print(f"interpreted: {', '.join(TESTS)}", flush=True)
        arguments = sys.argv[1:] or ["--numprocesses=2", "--dist=loadfile", "--quiet", *TESTS]
        return subprocess.run(
            [sys.executable, "-m", "pytest", *arguments], cwd=tree, env=variables, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
