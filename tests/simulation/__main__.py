"""Runs the simulation from the checkout, with the paths that pytest gives to its tests."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import many_due  # noqa: E402 - its own imports need the paths
import simulation_command  # noqa: E402 - as above

if __name__ == "__main__":
    sys.exit(many_due.main() if "--lots" in sys.argv else simulation_command.main())
