"""When the next API call may be made: the generic cell rate algorithm (GCRA), known from ATM and API gateways."""


def next_call(theoretical: float, now: float, rate: float, burst: int) -> tuple[float, float]:
    """When a call asked for at `now` may be made, and the theoretical arrival time after it (both seconds).

    rate: calls per second in the long run; burst: calls that may be made at once after a pause.
    With rate 5 and burst 2, five calls asked for at 0 are made at 0, 0, 0.2, 0.4 and 0.6.
    """
    interval = 1 / rate
    due = max(theoretical, now)
    return max(now, due - (burst - 1) * interval), due + interval
