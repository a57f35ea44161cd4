"""Decides which faults strike which request."""

import hashlib
from collections import Counter

from orchestrator.simulator.faults import Chance, Count, Fault, Faults


def draw(seed: int, vmid: int, fault: Fault, ordinal: int, *, about: str = "strike") -> float:
    """A number from 0 up to 1, the same for the same arguments on every machine, whatever else goes on.

    ordinal: which of the VPS's requests this is, from 1. about: what the number decides.
    """
    key = f"{seed}/{vmid}/{fault}/{ordinal}/{about}".encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=6).digest()) / 2**48


class Seam:
    """The faults in force, what is left of the counted ones, and how often each has struck."""

    def __init__(self, faults: Faults, *, seed: int) -> None:
        self._faults = faults
        self._seed = faults.seed if faults.seed is not None else seed
        self._requests: Counter[int] = Counter()
        self._spent: Counter[tuple[int, Fault]] = Counter()
        self.struck: Counter[Fault] = Counter()

    def next_request(self, vmid: int) -> "Strikes":
        """What strikes the next request of this VPS; its requests are counted from when the faults were set."""
        self._requests[vmid] += 1
        return Strikes(self, vmid, self._requests[vmid])

    def strikes(self, vmid: int, fault: Fault, ordinal: int) -> bool:
        """Whether the fault strikes this request, which uses up one of a counted fault."""
        match self._faults.rule(vmid, fault):
            case None:
                return False
            case Chance(of=of):
                struck = draw(self._seed, vmid, fault, ordinal) < of
            case Count(requests=requests):
                struck = self._spent[vmid, fault] < requests
                self._spent[vmid, fault] += struck
        self.struck[fault] += struck
        return struck

    def coin(self, vmid: int, fault: Fault, ordinal: int) -> bool:
        """The half of the cases in which a fault that struck shows its other face."""
        return draw(self._seed, vmid, fault, ordinal, about="face") < 0.5

    def is_certain(self, vmid: int, fault: Fault) -> bool:
        """Whether the fault will strike the next request that it can strike."""
        match self._faults.rule(vmid, fault):
            case Chance(of=of):
                return of >= 1
            case Count(requests=requests):
                return self._spent[vmid, fault] < requests
            case None:
                return False


class Strikes:
    """What strikes one request. Ask about a fault only when it can have its effect: a counted one is used up by it."""

    def __init__(self, seam: Seam, vmid: int, ordinal: int) -> None:
        self._seam = seam
        self._vmid = vmid
        self._ordinal = ordinal
        self.struck: list[Fault] = []

    def by(self, fault: Fault) -> bool:
        """Whether this fault strikes the request."""
        struck = self._seam.strikes(self._vmid, fault, self._ordinal)
        if struck:
            self.struck.append(fault)
        return struck

    def coin(self, fault: Fault) -> bool:
        """One half of the cases, as the seed has it."""
        return self._seam.coin(self._vmid, fault, self._ordinal)
