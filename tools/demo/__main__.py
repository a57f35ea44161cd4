"""`make demo`: a real release over the embedded fleet, which one VPS cannot take; then what the fleet itself shows.

Exit status 0 exactly when all came as expected and nothing is left behind; else it says what differs.
The journal is kept in .orchestrator/demo, or in the folder that is named as the only argument.
"""

import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tools.demo import proof
from tools.demo.fleet import VMIDS, Fleet, orc, plan_fleet, running_fleet
from tools.demo.proof import as_released
from tools.demo.release import Repository

BROKEN = "vps-03"
STATE = ".orchestrator/demo"
ROLLED_BACK = 4
"""The exit status of a run in which hosts failed and all of them were rolled back."""

_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Unexpected(Exception):
    """Something did not come as it should; one sentence for each."""

    def __init__(self, *sentences: str) -> None:
        super().__init__("\n".join(sentences))


def say(text: str = "") -> None:
    print(text, flush=True)


def show_command(words: Sequence[str]) -> None:
    say(f"  $ orc {' '.join(words)}")


def install(fleet: Fleet, repository: Repository) -> None:
    """Bring v1 onto every VPS, with a playbook too."""
    words = ("run", "playbooks/demo-seed.yml", "-i", str(fleet.inventory), "-e", "release=v1")
    more = ("-e", f"origin={repository.origin}", "-e", f"python={sys.executable}", "--yes")
    show_command([*words, *more])
    log = fleet.folder / "seed.log"
    with log.open("w") as output:
        status = orc(fleet, *words, *more, output=output)
    if status != 0:
        raise Unexpected(log.read_text(), f"the guestbook could not be installed: orc ended with status {status}")
    _check(fleet, {name: as_released("v1") for name in VMIDS})
    say(f"  All {len(VMIDS)} answer `{as_released('v1').answer}`.")


def roll_out(fleet: Fleet) -> None:
    """Roll v2 out, orc speaking for itself: live on a terminal, else by its report alone."""
    words = ("run", "playbooks/demo.yml", "-i", str(fleet.inventory), "-e", "release=v2")
    more = ("-e", f"python={sys.executable}", "--yes", *(() if sys.stderr.isatty() else ("--quiet",)))
    show_command([*words, *more])
    say()
    status = orc(fleet, *words, *more)
    say()
    if status != ROLLED_BACK:
        raise Unexpected(f"orc ended with status {status}, expected {ROLLED_BACK}: failed and rolled back")


def prove(fleet: Fleet) -> None:
    """Look at the fleet past orc, and compare."""
    expected = {name: as_released("v1" if name == BROKEN else "v2") for name in VMIDS}
    seen = proof.look(fleet)
    remarks = {BROKEN: "as it was before"}
    say("\n".join(f"  {line}" for line in proof.table(seen, remarks).splitlines()))
    _raise_any(proof.differences(seen, expected))


def _check(fleet: Fleet, expected: dict[str, proof.Sight]) -> None:
    _raise_any(proof.differences(proof.look(fleet), expected))


def _raise_any(sentences: Sequence[str]) -> None:
    if sentences:
        raise Unexpected(*sentences)


def demonstrate(fleet: Fleet) -> None:
    """The whole story, from an empty fleet to the proof."""
    repository = Repository(fleet.folder)
    repository.publish("v1")
    say(f"1. A fleet of {len(VMIDS)} VPSes on this machine, reached through an API like HostUp's.")
    with running_fleet(fleet):
        say("2. A little web service with a database, v1, is installed on all of them.")
        install(fleet, repository)
        repository.publish("v2")
        (fleet.home(BROKEN) / "cache").touch()
        say(f"3. v2 is published. It needs a folder `cache`; on {BROKEN} somebody has left a file of that name.")
        say("4. v2 is rolled out: one VPS first, then a quarter, then the rest. One may fail.")
        roll_out(fleet)
        say("5. What the fleet itself shows: every service, database and working copy, asked past orc.")
        prove(fleet)
    _raise_any(proof.remains(fleet))


def print_next(fleet: Fleet) -> None:
    """The commands that work from here: the fleet is gone, its journal is not."""
    say("The fleet is stopped and removed; the journal of its runs is kept. To read it:")
    for words in ("status last", f"logs last {BROKEN} healthy", "runs"):
        say(f"  ORC_STATE_DIR={shlex.quote(str(fleet.state))} .venv/bin/orc {words}")
    say("What would be done to a fleet of your own (README.md goes on from here):")
    say("  .venv/bin/orc plan playbooks/enbase.yml -i inventories/example-hostup.yml -e release=v2")


def _interrupt(*_: object) -> None:
    for each in _STOP:
        signal.signal(each, signal.SIG_IGN)  # once is enough: a second one would cut the cleaning up short
    raise KeyboardInterrupt


def main(argv: Sequence[str]) -> int:
    if shutil.which("git") is None:
        print("The demo needs git: install it (`apt install git`, `xcode-select --install`) and run this again.")
        return 1
    for each in _STOP:
        signal.signal(each, _interrupt)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="orc-demo-", ignore_cleanup_errors=True) as folder:
        fleet = plan_fleet(Path(folder).resolve(), Path(*argv[:1] or [STATE]))
        try:
            demonstrate(fleet)
            say()
            print_next(fleet)
        except (Unexpected, RuntimeError) as error:
            say(f"\nThis is not what was expected:\n{error}")
            return 1
        except KeyboardInterrupt:
            say("\nInterrupted: everything is stopped.")
            return 130
        finally:
            proof.end_services(fleet)
    say(f"\nAll as expected, in {time.monotonic() - began:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
