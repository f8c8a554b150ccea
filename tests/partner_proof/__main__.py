"""Runs the proof and the pairs, and prints their figures as JSON; exits 1 where something is not as promised."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from pipeline.devstack.stack import LocalStack
from tests.partner_proof import runs

PROMISED_RATIO = 0.9


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.partner_proof", description=__doc__)
    parser.add_argument("--fulfilments", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--purchases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="accrue-partners-"))
    found: dict[str, object] = {}
    try:
        with LocalStack.up(folder / "stack", only=("kafka", "registry"), temporary=True) as stack:
            servers = stack.settings
            if options.fulfilments:
                (folder / "proof").mkdir()
                arguments = (options.fulfilments, options.kills, options.seed)
                found["proof"] = runs.fulfilments(servers, "proof", folder / "proof", *arguments)
                print(json.dumps(found), file=sys.stderr, flush=True)
            if options.pairs:
                found |= pairs(options.pairs, options.purchases, servers, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(found, indent=2))
    return 0 if found.get("purchase_rate_ratio", 1.0) >= PROMISED_RATIO else 1  # type: ignore[operator]


def pairs(number: int, purchases: int, servers: object, folder: Path) -> dict[str, object]:
    """Undisturbed and disturbed runs in turn, either first: medians, and the median ratio."""

    def own(name: str) -> Path:
        (folder / name).mkdir()
        return folder / name

    def both(run: Callable[[str, bool], object], what: str) -> list[tuple[object, object]]:
        rows = []
        for pair in range(number):
            order = (False, True) if pair % 2 == 0 else (True, False)
            values = {down: run(f"{what}{pair}{'b' if down else 'a'}", down) for down in order}
            rows.append((values[False], values[True]))
            print(what, rows[-1], time.strftime("%H:%M:%S"), file=sys.stderr, flush=True)
        return rows

    delays = both(lambda n, down: runs.latency(servers, n, own(n), 200, disturbed=down), "latency")  # type: ignore[arg-type]
    rates = both(lambda n, down: runs.purchases(servers, n, own(n), purchases, down=down), "purchases")  # type: ignore[arg-type]
    return {
        "calm_partner_ms": {"undisturbed": median(a for a, _ in delays), "disturbed": median(b for _, b in delays)},  # type: ignore[type-var]
        "purchases_per_second": {"partners_up": median(a[0] for a, _ in rates), "down": median(b[0] for _, b in rates)},  # type: ignore[index]
        "purchase_cpu_us": {"partners_up": median(a[1] for a, _ in rates), "down": median(b[1] for _, b in rates)},  # type: ignore[index]
        "purchase_rate_ratio": round(median(b[0] / a[0] for a, b in rates), 3),  # type: ignore[index]
    }


if __name__ == "__main__":
    sys.exit(main())
