"""What holds before any guest agent: what can be a command, and one request at a time for each VPS."""

from weakref import WeakValueDictionary

import anyio

from orchestrator.model.ids import Vmid


def command_problem(command: str, *, longest: int) -> str:
    """Why this cannot be a command, or empty. longest: characters that the provider takes."""
    if not command.strip():
        return "the command is empty"
    if "\0" in command:
        return "the command holds a NUL, which no argument of a program can"
    if len(command) > longest:
        return f"the command has {len(command)} characters, and the provider takes {longest}"
    return ""


class Turns:
    """A lock for each VPS, kept only while somebody holds it or waits for it.

    The agent's socket serves one client at a time; what a second one is answered can be meant for the first.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Vmid, anyio.Lock] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._locks)

    def of(self, vmid: Vmid) -> anyio.Lock:
        """The lock to hold during a request about this VPS."""
        lock = self._locks.get(vmid)
        if lock is None:
            lock = self._locks[vmid] = anyio.Lock(fast_acquire=True)
        return lock
