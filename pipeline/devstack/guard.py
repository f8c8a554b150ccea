"""A small process that ends a stack's servers when the process that started them has ended, however that came."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pipeline

# Nothing is imported until it is needed: the guard waits as a bare interpreter.
_WAIT = """\
import sys
if sys.stdin.buffer.read() == b"":
    from pipeline.devstack.guard import end
    end(sys.argv[1], sys.argv[2] == "wipe")
"""


class Guard:
    """Watches over this process by a pipe: when it closes without a word, the servers are ended."""

    def __init__(self, directory: Path, *, wipe: bool) -> None:
        """Start the guard. wipe: it deletes data and logs as well."""
        root = str(Path(next(iter(pipeline.__path__))).parent)
        with (directory / "guard.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter with our own code
                [sys.executable, "-c", _WAIT, str(directory), "wipe" if wipe else "keep"],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The guard's process id."""
        return self._process.pid

    def dismiss(self) -> None:
        """Tell the guard that the servers were seen to, and wait for its end."""
        self._process.communicate(b"dismissed")


def end(directory: str, wipe: bool) -> None:
    """End the servers of this directory; what the guard itself runs."""
    from pipeline.devstack.stack import LocalStack  # noqa: PLC0415 - stack imports guard

    LocalStack(directory).down(wipe=wipe)
