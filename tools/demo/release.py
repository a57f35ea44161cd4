"""The guestbook's repository: a bare one, to which releases are published as tags, for the VPSes to fetch from."""

import os
import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).with_name("guestbook")
"""One folder a release, each laid over the one before it."""

# Nobody's own settings (signing, hooks, names) may steer a demo.
_IDENTITY = ("-c", "user.name=demo", "-c", "user.email=demo@example.invalid", "-c", "init.defaultBranch=main")


class Repository:
    """A bare repository in `folder`/guestbook.git, with a working copy beside it that publishes to it."""

    def __init__(self, folder: Path) -> None:
        self.origin = folder / "guestbook.git"
        self._work = folder / "work"
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "LANG": "C"}
        self._git("init", "--quiet", "--bare", str(self.origin))
        self._git("init", "--quiet", str(self._work))

    def publish(self, tag: str) -> None:
        """Commit the sources of this release and push them, tagged."""
        shutil.copytree(
            SOURCES / tag, self._work, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
        work = ("-C", str(self._work))
        self._git(*work, "add", "--all")
        self._git(*work, "commit", "--quiet", "--message", f"guestbook {tag}")
        self._git(*work, "tag", tag)
        self._git(*work, "push", "--quiet", str(self.origin), "HEAD:refs/heads/main", tag)

    def _git(self, *words: str) -> None:
        done = subprocess.run(
            ["git", *_IDENTITY, *words], env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"git {' '.join(words)}: {done.stderr.strip()}")


def checked_out(clone: Path) -> str:
    """The tag that a clone has checked out."""
    words = ["git", "-C", str(clone), "describe", "--tags", "--always"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
