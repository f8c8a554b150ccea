"""Compiles core, codec and the lane's state with mypyc where a C compiler is at hand; without one they run interpreted.

Everything else about the package stands in pyproject.toml. `ACCRUE_PURE=1` leaves the compiler out. The same modules
run in both ways: nothing may depend on being compiled but its speed.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_ext import build_ext

BUILDS = {"build", "build_ext", "bdist_wheel", "editable_wheel"}
COMPILED = (
    *sorted(str(path) for path in Path("pipeline/core").glob("*.py") if path.name != "__init__.py"),
    "pipeline/lane/changes.py",
    "pipeline/lane/keys.py",
    "pipeline/lane/outputs.py",
    "pipeline/lane/seen.py",
    "pipeline/lane/state.py",
    "pipeline/wire/binary.py",
    "pipeline/wire/codec.py",
    "pipeline/wire/state.py",
    "pipeline/wire/generated/decoders.py",
    "pipeline/wire/generated/encoders.py",
)


def mend_concatenation() -> None:
    """mypyc says that `bytes + bytes` takes the left operand over; its C code does not, and so leaks it each time.

    tests/unit/wire/test_memory_stands_still.py tells whether this is still needed, and whether it works.
    """
    from mypyc.primitives.registry import binary_ops  # noqa: PLC0415 - as above

    for description in binary_ops["+"]:
        if description.c_function_name == "CPyBytes_Concat":
            description.steals = False


def extensions() -> list[object]:
    """The compiled modules; none where they are not wanted, or nothing is being built."""
    if os.environ.get("ACCRUE_PURE") or not BUILDS.intersection(sys.argv):
        return []
    from mypyc.build import mypycify  # noqa: PLC0415 - asked for only where something is compiled

    mend_concatenation()
    sources = ["--ignore-missing-imports", *COMPILED]
    found = mypycify(sources, opt_level="2", debug_level="0", group_name="pipeline.compiled", multi_file=True)
    for extension in found:
        if sys.platform == "linux":  # no other library replaces our functions: calls among them go straight
            extension.extra_compile_args = [*extension.extra_compile_args, "-fno-semantic-interposition"]
            extension.extra_link_args = [*extension.extra_link_args, "-Wl,-Bsymbolic-functions"]
        extension.include_dirs = [*extension.include_dirs, "build/pipeline"]  # mypyc's headers, by the group's name
        extension.optional = True  # no compiler: a warning, and the interpreted modules
    return list(found)


class ParallelBuild(build_ext):
    """Compiles the files of an extension on all processors, where setuptools takes one after the other."""

    def build_extensions(self) -> None:
        one_by_one = self.compiler.compile

        def compile_all(sources: list[str], *args: Any, **kwargs: Any) -> list[str]:
            with ThreadPoolExecutor(os.cpu_count()) as threads:
                return [
                    one for found in threads.map(lambda s: one_by_one([s], *args, **kwargs), sources) for one in found
                ]

        self.compiler.compile = compile_all
        super().build_extensions()


setup(ext_modules=extensions(), cmdclass={"build_ext": ParallelBuild})
