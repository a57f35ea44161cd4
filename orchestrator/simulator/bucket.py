"""The rate limit of an API key."""

import math


class Bucket:
    """A token bucket. rate: tokens a second, None for no limit; burst: how many it holds, and has at first."""

    def __init__(self, rate: float | None, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = -math.inf

    def take(self, now: float) -> int | None:
        """Takes a token; None when there was one, else the whole seconds after which there will be."""
        if self._rate is None:
            return None
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        return math.ceil((1 - self._tokens) / self._rate)
