"""When the next API call may be made: the generic cell rate algorithm (GCRA), known from ATM and API gateways."""


def earliest(theoretical: float, rate: float, burst: int, *, kept: int = 0) -> float:
    """When a call may be made at the earliest, in seconds.

    theoretical: the theoretical arrival time, as `after_call` gave it; 0 before the first call.
    rate: calls per second in the long run; burst: calls that may be made at once after a pause.
    kept: of the burst, the calls that this one must leave to others.
    With rate 5, burst 2 and theoretical 10: 9.8, and 10 where one is kept.
    """
    return theoretical - (burst - 1 - kept) / rate


def after_call(theoretical: float, at: float, rate: float) -> float:
    """The theoretical arrival time after a call that was made at `at`."""
    return max(theoretical, at) + 1 / rate


def reserve(burst: int) -> int:
    """Of a burst, the calls that are kept for undos and for ending what runs: a fifth, at least 1; of 1 none is."""
    return min(max(1, burst // 5), burst - 1)
