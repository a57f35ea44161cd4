"""`make fuzz`: random templates with hostile values in real shells, and exit status 1 on any that goes wrong."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tools.fuzz.shells import NAMES, installed
from tools.fuzz.storm import Storm, Tally

SHOWN = 20
"""Broken cases that are printed."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz ARGS=...", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long")
    parser.add_argument("--seed", type=int, default=None, help="to draw the same cases again; else another every time")
    parser.add_argument("--shell", action="append", default=[], choices=NAMES, help="only this one; may be repeated")
    parser.add_argument("--batch", type=int, default=400, help="cases that one process runs")
    return parser.parse_args()


def report(tally: Tally, seconds: float) -> str:
    """The figures, a line each."""
    runs = sum(tally.shells.values())
    lines = [
        f"{tally.rendered:,} commands rendered, {tally.refused:,} refused, {runs:,} runs in {seconds:.0f} s"
        f" ({runs / max(seconds, 0.001):,.0f} a second), {tally.slow} took too long"
    ]
    lines += [f"  {count:>10,}  values in {name}" for name, count in tally.contexts.most_common()]
    lines += [f"  {count:>10,}  commands run by {name}" for name, count in tally.shells.most_common()]
    lines += [str(broken) for broken in sorted(tally.broken, key=lambda each: len(each.case.script))[:SHOWN]]
    return "\n".join([*lines, f"{len(tally.broken)} broken"])


def main() -> int:
    """Run for as long as was said, print the figures, and return the exit status."""
    given = arguments()
    shells = installed(given.shell)
    if not shells:
        print("none of these shells is here")
        return 1
    seed = time.time_ns() if given.seed is None else given.seed
    absent = {*(given.shell or NAMES)} - {shell.name for shell in shells}
    print(f"seed {seed}; not here: {', '.join(sorted(absent)) or 'none'}", flush=True)
    began = time.monotonic()
    told = began
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        storm = Storm(seed, shells, Path(folder), batch=given.batch)
        while (now := time.monotonic()) < began + given.minutes * 60:
            storm.round()
            if now - told > 60:
                told = now
                print(report(storm.tally, now - began).splitlines()[0], f"{len(storm.tally.broken)} broken", flush=True)
    print(report(storm.tally, time.monotonic() - began))
    return 1 if storm.tally.broken else 0


if __name__ == "__main__":
    sys.exit(main())
