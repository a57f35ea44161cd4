"""`make fuzz`: random templates with hostile values in real shells, and exit status 1 on any that goes wrong."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from orchestrator.template.error import Fault
from tools.fuzz import case
from tools.fuzz.shells import NAMES, Shell, installed
from tools.fuzz.storm import Storm, Tally


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz ARGS=...", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long")
    parser.add_argument("--seed", type=int, default=None, help="to draw the same cases again; else another every time")
    parser.add_argument("--shell", action="append", default=[], choices=NAMES, help="only this one; may be repeated")
    parser.add_argument("--batch", type=int, default=400, help="cases that one process runs")
    parser.add_argument("--case", default=None, help="only this one, as it was printed where it went wrong")
    return parser.parse_args()


def report(tally: Tally, seconds: float) -> str:
    """The figures, a line each."""
    lines = [_first_line(tally, seconds)]
    lines += [f"  {count:>10,}  values in {name}" for name, count in tally.contexts.most_common()]
    lines += [f"  {count:>10,}  commands run by {name}" for name, count in tally.shells.most_common()]
    return "\n".join(lines)


def _first_line(tally: Tally, seconds: float) -> str:
    runs = sum(tally.shells.values())
    return (
        f"{tally.rendered:,} commands rendered, {tally.refused:,} refused, {runs:,} runs in {seconds:.0f} s"
        f" ({runs / max(seconds, 0.001):,.0f} a second), {tally.slow} took too long, {len(tally.broken)} broken"
    )


def storm(given: argparse.Namespace, shells: Sequence[Shell], folder: Path) -> int:
    """Draw and run for as long as was said, print what goes wrong as it does, then the figures; the exit status."""
    seed = time.time_ns() if given.seed is None else given.seed
    absent = {*(given.shell or NAMES)} - {shell.name for shell in shells}
    drawn = Storm(seed, shells, folder, batch=given.batch, tell=lambda broken: print(broken, flush=True))
    began = told = time.monotonic()
    interrupted = False
    try:
        print(f"seed {seed}; not here: {', '.join(sorted(absent)) or 'none'}", flush=True)
        while (now := time.monotonic()) < began + given.minutes * 60:
            drawn.round()
            if now - told > 60:
                told = now
                print(_first_line(drawn.tally, now - began), flush=True)
    except KeyboardInterrupt:
        interrupted = True
        print("interrupted")
    print(report(drawn.tally, time.monotonic() - began))
    return 1 if interrupted or drawn.tally.broken else 0


def alone(word: str, shells: Sequence[Shell], folder: Path) -> int:
    """Render one case anew, run it in each shell, and print what comes of it; the exit status."""
    try:
        one = case.read(word)
    except Fault as fault:
        print(f"refused: {fault.problem}; {fault.fix}")
        return 0
    print(one.script)
    again = Storm(0, shells, folder)
    for shell in shells:
        before = len(again.tally.broken)
        (again.listen if one.expected is None else again.expect)(shell, [one])
        print(f"{shell.name}: {again.tally.broken[-1].what if len(again.tally.broken) > before else 'as it should be'}")
    return 1 if again.tally.broken else 0


def main() -> int:
    """Run what was asked for, and return the exit status."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has its background jobs ignore it
    given = arguments()
    shells = installed(given.shell)
    if not shells:
        print("none of these shells is here")
        return 1
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        return alone(given.case, shells, Path(folder)) if given.case else storm(given, shells, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
