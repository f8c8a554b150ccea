"""Runs the long comparison of core and model from the checkout, with the paths that pytest gives to its tests."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "core"), str(HERE.parent)]

from long_run import main  # noqa: E402 - its own imports need the paths

if __name__ == "__main__":
    sys.exit(main())
