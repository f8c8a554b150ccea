"""`make fuzz`: a million decodes and thousands of programmes from a seed; a failure is written to a file and shrunk.

python -m tests.fuzz --decodes 1000000 --programs 20000 --seed S
python -m tests.fuzz --replay FILE           what a failure's file says, once more
"""

from __future__ import annotations

import argparse
import json
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import fuzz_programs
import fuzz_wire
from fuzz_dead_letters import through_a_lane
from fuzz_programs import ProgramFuzz
from fuzz_wire import WireFuzz, Wrong, resident_mb

PART = 20_000
PROGRAMS_PART = 500
WARM_UP = 100_000
GROWTH_MB = 64.0
"""Decoding may not make the process grow by more once it is warm."""
HANG_CPU_S = 60


def main() -> int:
    """The exit code: 1 if something was wrong."""
    options = _options()
    if options.replay:
        return _replay(options.replay)
    seed = secrets.randbits(32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    signal.signal(signal.SIGVTALRM, _hangs)
    failure = wire(seed, options.decodes) or programs(seed, options.programs)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    if failure is None:
        return 0
    options.failures.mkdir(parents=True, exist_ok=True)
    path = options.failures / f"{failure['kind']}-{seed}.json"
    path.write_text(json.dumps(failure, indent=2), "utf-8")
    print(f"WRONG: {failure['wrong']}\n{path} has it; `python -m tests.fuzz --replay {path}` does it again")
    return 1


def wire(seed: int, decodes: int, quiet: bool = False) -> dict[str, Any] | None:
    """Decode, then give a sample of each reason to a lane. What was wrong, or None."""
    fuzz = WireFuzz(seed)
    began_s, warm_mb, highest_mb, done = time.monotonic(), 0.0, 0.0, 0
    try:
        while done < decodes:
            _watch()
            fuzz.run(min(PART, decodes - done))
            done += min(PART, decodes - done)
            if done >= WARM_UP:
                warm_mb = warm_mb or resident_mb()
                highest_mb = max(highest_mb, resident_mb())
                if highest_mb - warm_mb > GROWTH_MB:
                    raise Wrong(f"the process grew from {warm_mb:.0f} to {highest_mb:.0f} MB in {done} decodes")
        _watch()
        letters = through_a_lane(fuzz.decoder, fuzz.samples)
    except Wrong as wrong:
        print(f"wrong after about {done} decodes: {wrong}; shrinking")
        value = fuzz_wire.shrunk(fuzz, fuzz.at_hand)
        return {"kind": "wire", "seed": seed, "wrong": str(wrong), "value": value.hex(), "as_found": fuzz.at_hand.hex()}
    if not quiet:
        seconds = time.monotonic() - began_s
        print(f"{done:,} decodes in {seconds:.0f} s, the slowest {1000 * fuzz.slowest_s:.1f} ms of CPU time:")
        for reason, count in fuzz.reasons.most_common():
            print(f"  {reason:<16} {count:>9,}")
        print(f"memory: {warm_mb:.0f} MB when warm, {highest_mb:.0f} MB at the highest")
        print("through a lane, in dead-letters: " + ", ".join(f"{r} {n}" for r, n in sorted(letters.items())))
    return None


def programs(seed: int, count: int, quiet: bool = False) -> dict[str, Any] | None:
    """Check, compile and decide. What was wrong, or None."""
    fuzz = ProgramFuzz(seed)
    began_s, done = time.monotonic(), 0
    try:
        while done < count:
            _watch()
            fuzz.run(min(PROGRAMS_PART, count - done))
            done += min(PROGRAMS_PART, count - done)
    except Wrong as wrong:
        print(f"wrong after about {done} programmes: {wrong}; shrinking")
        texts = fuzz_programs.shrunk(fuzz.judge, fuzz.at_hand)
        return {"kind": "program", "seed": seed, "wrong": str(wrong), "files": texts, "as_found": fuzz.at_hand}
    if not quiet:
        seconds = time.monotonic() - began_s
        told = ", ".join(f"{outcome} {number:,}" for outcome, number in fuzz.outcomes.most_common())
        print(f"{done:,} programmes in {seconds:.0f} s, the slowest {1000 * fuzz.slowest_s:.0f} ms: {told}")
    return None


def _watch() -> None:
    """One part has so much CPU time; a decoder that goes round in a circle does not hold the run up for ever."""
    if signal.getsignal(signal.SIGVTALRM) is _hangs:
        signal.setitimer(signal.ITIMER_VIRTUAL, HANG_CPU_S * 5)


def _hangs(_number: int, _frame: object) -> NoReturn:
    raise Wrong("hangs: a part of the run took minutes of CPU time")


def _replay(path: Path) -> int:
    failure = json.loads(path.read_text("utf-8"))
    try:
        if failure["kind"] == "wire":
            print(WireFuzz(failure["seed"]).judge(bytes.fromhex(failure["value"])))
        else:
            print(ProgramFuzz(failure["seed"]).judge(failure["files"]))
    except Wrong as wrong:
        print(f"WRONG: {wrong}")
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--decodes", type=int, default=1_000_000, help="values to decode (1000000)")
    parser.add_argument("--programs", type=int, default=20_000, help="programmes to check (20000)")
    parser.add_argument("--seed", type=int, help="what everything is drawn from; one is drawn and printed if not given")
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"), help="where a failure is written to")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="do again what a failure's file holds")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
